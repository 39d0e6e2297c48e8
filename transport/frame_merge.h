// Joins, shortens and splits decoded frames: the uplink drains a backlog in few large frames, or in
// ones that a narrow way carries; the relay leaves out ticks that it has stored before.
#pragma once

#include <cstdint>

#include "transport/frame.h"

namespace godwit {

// Appends the ticks of `next` to `into`. False, and nothing changed, when they do not fit together:
// another stream, another history flag or thinning, seqs or times that do not go on behind
// `into`'s, schemas that differ without `extends`, or more ticks or values than a frame may hold.
// `extends`: next.schema continues into.schema (SchemaBuilder::continues), so that into's columns
// are the first ones of next's; `into` then takes next's schema.
bool append_frame(Frame& into, const Frame& next, bool extends = false);

// Drops the ticks with a seq below `first_seq_to_keep`; all of them may go.
void trim_frame(Frame& frame, std::uint64_t first_seq_to_keep);

// Leaves the first `ticks` ticks, at least one, and returns the others, at least one (assert).
Frame split_frame(Frame& frame, std::size_t ticks);

}  // namespace godwit
