// Delivery: gets encoded frames into the database by the rules of remote-write 1.0, and finds what
// a database refuses without losing its neighbours. One sender thread of remote_write.h owns one.
//
// 5xx, 429 and missing answers are tried again for a bounded time, then handed back: the nodes hold
// the truth and send again. 400, 409, 413 and 422 are never sent again as they were: the request is
// divided by node; what the database says that it has of the node is left out (stored_samples.h);
// the rest is divided by time (older half first, so that the order per series holds), then by
// series, until what is refused stands alone; that is dropped and counted, the rest is stored.
// Other 4xx (401, 403, 404 ...) speak of the relay's settings, not of the samples: handed back.
// How databases answer: refusal.h. Prometheus rolls the whole request back at the first bad sample.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/database_log.h"
#include "cloud/http_client.h"

namespace godwit {

// One frame on its way.
struct WriteUnit {
  std::uint64_t id = 0;  // the caller's
  // In time order, never empty; only a unit that travels alone may have more than one.
  std::vector<std::string> bodies;
  // This unit met 500 again and again. From now on 500 counts as refusal: at once when the database
  // takes other writes, else only if a part of this unit gets through.
  bool suspect = false;
  bool database_healthy = false;
  // False: 500 is not waited out here, because others would wait behind it; the node comes again.
  bool patient = true;
  // A refusal costs all of it: it is not taken apart.
  bool whole = false;
};

struct UnitOutcome {
  std::uint64_t id = 0;
  bool stored = false;                           // everything but `dropped` is in the database
  std::map<std::string, std::uint64_t> dropped;  // samples by reason, when stored
  std::uint64_t found_stored = 0;   // samples that it refused because it had them, when stored
  std::int64_t retry_after_ms = 0;  // when not stored
  bool server_error = false;        // not stored, and the last answer was 500
};

// Counters of all senders together.
struct DeliveryStats {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> refused_requests{0};  // 400, 409, 413, 422
  std::atomic<std::uint64_t> failed_requests{0};   // any other answer but 2xx, and none
  std::atomic<std::uint64_t> sent_bytes{0};        // compressed bodies
  std::atomic<std::uint64_t> request_ms{0};        // time spent waiting for answers
  std::atomic<std::int64_t> last_ok_ms{0};         // steady_ms() of the last 2xx, 0 for never
  DatabaseLog log;
};

struct DeliveryOptions {
  std::string user_agent;
  std::int64_t retry_for_ms = 10'000;  // then the unit is handed back
  std::int64_t backoff_min_ms = 100;
  std::int64_t backoff_max_ms = 5'000;
  std::int64_t retry_after_max_ms = 60'000;     // cap of what a database may ask for
  std::size_t max_isolation_requests = 10'000;  // to take one unit apart
  HttpGet query;                                // of the database's query API; may be empty
};

class Delivery {
 public:
  // Waits that long; false when it was cut short because the program ends.
  using Pause = std::function<bool(std::int64_t ms)>;

  // `stats` outlives this.
  Delivery(HttpPost post, DeliveryOptions options, Pause pause, DeliveryStats& stats);

  // One outcome per unit. Blocks while the database is slow, and for retry_for_ms when it is away.
  std::vector<UnitOutcome> deliver(std::vector<WriteUnit> units);

 private:
  enum class Answer : std::uint8_t { stored, refused, later };

  // Posts until there is a decision. `later` sets hint_ms_ and server_error_. `unit`: whose bodies
  // these are, nullptr for those of several.
  Answer send(std::span<const std::string_view> bodies, const WriteUnit* unit);
  Answer post_once(const std::string& block, bool refuse_500, std::int64_t& wait_ms, bool& again);
  void write_units(std::span<WriteUnit> units, std::span<UnitOutcome> outcomes);
  void write_each(std::span<WriteUnit> units, std::span<UnitOutcome> outcomes);
  void write_alone(const WriteUnit& unit, UnitOutcome& outcome);

  // Of a unit that is being taken apart.
  struct Isolation {
    const WriteUnit* unit = nullptr;
    UnitOutcome* outcome = nullptr;
    std::size_t requests = 0;
    std::size_t stored_parts = 0;
    std::size_t refused_moments = 0;  // in a row, as a whole

    void drop(std::string_view body, const std::string& reason) const;
  };
  // Each returns false when the database went away.
  bool write_body(std::string_view body, Isolation& work);
  bool write_part(std::string_view body, Isolation& work);
  bool divide(std::string_view refused, Isolation& work);
  bool divide_moment(std::string_view refused, Isolation& work);
  bool divide_series(std::string_view refused, Isolation& work);
  std::string without_stored(std::string_view body, Isolation& work);
  void hand_back(std::span<UnitOutcome> outcomes) const;
  std::int64_t jittered(std::int64_t ms);

  HttpPost post_;
  DeliveryOptions options_;
  Pause pause_;
  DeliveryStats& stats_;
  std::minstd_rand random_;
  bool away_ = false;  // the database went away during this deliver(): nothing more is tried
  bool server_error_ = false;
  std::int64_t hint_ms_ = 0;
  std::string refusal_;             // drop reason of the last refusal
  std::int64_t next_query_ms_ = 0;  // steady_ms(); later after a query that failed
};

}  // namespace godwit
