// SchemaBuilder: the agent's side of schemas. It gives each series of a tick its column, extends
// the current schema when series come up that it does not have, and starts a new one without
// parents when too many of its series are gone or its chain is long. SchemaStore (schema_store.h)
// is the relay's side.
//
// One thread. Not bound to a link or a store: whoever owns it keeps and publishes messages().
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/envelope.h"
#include "transport/schema.h"

namespace godwit {

struct SchemaBuilderOptions {
  std::int64_t idle_ms = 3'600'000;  // a series without samples for so long counts as gone
  std::size_t max_depth = 16;        // schemas in a chain, each of one or more messages
  std::size_t max_series = max_schema_series;
  // Larger messages are split into a chain, so that KubeEdge's EventBus carries them.
  std::size_t max_message_bytes = max_envelope_payload;
};

class SchemaBuilder {
 public:
  using Options = SchemaBuilderOptions;
  using Message = std::pair<SchemaId, std::string>;

  static constexpr std::size_t no_column = std::numeric_limits<std::size_t>::max();

  explicit SchemaBuilder(Options options = {});

  // The column of each sample in current(), which this call may have changed; no_column for a
  // series that breaks the limits of schema.h or finds no room. The same series twice gets the same
  // column twice. `now_ms`: any clock that does not step. Valid until the next call.
  const std::vector<std::size_t>& place(const std::vector<Sample>& samples, std::int64_t now_ms);

  // The schema of the last place(); nullopt before the first sample.
  [[nodiscard]] std::optional<SchemaId> current() const { return current_; }
  // Columns of current().
  [[nodiscard]] std::size_t width() const { return columns_.size(); }

  // True when `newer` is `older` or extends it: columns of `older` keep their places in `newer`.
  [[nodiscard]] bool continues(SchemaId newer, SchemaId older) const;

  // What a receiver needs for `id`, parents first; empty when `id` is not known here.
  [[nodiscard]] std::vector<Message> messages(SchemaId id) const;

  // Forgets every schema but current(), those of `in_use` and all their parents, and returns the
  // ids that went, so that their retained messages can be cleared.
  std::vector<SchemaId> keep_only(const std::set<SchemaId>& in_use);

  // Takes back messages (in any order) of an earlier life, with `current` as the schema to go on
  // with. Damaged messages are left out; an Error says that `current` cannot be formed, and the
  // builder then starts a new one at the next place(). Before the first place() only.
  Status restore(const std::vector<std::string>& messages, std::optional<SchemaId> current,
                 std::int64_t now_ms);

 private:
  struct Column {
    const Series* series;  // a key of index_
    std::int64_t used_ms;
  };
  struct Known {
    std::string message;
    std::optional<SchemaId> parent;
  };

  void grow(const std::vector<const Series*>& fresh, std::int64_t now_ms);
  void add_column(const Series& series, std::int64_t now_ms);
  void remember(std::optional<SchemaId> parent, const std::vector<Series>& added);
  [[nodiscard]] std::size_t depth(std::optional<SchemaId> id) const;

  Options options_;
  std::unordered_map<Series, std::size_t, SeriesHash> index_;
  std::vector<Column> columns_;
  std::size_t bytes_ = 0;  // of the series in columns_, at least what they take in a message
  std::optional<SchemaId> current_;
  std::size_t schemas_ = 0;  // in the chain of current_, each the work of one place()
  std::map<SchemaId, Known> known_;
  std::vector<std::size_t> placed_;
};

}  // namespace godwit
