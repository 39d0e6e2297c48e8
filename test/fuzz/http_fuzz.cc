// Any bytes, in any two pieces, end in requests, a refusal or the wish for more; never beyond
// bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "transport/http_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using godwit::HttpParser;
  if (size == 0) return 0;
  godwit::HttpLimits limits;
  limits.max_head_bytes = 512;
  limits.max_headers = 8;
  limits.max_body_bytes = 256;
  HttpParser parser(limits);
  const std::string all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], all.size());
  std::string input = all.substr(0, cut);
  for (int piece = 0; piece < 2; ++piece) {
    for (;;) {
      const HttpParser::Outcome outcome = parser.consume(input);
      if (outcome == HttpParser::Outcome::refused) {
        if (parser.status() < 400) std::abort();
        return 0;
      }
      if (outcome == HttpParser::Outcome::more) break;
      const godwit::HttpRequest request = parser.take();
      if (request.body.size() > limits.max_body_bytes || request.method.empty()) std::abort();
    }
    // What waits for more is bounded: a head, or the line of a chunk's size.
    if (input.size() > limits.max_head_bytes) std::abort();
    if (piece == 0) input += all.substr(cut);
  }
  return 0;
}
