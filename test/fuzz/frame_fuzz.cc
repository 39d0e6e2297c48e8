// Any bytes end in an error or in a frame that comes back the same; both of the plain form and, to
// get past zstd, of its compressed form.
#include <cstdint>
#include <cstdlib>

#include "transport/compress.h"
#include "transport/frame.h"
#include "transport/frame_merge.h"

using namespace godwit;

namespace {

void check(std::string_view payload) {
  static Frame frame;
  if (!decode_frame(payload, frame)) return;
  const std::string bytes = encode_frame(frame);
  static Frame again;
  // What a hostile sender packs well may be larger than the limit in our form.
  if (bytes.size() > max_frame_bytes) return;
  if (!decode_frame(bytes, again) || again.samples() != frame.samples()) std::abort();
  if (encode_frame(again) != bytes) std::abort();
  if (again.keep_every != frame.keep_every || again.lost != frame.lost) std::abort();
  if (frame.keep_every > max_keep_every || frame.lost.size() > max_loss_reasons) std::abort();
  trim_frame(again, frame.seqs[frame.ticks() / 2]);
  if (again.last_seq() != frame.last_seq()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  check(compress_if_smaller(std::string(input)));
  return 0;
}
