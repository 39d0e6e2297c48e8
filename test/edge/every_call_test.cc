// Every call on the buffer's files fails once, and from then on: the storage of an agent goes
// through two lives under the disk shim (test/shim) with the fault at the n-th call, for every n,
// and a third life without a fault reads what is there. GODWIT_EVERY_CALL=1 leaves out no n.
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "edge/buffer_keeper.h"
#include "edge/tick_gatherer.h"
#include "test/shim/disk_shim.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::TempDir;

constexpr int ticks_per_life = 24;
constexpr int ticks_per_row = 4;
constexpr std::int64_t budget_ms = 20'000;  // of one test, unless every n is asked for

// What an agent does with its buffer. A tick's value is its number.
class Storage {
 public:
  explicit Storage(const std::string& path) : path_(path) {
    limits_.sync_interval_ms = 0;
    limits_.on_loss = [this](std::uint64_t, std::string_view, const auto& seqs) {
      told_lost_ += seqs.size();
    };
  }

  void begin() {
    keeper_.emplace(path_, limits_);
    gatherer_.emplace("boot");
    if (const Status begun = keeper_->begin_stream(); !begun) replace(begun.error());
    gatherer_->move_to(keeper_->buffer());
  }
  void live() {
    for (int i = 0; i < ticks_per_life; ++i) {
      now_ms_ += 1000;
      take_tick();
      if (i % ticks_per_row == ticks_per_row - 1)
        turn(i % (2 * ticks_per_row) == ticks_per_row - 1);
    }
  }
  void end() {
    check(gatherer_->flush(keeper_->buffer()));
    keeper_->finish();
    (void)keeper_->buffer().flush();
    told_lost_ += gatherer_->gathered_ticks();  // the process says so itself
    keeper_.reset();
  }
  // The disk works: what is in RAM goes to the file.
  void settle() {
    for (int i = 0; i < 50 && keeper_->trouble(); ++i) {
      now_ms_ += 100'000;
      turn(false);
    }
    CHECK_FALSE(keeper_->trouble());
  }
  void deliver_all() {
    while (!keeper_->outbox().empty() || keeper_->trouble()) {
      now_ms_ += 100'000;
      deliver(UINT64_MAX);
      if (keeper_->retry(now_ms_)) gatherer_->move_to(keeper_->buffer());
    }
  }

  [[nodiscard]] std::size_t missing() const {
    return static_cast<std::size_t>(taken_) - delivered_.size();
  }
  [[nodiscard]] std::uint64_t told_lost() const { return told_lost_; }
  [[nodiscard]] bool in_order() const { return in_order_; }

 private:
  void check(const Status& status) {
    if (!status) replace(status.error());
  }
  void replace(const Error& error) {
    keeper_->replace(error, now_ms_);
    gatherer_->move_to(keeper_->buffer());
    (void)gatherer_->flush(keeper_->buffer());
  }
  void take_tick() {
    std::vector<Sample> samples;
    const double number = taken_++;
    for (int i = 0; i < 3 + taken_ / 20; ++i)
      samples.push_back({{concat("m", i), {}, Kind::gauge}, number});
    check(gatherer_->add(samples, now_ms_, keeper_->buffer()));
  }
  void turn(bool deliver_some) {
    if (keeper_->retry(now_ms_)) gatherer_->move_to(keeper_->buffer());
    check(gatherer_->flush(keeper_->buffer()));
    check(keeper_->buffer().tend(now_ms_));
    if (taken_ % (3 * ticks_per_row) == 0) check(keeper_->buffer().spill());
    if (deliver_some) deliver(1);
  }
  void deliver(std::uint64_t max_bytes) {
    Buffer& outbox = keeper_->outbox();
    const auto rows = outbox.peek(0, max_bytes, UINT64_MAX);
    if (!rows) {
      (void)keeper_->replace_outbox(rows.error(), now_ms_);
      gatherer_->move_to(keeper_->buffer());
      return;
    }
    if (rows->empty()) return;
    for (const auto& row : *rows) {
      Frame frame;
      REQUIRE(decode_frame(row.bytes, frame).ok());
      CHECK(*outbox.has_schema(row.schema));
      for (const double number : frame.columns.front()) {
        if (!delivered_.insert(number).second) continue;  // sent twice: the relay knows it
        // A file that did not open is sent late, behind what a later life took into RAM.
        double& last = last_number_[static_cast<int>(number) / ticks_per_life];
        if (number < last) in_order_ = false;
        last = number;
      }
    }
    if (const Status released = outbox.release(rows->back().last_seq); !released) {
      if (keeper_->replace_outbox(released.error(), now_ms_)) gatherer_->move_to(keeper_->buffer());
    }
  }

  std::string path_;
  BufferLimits limits_;
  std::optional<BufferKeeper> keeper_;
  std::optional<TickGatherer> gatherer_;
  std::int64_t now_ms_ = 0;
  int taken_ = 0;
  std::uint64_t told_lost_ = 0;
  std::set<double> delivered_;
  std::map<int, double> last_number_;  // by life
  bool in_order_ = true;
};

struct Outcome {
  std::uint64_t calls = 0;
  std::uint64_t faults = 0;
  std::size_t missing = 0;
};

Outcome run(const std::string& fault) {
  const TempDir dir;
  disk_shim_watch(dir.path().c_str(), nullptr);
  Storage storage(dir.file("buffer.db"));
  REQUIRE(disk_shim_fault(fault.c_str()));
  for (int life = 0; life < 2; ++life) {
    storage.begin();
    storage.live();
    if (life == 0) storage.end();
  }
  Outcome outcome;
  outcome.calls = disk_shim_calls();
  outcome.faults = disk_shim_faults();
  REQUIRE(disk_shim_fault(""));
  storage.settle();
  storage.end();
  storage.begin();
  storage.deliver_all();
  outcome.missing = storage.missing();
  INFO(fault);
  CHECK(storage.missing() <= storage.told_lost());
  CHECK(storage.in_order());
  disk_shim_watch(nullptr, nullptr);
  return outcome;
}

TEST_CASE("a fault at every call: no crash, nothing lost in silence") {
  const std::string error = GENERATE("EIO", "ENOSPC");
  const std::string calls = GENERATE("any", "read");
  const std::string repeat = GENERATE("once", "always");
  const std::uint64_t all = run(concat(calls, " 1000000 ", error, " once")).calls;
  REQUIRE(all > 20);
  const bool every = std::getenv("GODWIT_EVERY_CALL") != nullptr;
  const std::int64_t end_ms = steady_ms() + budget_ms / 8;
  // A stride that is prime to the count, so that each n has its turn if time allows.
  std::uint64_t ran = 0;
  std::size_t missing = 0;
  for (std::uint64_t step = 0; step < all && (every || steady_ms() < end_ms); ++step, ++ran) {
    const std::uint64_t n = 1 + step * 7919 % all;
    const Outcome outcome = run(concat(calls, " ", n, " ", error, " ", repeat));
    CHECK(outcome.faults >= 1);
    missing += outcome.missing;
  }
  WARN(concat(calls, " ", error, " ", repeat, ": ", ran, " of ", all, " calls failed in turn, ",
              missing, " ticks declared lost"));
}

}  // namespace
}  // namespace godwit
