// BufferKeeper: the agent's buffer, in its file whenever that works and in RAM when it does not.
// Owner thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "edge/buffer_open.h"

namespace godwit {

class BufferKeeper {
 public:
  BufferKeeper(const std::string& path, const BufferLimits& limits);

  Buffer& buffer() { return buffer_; }
  // Why the buffer is in RAM though a file was asked for.
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

  // The file failed a write: a damaged one is set aside and begun anew, else RAM takes over. After
  // it buffer() is another one.
  void replace(const Error& error, std::int64_t now_ms);
  // Tries the file again, at most once a minute. true: buffer() is the file again, and holds what
  // was waiting in RAM.
  bool retry(std::int64_t now_ms);

 private:
  BufferKeeper(std::string path, const BufferLimits& limits, OpenedBuffer opened);

  std::string path_;
  BufferLimits limits_;
  Buffer buffer_;
  std::optional<Error> trouble_;
  std::int64_t retry_ms_ = 0;
};

// Appends the waiting rows of `from` to `to` under seqs of `to`'s stream, with schemas and boots.
Status copy_waiting_rows(Buffer& from, Buffer& to);

}  // namespace godwit
