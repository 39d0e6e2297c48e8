#include "transport/digest.h"

#include <algorithm>
#include <climits>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace godwit {
namespace {

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string digest(32, '\0');
  EVP_Digest(data.data(), data.size(), octets(digest), nullptr, EVP_sha256(), nullptr);
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  assert(key.size() <= INT_MAX);
  std::string mac(32, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(data), data.size(),
       octets(mac), nullptr);
  return mac;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_base64(std::string_view bytes) {
  assert(bytes.size() <= INT_MAX / 2);
  // One more: the library ends its text with a zero byte.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(octets(text), octets(bytes), static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  std::string_view digits = text;
  std::size_t padding = 0;
  while (padding < 2 && digits.ends_with('=')) {
    digits.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 != 0 || text.size() > INT_MAX ||
      !std::all_of(digits.begin(), digits.end(), is_base64)) {
    return Error{ErrorCode::invalid, "no base64"};
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(octets(bytes), octets(text), static_cast<int>(text.size()));
  if (size < 0) return Error{ErrorCode::invalid, "no base64"};
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace godwit
