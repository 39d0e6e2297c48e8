// WebHub: the pages that are open, each with a stream of server-sent events. Bounded. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "transport/http_stream.h"

namespace godwit {

inline constexpr std::size_t max_web_streams = 64;

class WebHub {
 public:
  // `hello`: JSON of the first event. `node`: the one that is looked at, or "". nullptr: there are
  // max_web_streams.
  std::shared_ptr<HttpStream> open(std::string node, const std::string& hello);
  [[nodiscard]] bool empty() const;
  // Someone looks at the node.
  [[nodiscard]] bool watches(std::string_view node) const;

  // To all, and to those who look at `node`. `json` is one line.
  void send(std::string_view event, std::string_view json);
  void send_node(std::string_view node, std::string_view json);
  // Call about once a second: a comment now and then shows each side that the other is there.
  void keep_alive(std::int64_t now_ms);
  void close_all();

 private:
  struct Reader {
    std::string node;
    std::shared_ptr<HttpStream> stream;
  };
  void send_text(const HttpStream::Text& text, std::string_view node);

  mutable std::mutex mutex_;
  // Protected by mutex_.
  std::vector<Reader> readers_;
  std::int64_t kept_alive_ms_ = 0;
};

}  // namespace godwit
