#include "transport/envelope.h"

#include <algorithm>
#include <cassert>

#include "transport/digest.h"
#include "transport/msgpack.h"
#include "transport/schema.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::string_view version = "godwit1";
constexpr std::size_t max_boot_id_bytes = 64;
constexpr std::size_t max_part_topic_bytes = 128;
constexpr std::size_t fields = 8;

std::string_view direction_name(Envelope::Direction direction) {
  return direction == Envelope::Direction::up ? "up" : "down";
}

bool is_boot_id(std::string_view text) {
  return !text.empty() && text.size() <= max_boot_id_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Error invalid(std::string_view what) { return {ErrorCode::invalid, concat("envelope: ", what)}; }

std::string pack(const std::vector<EnvelopePart>& parts) {
  std::string out;
  Packer packer(out);
  packer.array(parts.size());
  for (const auto& part : parts) {
    packer.array(2);
    packer.text(part.topic);
    packer.bytes(part.payload);
  }
  return out;
}

Result<std::vector<EnvelopePart>> unpack(std::string_view content) {
  std::vector<EnvelopePart> parts;
  Reader reader(content);
  std::size_t left = reader.array(max_envelope_parts);
  for (; left > 0 && reader.ok(); --left) {
    if (reader.array(2) != 2) reader.fail("a part must have a topic and a payload");
    const std::string_view topic = reader.text(max_part_topic_bytes);
    const std::string_view payload = reader.bytes(max_envelope_bytes);
    parts.push_back({std::string(topic), std::string(payload)});
  }
  if (Status status = reader.finish(); !status) return status.error().with_prefix("envelope");
  return parts;
}

}  // namespace

std::string seal_envelope(const Envelope& envelope, std::string_view node_key) {
  assert(is_boot_id(envelope.boot_id) && envelope.parts.size() <= max_envelope_parts);
  std::string text = concat(version, " ", direction_name(envelope.direction), " ", envelope.node,
                            " ", envelope.boot_id, " ", format_schema_id(envelope.session), " ",
                            envelope.seq, " ", to_base64(pack(envelope.parts)));
  const std::string mac = to_hex(hmac_sha256(node_key, text));
  text += ' ';
  text += mac;
  assert(text.size() <= max_envelope_bytes);
  return text;
}

Result<Envelope> open_envelope(std::string_view text, Envelope::Direction direction,
                               const NodeKey& key_of) {
  if (text.size() > max_envelope_bytes) return invalid("larger than 64 KiB");
  const auto words = split(text, ' ');
  if (words.size() != fields) return invalid("must be eight words");
  if (words[0] != version) return invalid("of an unknown version");
  if (words[1] != direction_name(direction)) return invalid("of the other direction");
  Envelope envelope;
  envelope.direction = direction;
  envelope.node = words[2];
  if (Status status = check_node_name(envelope.node); !status) {
    return status.error().with_prefix("envelope");
  }
  const auto key = key_of(words[2]);
  if (!key) return key.error().with_prefix(concat("envelope of ", envelope.node));
  const std::string_view mac = words[fields - 1];
  const std::string_view signed_part = text.substr(0, text.size() - mac.size() - 1);
  if (!equal_in_constant_time(mac, to_hex(hmac_sha256(*key, signed_part)))) {
    return Error{ErrorCode::permission,
                 concat("envelope of ", envelope.node, ": the signature is not of its key")};
  }
  envelope.boot_id = words[3];
  const auto session = parse_schema_id(words[4]);
  const auto seq = parse_int<std::uint64_t>(words[5]);
  if (!is_boot_id(envelope.boot_id) || !session || !seq) return invalid("bad boot, session or seq");
  envelope.session = *session;
  envelope.seq = *seq;
  const auto content = from_base64(words[6]);
  if (!content) return content.error().with_prefix("envelope");
  auto parts = unpack(*content);
  if (!parts) return parts.error();
  envelope.parts = std::move(*parts);
  return envelope;
}

std::string derive_node_key(std::string_view master_key, std::string_view node) {
  return hmac_sha256(master_key, concat("godwit/v1 node key ", node));
}

}  // namespace godwit
