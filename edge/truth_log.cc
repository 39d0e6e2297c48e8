#include "edge/truth_log.h"

#include <cmath>

#include "transport/json_writer.h"
#include "transport/log.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {

TruthLog::TruthLog(const std::string& path) {
  if (path.empty()) return;
  out_.open(path, std::ios::app);
  if (!out_) log::error("truth_log", "cannot be written", {{"path", path}});
}

void TruthLog::tick(std::uint64_t stream, std::uint64_t seq, std::int64_t boot_ms,
                    std::optional<std::int64_t> wall_ms, const std::vector<Sample>& samples) {
  if (!on()) return;
  JsonWriter json;
  json.begin_object();
  json.member("seq", seq);
  json.member("stream", format_schema_id(stream));
  json.member("boot_ms", boot_ms);
  json.key("wall_ms");
  if (wall_ms) {
    json.value(*wall_ms);
  } else {
    json.null();
  }
  json.key("v");
  json.begin_object();
  for (const auto& sample : samples) {
    // Queries do not return it.
    if (is_stale_marker(sample.value)) continue;
    json.key(format_series(sample.series));
    if (std::isfinite(sample.value)) {
      json.value(sample.value);
    } else {
      json.value(format_number(sample.value));
    }
  }
  json.end_object();
  json.end_object();
  out_ << json.text() << '\n' << std::flush;
}

void TruthLog::sent(const Frame& frame) {
  if (!on()) return;
  JsonWriter json;
  json.begin_object();
  json.key("sent");
  json.begin_array();
  for (const auto seq : frame.seqs) json.value(seq);
  json.end_array();
  json.member("stream", format_schema_id(frame.stream));
  json.key("t");
  json.begin_array();
  for (const auto time : frame.times_ms) json.value(time);
  json.end_array();
  json.end_object();
  out_ << json.text() << '\n' << std::flush;
}

void TruthLog::lost(std::uint64_t stream, std::string_view reason,
                    const std::vector<std::uint64_t>& seqs) {
  if (!on()) return;
  JsonWriter json;
  json.begin_object();
  json.member("lost", reason);
  json.member("stream", format_schema_id(stream));
  json.key("seqs");
  json.begin_array();
  for (std::size_t begin = 0; begin < seqs.size();) {
    std::size_t end = begin + 1;
    while (end < seqs.size() && seqs[end] == seqs[end - 1] + 1) ++end;
    json.begin_array();
    json.value(seqs[begin]);
    json.value(seqs[end - 1]);
    json.end_array();
    begin = end;
  }
  json.end_array();
  json.end_object();
  out_ << json.text() << '\n' << std::flush;
}

}  // namespace godwit
