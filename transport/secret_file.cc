#include "transport/secret_file.h"

#include <fstream>

#include "transport/text.h"

namespace godwit {

Result<std::string> read_secret_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string secret(8192, '\0');
  in.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  if (!in.eof()) {
    return Error{ErrorCode::unavailable, concat("cannot read ", path, " (at most 8191 bytes)")};
  }
  secret.resize(static_cast<std::size_t>(in.gcount()));
  return std::string(trim(secret));
}

}  // namespace godwit
