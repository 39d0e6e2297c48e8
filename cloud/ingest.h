// Ingest: from a received frame to bytes for the database, whatever transport it came by. Strict:
// what a node sends is decoded, checked against its schema, freed of what is stored already and of
// what no database should see, and encoded. Owner thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cloud/dedup.h"
#include "cloud/guards.h"
#include "cloud/write_request.h"
#include "transport/ack.h"
#include "transport/frame.h"
#include "transport/schema_store.h"

namespace godwit {

// A frame that is ready for the database.
struct Arrival {
  std::string node;
  std::uint64_t stream = 0;
  std::uint64_t first_seq = 0;  // before anything was left out
  std::uint64_t last_seq = 0;
  bool history = false;
  std::int64_t newest_ms = 0;       // time of its last tick
  std::vector<std::string> bodies;  // in time order
  std::size_t samples = 0;
  std::size_t bytes = 0;
  DropCounts dropped;                         // by the guards
  std::map<std::string, std::uint64_t> lost;  // ticks, as the node declares; empty: nothing new
  SchemaId schema = 0;
  std::vector<std::int64_t> newest_by_series;  // INT64_MIN: no sample of it
};

// A payload that cannot even be answered: no seq is known.
struct Unanswerable {
  Error error;
};

struct IngestOptions {
  TargetLabels target;
  GuardLimits guards;
  std::size_t max_samples_per_body = 50'000;
  std::size_t label_cache_bytes = 128U << 20;
  Naming naming{};
};

class Ingest {
 public:
  explicit Ingest(IngestOptions options)
      : options_(std::move(options)),
        labels_(options_.target, options_.label_cache_bytes, options_.naming) {}

  // A schema message; an empty one says that nobody needs it any more.
  Status add_schema(std::string_view node, SchemaId id, std::string_view message);

  // An Ack is final; its relay_time_ms and out_of_order_ok are the caller's to fill in. Verdicts:
  // stored (all of it was before), need_schema, rejected. An Arrival without bodies has nothing to
  // write: the guards left nothing, or it never held a sample.
  using Answer = std::variant<Arrival, Ack, Unanswerable>;
  Answer add_frame(std::string_view node, std::string_view payload, std::int64_t now_wall_ms);

  // Called with what is left of each live frame that is new, as long as both are valid: during the
  // call. Not for history, which is nobody's present state.
  using LiveObserver =
      std::function<void(std::string_view node, const Schema& schema, const Frame& frame)>;
  void on_live(LiveObserver observer) { on_live_ = std::move(observer); }
  // The same of each frame of history.
  void on_history(LiveObserver observer) { on_history_ = std::move(observer); }

  // The database has it; `whole`: it refused nothing of it.
  void stored(const Arrival& arrival, bool whole);

  // Of frames that come from now on; 0: any age.
  void set_max_age(std::int64_t ms) { options_.guards.max_age_ms = ms; }

  // Whether the database is known to refuse samples older than their series' newest: then they are
  // left out, as "out_of_order".
  void set_in_order(bool on) { in_order_ = on; }

  [[nodiscard]] const SchemaStore& schemas() const { return schemas_; }

 private:
  Arrival encode(std::string_view node, const Schema& schema, DropCounts dropped);

  IngestOptions options_;
  SchemaStore schemas_;
  LabelCache labels_;
  Dedup dedup_;
  bool in_order_ = false;
  LiveObserver on_live_;
  LiveObserver on_history_;
  Frame frame_;  // reused: its memory is
};

}  // namespace godwit
