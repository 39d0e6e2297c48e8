// Any bytes, in any two pieces, end in an answer, a refusal or the wish for more; never beyond
// bounds.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "edge/http_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using godwit::HttpAnswer;
  using godwit::HttpAnswerParser;
  if (size == 0) return 0;
  constexpr std::size_t max_body = 256;
  std::size_t sunk = 0;
  HttpAnswerParser parser(max_body,
                          [&](const HttpAnswer& answer, std::string_view piece) -> godwit::Status {
                            if (answer.status != 200) std::abort();
                            sunk += piece.size();
                            return {};
                          });
  const std::string all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], all.size());
  std::string input = all.substr(0, cut);
  for (int piece = 0; piece < 2; ++piece) {
    const auto complete = parser.consume(input);
    if (sunk > max_body) std::abort();
    if (!complete) return 0;
    if (*complete) {
      const HttpAnswer answer = parser.take();
      if (answer.body.size() > max_body || answer.status < 200) std::abort();
      return 0;
    }
    if (input.size() > HttpAnswerParser::max_head_bytes + 4) std::abort();
    if (piece == 0) input += all.substr(cut);
  }
  static_cast<void>(parser.end());
  return 0;
}
