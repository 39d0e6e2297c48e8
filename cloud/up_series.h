// UpSeries: up{job,instance}, 1 or 0, as Prometheus writes it for what it scrapes: alert rules and
// dashboards of other exporters expect it. From the presence of nodes, one for each name set that a
// node has readings of. Written when a set besides canonical is on.
//
// Every relay writes it, at the same whole moments, so that relays agree: the same sample twice is
// one. Where they do not (a node went between them), the database refuses the second request whole.
// Owner thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cloud/fleet.h"
#include "cloud/ingest.h"
#include "cloud/write_request.h"
#include "transport/naming/name_set.h"

namespace godwit {

class UpSeries {
 public:
  static constexpr std::int64_t interval_ms = 15'000;

  UpSeries(TargetLabels target, Naming naming)
      : target_(std::move(target)), naming_(std::move(naming)) {}

  [[nodiscard]] bool on() const { return !naming_.only_canonical(); }
  // A schema message of a node tells what it has readings of. Nonsense is passed over.
  void on_schema(std::string_view node, std::string_view message);
  void forget(std::string_view node);

  // The samples of the present moment, once each; nullopt when it has been taken or nothing is
  // known. The Arrival belongs to no node (its name is empty) and is to be written or dropped
  // whole.
  std::optional<Arrival> take(const Fleet& fleet, std::int64_t wall_ms);

 private:
  TargetLabels target_;
  Naming naming_;
  std::map<std::string, std::uint64_t, std::less<>> sets_;  // by node: bit i for naming_.sets[i]
  std::int64_t taken_ms_ = 0;
};

}  // namespace godwit
