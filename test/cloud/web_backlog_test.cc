#include "cloud/web_backlog.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

BacklogWatch::Piece piece(std::int64_t first_s, std::int64_t last_s) {
  const auto ticks = static_cast<std::size_t>(last_s - first_s + 1);
  return {first_s * 1000, last_s * 1000, ticks, ticks * 50};
}

TEST_CASE("web backlog: all of it first, in order") {
  BacklogWatch watch;
  watch.on_told(1000, {});
  // A node that was away for 1000 s sends 200 s of readings per second.
  watch.on_history(piece(0, 199), 1'000'000);
  CHECK(watch.describe(1'000'000).catching_up);
  CHECK(!watch.describe(1'000'000).left_s);  // too early to tell
  watch.on_history(piece(200, 399), 1'001'000);
  watch.on_history(piece(400, 599), 1'002'000);
  const WebBacklog half = watch.describe(1'002'000);
  CHECK(half.ticks == 400);
  CHECK(half.samples == 20'000U);
  CHECK(half.age_s.value() == Approx(403));
  CHECK(half.progress.value() == Approx(0.6).margin(0.01));
  CHECK(half.left_s.value() == Approx(403 / 298.5).margin(0.1));
  CHECK(!watch.take_ended(1'002'000));
  watch.on_live(piece(1003, 1003), 1, 1.0);
  const auto ended = watch.take_ended(1'003'000);
  REQUIRE(ended);
  CHECK(ended->ticks == 600);
  CHECK(!watch.take_ended(1'003'000));
  const WebBacklog after = watch.describe(1'003'000);
  CHECK(!after.catching_up);
  CHECK(after.ticks == 1);
  CHECK(!after.progress);
}

TEST_CASE("web backlog: fresh readings overtake it") {
  BacklogWatch watch;
  watch.on_history(piece(0, 99), 1'000'000);
  watch.on_live(piece(1000, 1009), 900, 905.0);
  watch.on_history(piece(100, 499), 1'010'000);
  watch.on_live(piece(1010, 1019), 500, 520.0);
  const WebBacklog half = watch.describe(1'010'000);
  CHECK(half.catching_up);
  CHECK(half.ticks == 500);
  CHECK(half.age_s == 520);
  CHECK(half.progress.value() == Approx(0.5).margin(0.01));
  CHECK(half.left_s.value() == Approx(10).margin(0.1));
}

TEST_CASE("web backlog: a fresh frame that says nothing of it does not end it") {
  BacklogWatch watch;
  watch.on_history(piece(0, 99), 1'000'000);
  watch.on_live(piece(1000, 1000), {}, {});
  watch.on_live(piece(1001, 1001), 900, {});  // of a boot that cannot be dated yet
  CHECK(watch.episode());
  CHECK(watch.describe(1'001'000).age_s);
  watch.on_live(piece(1002, 1002), 0, {});
  CHECK(!watch.episode());
}

TEST_CASE("web backlog: history that stops coming is over") {
  BacklogWatch watch;
  watch.on_history(piece(0, 9), 100'000);
  CHECK(!watch.take_ended(130'000));
  CHECK(watch.take_ended(130'001));
  CHECK(!watch.episode());
}

}  // namespace
}  // namespace godwit
