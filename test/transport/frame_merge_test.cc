#include "transport/frame_merge.h"

#include <catch2/catch.hpp>

#include "test/transport/frame_samples.h"

using namespace godwit;
using test::same_bits;

namespace {

Frame ticks(std::uint64_t first, std::size_t count, std::size_t columns, SchemaId schema = 1) {
  Frame frame;
  frame.stream = 9;
  frame.schema = schema;
  for (std::size_t t = 0; t < count; ++t) {
    frame.seqs.push_back(first + t);
    frame.times_ms.push_back(static_cast<std::int64_t>(1000 * (first + t)));
  }
  for (std::size_t c = 0; c < columns; ++c) {
    auto& column = frame.columns.emplace_back();
    for (std::size_t t = 0; t < count; ++t)
      column.push_back(static_cast<double>(first + t + 100 * c));
  }
  return frame;
}

}  // namespace

TEST_CASE("consecutive frames of one schema join to the frame of all their ticks") {
  Frame into = ticks(5, 3, 4);
  REQUIRE(append_frame(into, ticks(8, 2, 4)));
  CHECK(same_bits(into, ticks(5, 5, 4)));
}

TEST_CASE("frames join when the later one has more columns, or fewer") {
  Frame into = ticks(0, 2, 1);
  CHECK_FALSE(append_frame(into, ticks(2, 1, 2, 7)));
  REQUIRE(append_frame(into, ticks(2, 1, 2, 7), true));
  CHECK(into.schema == 7);
  REQUIRE(append_frame(into, ticks(3, 1, 0, 7)));
  REQUIRE(into.columns.size() == 2);
  CHECK(into.columns[0][2] == 2);
  CHECK(is_absent(into.columns[0][3]));
  CHECK(is_absent(into.columns[1][1]));
  CHECK(into.columns[1][2] == 102);
  CHECK(is_absent(into.columns[1][3]));
}

TEST_CASE("frames that do not belong together stay apart and unchanged") {
  const Frame first = ticks(5, 3, 2);
  const auto refuses = [&](const Frame& next) {
    Frame into = first;
    CHECK_FALSE(append_frame(into, next));
    CHECK(same_bits(into, first));
  };
  refuses(ticks(7, 3, 2));
  refuses(ticks(8, 3, 2, 2));
  Frame next = ticks(8, 1, 2);
  next.stream = 1;
  refuses(next);
  next = ticks(8, 1, 2);
  next.history = true;
  refuses(next);
  next = ticks(8, 1, 2);
  next.times_ms[0] = 6999;
  refuses(next);
  refuses(ticks(8, max_frame_ticks - 2, 0));
}

TEST_CASE("ticks below a seq are trimmed") {
  Frame frame = ticks(5, 5, 3);
  trim_frame(frame, 3);
  CHECK(same_bits(frame, ticks(5, 5, 3)));
  trim_frame(frame, 8);
  CHECK(same_bits(frame, ticks(8, 2, 3)));
  trim_frame(frame, 100);
  CHECK(frame.ticks() == 0);
  CHECK(frame.columns[2].empty());
}

TEST_CASE("a frame is split between two ticks") {
  Frame front = ticks(5, 5, 3);
  const Frame back = split_frame(front, 2);
  CHECK(same_bits(front, ticks(5, 2, 3)));
  CHECK(same_bits(back, ticks(7, 3, 3)));
}
