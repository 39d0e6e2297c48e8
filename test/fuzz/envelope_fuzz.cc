// Any bytes end in an error or in an envelope: as they are, as a signed content, and as signed
// words before it.
#include <cstdint>
#include <cstdlib>

#include "transport/digest.h"
#include "transport/envelope.h"
#include "transport/text.h"

using namespace godwit;

namespace {

const std::string key = "key";
const NodeKey known_key = [](std::string_view) { return Result<std::string>(key); };

std::string sign(const std::string& text) {
  return concat(text, " ", to_hex(hmac_sha256(key, text)));
}

void open(const std::string& text) {
  const auto envelope = open_envelope(text, Envelope::Direction::up, known_key);
  if (!envelope) return;
  std::size_t content = 0;
  for (const auto& part : envelope->parts) {
    content += part.topic.size() + part.payload.size() + envelope_part_overhead;
  }
  if (content > max_envelope_content) return;
  const auto again =
      open_envelope(seal_envelope(*envelope, key), Envelope::Direction::up, known_key);
  if (!again || again->parts != envelope->parts || again->seq != envelope->seq) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  open(input);
  open(sign(input));
  open(sign(concat("godwit1 up edge-1 boot 0000000000000001 1 ", to_base64(input))));
  return 0;
}
