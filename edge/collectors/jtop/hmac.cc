#include "edge/collectors/jtop/hmac.h"

#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "transport/text.h"

namespace godwit {
namespace {

const EVP_MD* find_digest(std::string_view name) {
  if (name == "md5") return EVP_md5();
  if (name == "sha256") return EVP_sha256();
  if (name == "sha384") return EVP_sha384();
  if (name == "sha3_256") return EVP_sha3_256();
  if (name == "sha3_384") return EVP_sha3_384();
  return nullptr;
}

}  // namespace

Result<std::string> hmac(std::string_view digest, std::string_view key, std::string_view message) {
  const EVP_MD* const method = find_digest(digest);
  if (method == nullptr) {
    return Error{ErrorCode::invalid, concat("unknown digest ", quote_for_message(digest))};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  if (HMAC(method, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), out.data(),
           &length) == nullptr) {
    return Error{ErrorCode::rejected, concat("OpenSSL refuses digest ", digest, " on this system")};
  }
  return std::string(out.begin(), out.begin() + length);
}

}  // namespace godwit
