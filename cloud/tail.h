// Tail: live readings of the fleet as lines, from the same messages that a relay gets, and what the
// nodes say of readings that will never come. It only listens: agents notice nothing. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/frame_feed.h"
#include "transport/mqtt_link.h"

namespace godwit {

struct TailOptions {
  std::string node;    // empty: all
  std::string metric;  // shell pattern on the metric's name; empty: all
  bool json = false;   // one object per line
  bool color = false;  // of text
};

class Tail {
 public:
  explicit Tail(TailOptions options);

  // The lines that a message makes readable.
  std::string on_message(const Message& message);
  // See FrameFeed.
  void ask_again(Link& link) { feed_.ask_again(link); }

  // Messages that could not be read, and frames given up for want of their schema.
  [[nodiscard]] std::uint64_t unreadable() const { return feed_.unreadable(); }

 private:
  void print_frame(std::string_view node, const Schema& schema, const Frame& frame);
  // What the node declares lost, whatever metric is asked for.
  void print_losses(std::string_view node, const Frame& frame);
  void print_text(std::string_view node, const Series& series, const Frame& frame, std::size_t tick,
                  double value);
  void print_json(std::string_view node, const Series& series, const Frame& frame, std::size_t tick,
                  double value);

  TailOptions options_;
  FrameFeed feed_;
  std::string out_;
};

// Prints until a signal comes or nobody reads any more.
int tail_command(MqttOptions broker, const TailOptions& options);

}  // namespace godwit
