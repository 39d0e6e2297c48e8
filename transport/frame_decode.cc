// decode_frame: the half of frame.cc that meets untrusted bytes. Fields come in the one order that
// FRAME.md gives, so a single pass without recursion reads them.
#include <cstdint>
#include <span>

#include "transport/column_code.h"
#include "transport/compress.h"
#include "transport/frame.h"
#include "transport/msgpack.h"
#include "transport/text.h"

namespace godwit {
namespace {

using column_code::max_integer;

// Memory for unpacked messages that a thread keeps from one frame to the next.
constexpr std::size_t max_kept_scratch = 1U << 20;
constexpr std::string_view reason_characters = "abcdefghijklmnopqrstuvwxyz0123456789_";

class FrameDecoder {
 public:
  FrameDecoder(std::string_view message, Frame& frame) : reader_(message), frame_(frame) {}

  Status decode() {
    fields_left_ = reader_.map(16);
    expect("v");
    reader_.integer(1, 1);
    expect("s");
    frame_.stream = reader_.id();
    expect("i");
    frame_.schema = reader_.id();
    expect("q");
    steps(frame_.seqs, 0, 1);
    expect("t");
    steps(frame_.times_ms, -max_integer, 0);
    if (reader_.ok() && frame_.times_ms.size() != frame_.seqs.size()) {
      reader_.fail("another count of ticks in q than in t");
    }
    next_field();
    frame_.history = field_ == "h";
    if (frame_.history) {
      if (!reader_.boolean()) reader_.fail("h is given but not true");
      next_field();
    }
    keep_every();
    losses();
    if (field_ == "m") patterns();
    if (field_ != "c") reader_.fail("field c does not come where it belongs");
    columns();
    if (reader_.ok() && fields_left_ != 0) reader_.fail("more fields than a frame has");
    return reader_.finish();
  }

 private:
  void next_field() {
    if (fields_left_ == 0) return reader_.fail("fields are missing");
    --fields_left_;
    field_ = reader_.text(1);
  }

  void expect(std::string_view name) {
    next_field();
    if (field_ != name) reader_.fail("a field does not come where it belongs");
  }

  // First value and (difference, times) pairs, spread out; differences of at least `min_step`.
  template <class T>
  void steps(std::vector<T>& out, std::int64_t min_first, std::int64_t min_step) {
    out.clear();
    const std::size_t size = reader_.array(2 * max_frame_ticks + 1);
    if (size % 2 == 0) reader_.fail("steps are not a first value and pairs");
    std::int64_t value = reader_.integer(min_first, max_integer);
    out.push_back(static_cast<T>(value));
    for (std::size_t i = 1; i < size && reader_.ok(); i += 2) {
      const std::int64_t step = reader_.integer(min_step, max_integer);
      const std::int64_t left = static_cast<std::int64_t>(max_frame_ticks - out.size());
      const std::int64_t times = reader_.integer(1, left);
      if (!reader_.ok()) return;
      if (step != 0 && times > (max_integer - value) / step) return reader_.fail("out of range");
      for (std::int64_t n = 0; n < times; ++n) {
        value += step;
        out.push_back(static_cast<T>(value));
      }
    }
  }

  void keep_every() {
    frame_.keep_every = 1;
    if (field_ != "k") return;
    frame_.keep_every = static_cast<std::uint64_t>(reader_.integer(2, max_keep_every));
    next_field();
  }

  void losses() {
    frame_.lost.clear();
    if (field_ != "l") return;
    const std::size_t count = reader_.map(max_loss_reasons);
    if (count == 0) reader_.fail("no losses in l");
    for (std::size_t i = 0; i < count && reader_.ok(); ++i) {
      const std::string_view reason = reader_.text(max_loss_reason_bytes);
      if (reason.empty() || reason.find_first_not_of(reason_characters) != reason.npos) {
        reader_.fail("no reason of a loss");
      }
      const std::int64_t ticks = reader_.integer(0, max_integer);
      frame_.lost[std::string(reason)] = static_cast<std::uint64_t>(ticks);
    }
    next_field();
  }

  void patterns() {
    const auto ticks = static_cast<std::int64_t>(frame_.ticks());
    const std::size_t count = reader_.array(max_schema_series);
    for (std::size_t i = 0; i < count && reader_.ok(); ++i) {
      pattern_starts_.push_back(runs_.size());
      std::int64_t total = 0;
      const std::size_t size = reader_.array(max_frame_ticks);
      for (std::size_t k = 0; k < size && reader_.ok(); ++k) {
        runs_.push_back(reader_.integer(k == 0 ? 0 : 1, ticks - total));
        total += runs_.back();
      }
      if (total == 0) reader_.fail("a pattern without ticks");
      if (runs_.size() > max_frame_values / 2) reader_.fail("more runs than allowed");
    }
    pattern_starts_.push_back(runs_.size());
    expect("p");
    patterns_used_.resize(reader_.array(max_schema_series));
    reader_.integers(patterns_used_.data(), patterns_used_.size());
    next_field();
  }

  void columns() {
    const std::string_view codes = reader_.bytes(max_schema_series);
    if (codes.size() > max_frame_values / frame_.ticks()) reader_.fail("more values than allowed");
    if (!pattern_starts_.empty() && patterns_used_.size() != codes.size()) {
      reader_.fail("another count of columns in p than in c");
    }
    expect("d");
    numbers_left_ = reader_.array(max_frame_values);
    if (!reader_.ok()) return;
    frame_.columns.resize(codes.size());
    for (std::size_t i = 0; i < codes.size() && reader_.ok(); ++i) column(i, codes[i]);
    if (reader_.ok() && numbers_left_ != 0) reader_.fail("more numbers than the columns need");
  }

  // Where the values of column i are, as runs present, absent, present, ...
  std::span<const std::int64_t> runs_of(std::size_t i) {
    const std::int64_t used = pattern_starts_.empty() ? 0 : patterns_used_[i];
    if (used == 0) return {};
    if (used < 0 || used >= static_cast<std::int64_t>(pattern_starts_.size())) {
      reader_.fail("no such pattern");
      return {};
    }
    const auto index = static_cast<std::size_t>(used);
    const std::size_t start = pattern_starts_[index - 1];
    return std::span(runs_).subspan(start, pattern_starts_[index] - start);
  }

  void column(std::size_t index, char code_byte) {
    const unsigned code = static_cast<unsigned char>(code_byte);
    auto& out = frame_.columns[index];
    if (code == column_code::none << 4) {
      out.assign(frame_.ticks(), absent);
      return;
    }
    const auto runs = runs_of(index);
    std::size_t count = runs.empty() ? frame_.ticks() : 0;
    for (std::size_t k = 0; k < runs.size(); k += 2) count += static_cast<std::size_t>(runs[k]);
    if (count == 0) return reader_.fail("a column without values is not marked so");
    out.resize(count);
    if (code >> 4 == column_code::floats && (code & 0xf) <= 1) {
      floats(out, (code & 0xf) == 1);
    } else if (code >> 4 < column_code::floats) {
      integers(out, code >> 4, code & 0xf);
    } else {
      reader_.fail("a form of column that this version does not know");
    }
    if (!runs.empty() && reader_.ok()) spread(out, runs);
  }

  bool take_numbers(std::size_t count) {
    if (count > numbers_left_) {
      reader_.fail("fewer numbers than the columns need");
      return false;
    }
    numbers_left_ -= count;
    return true;
  }

  void floats(std::vector<double>& out, bool constant) {
    if (!take_numbers(constant ? 1 : out.size())) return;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = constant && i > 0 ? out[0] : reader_.float64();
      if (is_absent(out[i])) return reader_.fail("the mark of an absent value as a value");
    }
  }

  void integers(std::vector<double>& out, unsigned form, unsigned scale) {
    const double power = column_code::powers[scale];
    if (form == column_code::constant) {
      if (!take_numbers(1)) return;
      const auto value = reader_.integer(-max_integer, max_integer);
      out.assign(out.size(), static_cast<double>(value) / power);
      return;
    }
    if (!take_numbers(out.size())) return;
    integers_.resize(out.size());
    reader_.integers(integers_.data(), integers_.size());
    const auto in_range = [](std::int64_t n) { return n >= -max_integer && n <= max_integer; };
    std::int64_t value = 0;
    std::int64_t slope = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::int64_t n = integers_[i];
      if (!in_range(n)) return reader_.fail("integer out of range");
      if (form == column_code::slopes && i > 0) {
        slope += n;
        if (!in_range(slope)) return reader_.fail("sum of integers out of range");
        value += slope;
      } else {
        value += n;
      }
      if (!in_range(value)) return reader_.fail("sum of integers out of range");
      out[i] = static_cast<double>(value) / power;
    }
  }

  // From one value after the other to their ticks, in place from the back.
  void spread(std::vector<double>& out, std::span<const std::int64_t> runs) {
    std::size_t from = out.size();
    std::size_t to = frame_.ticks();
    out.resize(to, absent);
    std::size_t covered = 0;
    for (const std::int64_t run : runs) covered += static_cast<std::size_t>(run);
    to = covered;
    for (std::size_t k = runs.size(); k-- > 0;) {
      for (std::int64_t n = 0; n < runs[k]; ++n) out[--to] = k % 2 == 0 ? out[--from] : absent;
    }
  }

  Reader reader_;
  Frame& frame_;
  std::size_t fields_left_ = 0;
  std::string_view field_;
  std::vector<std::int64_t> runs_;           // of all patterns
  std::vector<std::size_t> pattern_starts_;  // in runs_, and the end; empty without patterns
  std::vector<std::int64_t> patterns_used_;
  std::size_t numbers_left_ = 0;
  std::vector<std::int64_t> integers_;
};

}  // namespace

Status decode_frame(std::string_view payload, Frame& frame) {
  if (payload.size() > max_frame_bytes) {
    return Error{ErrorCode::invalid, concat("frame: larger than ", max_frame_bytes, " bytes")};
  }
  thread_local std::string scratch;
  const auto plain = decompress(payload, scratch, max_frame_unpacked_bytes);
  if (!plain) return plain.error().with_prefix("frame");
  const Status status = FrameDecoder(*plain, frame).decode();
  if (scratch.capacity() > max_kept_scratch) scratch = {};
  if (!status) return status.error().with_prefix("frame");
  return {};
}

}  // namespace godwit
