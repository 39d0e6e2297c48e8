#include "edge/table_walk.h"

#include <deque>
#include <utility>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

// Attempts to read on behind something unreadable; more would only find single rows.
constexpr int max_probes = 4096;

class Walker {
 public:
  Walker(Sqlite& db, const TableWalk& walk, const RowVisitor& visit)
      : db_(db), walk_(walk), visit_(visit) {}

  Result<std::vector<KeyRange>> run() {
    std::deque<KeyRange> open{walk_.range};
    std::vector<KeyRange> unread;
    for (int probes = 0; !open.empty(); ++probes) {
      KeyRange range = open.front();
      open.pop_front();
      // The widest ranges come first: what is left when the attempts are used up is small.
      const bool give_up = probes >= max_probes || steady_ms() >= walk_.deadline_ms;
      const bool complete = !give_up && (read(range, true) || read(range, false));
      if (!visited_) return visited_.error();
      if (complete || range.first > range.last) continue;
      if (give_up || range.first == range.last) {
        unread.push_back(range);
        continue;
      }
      const std::int64_t half = middle(range);
      open.push_back({range.first, half});
      open.push_back({half + 1, range.last});
    }
    return unread;
  }

 private:
  static std::int64_t middle(const KeyRange& range) {
    const std::uint64_t width =
        static_cast<std::uint64_t>(range.last) - static_cast<std::uint64_t>(range.first);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(range.first) + width / 2);
  }

  // Visits rows from one end of the range, which shrinks by what was read. true: to the other end.
  bool read(KeyRange& range, bool upwards) {
    auto select = db_.prepare(
        concat("SELECT ", walk_.key, ",", walk_.columns, " FROM ", walk_.table, " WHERE ",
               walk_.key, " BETWEEN ? AND ? ORDER BY ", walk_.key, upwards ? "" : " DESC"));
    if (!select) return false;
    select->bind(range.first).bind(range.last);
    while (steady_ms() < walk_.deadline_ms) {
      const auto more = select->step();
      if (!more) return false;
      if (!*more) return true;
      const std::int64_t key = select->integer(0);
      // Pages that point at each other wrongly.
      if (key < range.first || key > range.last) return false;
      visited_ = visit_(*select);
      if (!visited_) return false;
      if (key == (upwards ? range.last : range.first)) return true;
      (upwards ? range.first : range.last) = upwards ? key + 1 : key - 1;
    }
    return false;
  }

  Sqlite& db_;
  const TableWalk& walk_;
  const RowVisitor& visit_;
  Status visited_;
};

}  // namespace

Result<std::vector<KeyRange>> walk_table(Sqlite& db, const TableWalk& walk,
                                         const RowVisitor& visit) {
  return Walker(db, walk, visit).run();
}

}  // namespace godwit
