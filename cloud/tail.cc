#include "cloud/tail.h"

#include <utility>

#include <fnmatch.h>

#include "cloud/decode.h"
#include "transport/clock.h"
#include "transport/json_writer.h"
#include "transport/terminal_text.h"
#include "transport/text.h"

namespace godwit {

Tail::Tail(TailOptions options)
    : options_(std::move(options)), feed_([this](auto node, const auto& schema, const auto& frame) {
        print_losses(node, frame);
        print_frame(node, schema, frame);
      }) {}

std::string Tail::on_message(const Message& message) {
  feed_.on_message(message);
  return std::exchange(out_, {});
}

void Tail::print_losses(std::string_view node, const Frame& frame) {
  if (frame.lost.empty()) return;
  const std::int64_t time_ms = frame.times_ms.front();
  if (!options_.json) {
    std::string what = "lost so far, in ticks:";
    for (const auto& [reason, ticks] : frame.lost) what += concat(" ", reason, "=", ticks);
    out_ += concat(paint(format_utc(time_ms), Color::dim, options_.color), " ",
                   paint(node, Color::cyan, options_.color), " ",
                   paint(what, Color::red, options_.color), "\n");
    return;
  }
  JsonWriter json;
  json.begin_object();
  json.member("time_ms", time_ms);
  json.member("node", node);
  json.key("lost");
  json.begin_object();
  for (const auto& [reason, ticks] : frame.lost) json.member(reason, ticks);
  json.end_object();
  json.end_object();
  out_ += json.text() + "\n";
}

void Tail::print_frame(std::string_view node, const Schema& schema, const Frame& frame) {
  for (std::size_t t = 0; t < frame.ticks(); ++t) {
    for (std::size_t i = 0; i < frame.columns.size(); ++i) {
      const Series& series = schema.series[i];
      const double value = frame.columns[i][t];
      if (is_absent(value)) continue;
      if (!options_.metric.empty() &&
          fnmatch(options_.metric.c_str(), series.name.c_str(), 0) != 0) {
        continue;
      }
      if (options_.json) {
        print_json(node, series, frame, t, value);
      } else {
        print_text(node, series, frame, t, value);
      }
    }
  }
}

void Tail::print_text(std::string_view node, const Series& series, const Frame& frame,
                      std::size_t tick, double value) {
  const bool color = options_.color;
  out_ += concat(paint(format_utc(frame.times_ms[tick]), Color::dim, color), " ",
                 paint(node, Color::cyan, color), " ", printable(format_series(series)), " ",
                 paint(format_number(value), Color::bold, color));
  if (frame.history) out_ += concat(" ", paint("history", Color::yellow, color));
  if (frame.keep_every > 1) {
    out_ += concat(" ", paint(concat("thinned=1/", frame.keep_every), Color::yellow, color));
  }
  out_ += "\n";
}

void Tail::print_json(std::string_view node, const Series& series, const Frame& frame,
                      std::size_t tick, double value) {
  JsonWriter json;
  json.begin_object();
  json.member("time_ms", frame.times_ms[tick]);
  json.member("node", node);
  json.member("name", series.name);
  json.key("labels");
  json.begin_object();
  for (const auto& label : series.labels) json.member(label.name, label.value);
  json.end_object();
  json.key("value");
  write_value(json, value);
  if (frame.history) json.member("history", true);
  if (frame.keep_every > 1) json.member("keep_every", frame.keep_every);
  json.end_object();
  out_ += json.text() + "\n";
}

}  // namespace godwit
