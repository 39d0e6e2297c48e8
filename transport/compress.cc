#include "transport/compress.h"

#include <memory>

#include <zstd.h>

#include "transport/text.h"

namespace godwit {
namespace {

// Level 3 with tables that fit our messages: sizes within 1 % of the default tables, a third of the
// memory.
constexpr int level = 3;
constexpr int window_log = 17;
constexpr int table_log = 13;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context = [] {
    std::unique_ptr<ZSTD_CCtx, FreeContext> fresh(ZSTD_createCCtx());
    if (fresh != nullptr) {
      ZSTD_CCtx_setParameter(fresh.get(), ZSTD_c_compressionLevel, level);
      ZSTD_CCtx_setParameter(fresh.get(), ZSTD_c_windowLog, window_log);
      ZSTD_CCtx_setParameter(fresh.get(), ZSTD_c_hashLog, table_log);
      ZSTD_CCtx_setParameter(fresh.get(), ZSTD_c_chainLog, table_log);
    }
    return fresh;
  }();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

std::string compress_if_smaller(std::string plain) {
  ZSTD_CCtx* const context = compressor();
  if (context == nullptr || plain.size() < 2) return plain;
  // Room for one byte less than the plain form: what does not fit is not smaller.
  std::string packed(plain.size() - 1, '\0');
  const std::size_t size =
      ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) return plain;
  packed.resize(size);
  packed.shrink_to_fit();
  return packed;
}

Result<std::string_view> decompress(std::string_view message, std::string& scratch,
                                    std::size_t max_bytes) {
  if (message.empty() || message.front() != '\x28') {
    if (message.size() <= max_bytes) return message;
    return Error{ErrorCode::invalid, concat("larger than ", max_bytes, " bytes")};
  }
  const unsigned long long size = ZSTD_getFrameContentSize(message.data(), message.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Error{ErrorCode::invalid, "not a zstd frame that says its size"};
  }
  if (size > max_bytes) {
    return Error{ErrorCode::invalid, concat("unpacks to ", size, " bytes, more than ", max_bytes)};
  }
  if (ZSTD_findFrameCompressedSize(message.data(), message.size()) != message.size()) {
    return Error{ErrorCode::invalid, "not exactly one whole zstd frame"};
  }
  ZSTD_DCtx* const context = decompressor();
  if (context == nullptr) return Error{ErrorCode::internal, "no memory for zstd"};
  scratch.resize(static_cast<std::size_t>(size));
  const std::size_t got =
      ZSTD_decompressDCtx(context, scratch.data(), scratch.size(), message.data(), message.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    return Error{ErrorCode::invalid,
                 concat("damaged zstd frame: ",
                        ZSTD_isError(got) != 0 ? ZSTD_getErrorName(got) : "wrong size")};
  }
  return std::string_view(scratch);
}

}  // namespace godwit
