// What the relay learns about the database, and what follows from it.
#include <algorithm>

#include "cloud/relay.h"
#include "transport/log.h"

namespace godwit {

// Whoever failed may come back with other settings. Until it has answered anew nothing is taken for
// granted: a node that sends the present before its backlog loses the backlog at a database without
// a window.
void Relay::watch_database() {
  const std::uint64_t failures = writer_.stats().failed_requests;
  if (failures != failures_seen_) {
    failures_seen_ = failures;
    traits_are_fresh_ = false;
    if (probe_ != nullptr) probe_->ask();
  }
  if (const auto traits = inbox_.take_traits()) learn(*traits);
  using OutOfOrder = RelaySettings::OutOfOrder;
  ingest_.set_in_order(settings_.out_of_order == OutOfOrder::no ||
                       (settings_.out_of_order == OutOfOrder::automatic && traits_are_fresh_ &&
                        traits_.order_is_known && !traits_.out_of_order_ok));
}

void Relay::learn(const Result<DatabaseTraits>& traits) {
  if (!traits) {
    if (std::exchange(traits_are_told_, true)) return;
    log::warning("database", "it does not tell whether it takes out-of-order samples: taken as no",
                 {{"reason", traits.error().message},
                  {"advice", "set query_url, or out_of_order: yes if it does"}});
    return;
  }
  const bool was_ok = out_of_order_ok();
  const bool is_news = !traits_are_told_ || !(*traits == traits_);
  traits_ = *traits;
  traits_are_fresh_ = true;
  traits_are_told_ = true;
  const std::int64_t age_ms = settings_.guards.max_age_ms;
  const std::int64_t kept_ms = traits_.retention_ms;
  ingest_.set_max_age(age_ms == 0 || kept_ms == 0 ? std::max(age_ms, kept_ms)
                                                  : std::min(age_ms, kept_ms));
  if (is_news) {
    log::info("database", "learned",
              {{"product", traits_.product},
               {"out_of_order", traits_.out_of_order_ok},
               {"window_s", traits_.out_of_order_window_ms / 1000},
               {"retention_s", traits_.retention_ms / 1000}});
  }
  if (is_news || was_ok != out_of_order_ok()) publish_state();
}

bool Relay::out_of_order_ok() const {
  using OutOfOrder = RelaySettings::OutOfOrder;
  if (settings_.out_of_order != OutOfOrder::automatic) {
    return settings_.out_of_order == OutOfOrder::yes;
  }
  return traits_are_fresh_ && traits_.out_of_order_ok;
}

}  // namespace godwit
