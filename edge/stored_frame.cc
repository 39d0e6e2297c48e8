#include "edge/stored_frame.h"

namespace godwit {

void fill_row(StoredFrame& row, const Frame& frame) {
  row.first_seq = frame.first_seq();
  row.last_seq = frame.last_seq();
  row.first_boot_ms = frame.times_ms.front();
  row.last_boot_ms = frame.times_ms.back();
  row.schema = frame.schema;
  row.ticks = frame.ticks();
  row.bytes = encode_frame(frame);
}

bool renumber_row(StoredFrame& row, std::uint64_t stream, std::uint64_t last_seq) {
  Frame frame;
  if (!decode_frame(row.bytes, frame) || frame.ticks() == 0) return false;
  frame.stream = stream;
  for (auto& seq : frame.seqs) seq = ++last_seq;
  fill_row(row, frame);
  return true;
}

}  // namespace godwit
