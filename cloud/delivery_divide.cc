// The part of Delivery that finds what a database refuses in one unit.
#include "cloud/delivery.h"
#include "cloud/request_parts.h"
#include "cloud/stored_samples.h"
#include "transport/clock.h"

namespace godwit {
namespace {

constexpr std::int64_t query_pause_ms = 60'000;
constexpr std::size_t probes_per_moment = 8;
// After so many moments that were refused as a whole, few probes decide about the next.
constexpr std::size_t probes_saved_after = 3;
constexpr std::size_t few_probes = 2;

}  // namespace

void Delivery::Isolation::drop(std::string_view body, const std::string& reason) const {
  outcome->dropped[reason] += count_samples(body);
}

bool Delivery::write_body(std::string_view body, Isolation& work) {
  ++work.requests;
  switch (send({&body, 1}, work.unit)) {
    case Answer::stored:
      ++work.stored_parts;
      return true;
    case Answer::refused:
      break;
    case Answer::later:
      return false;
  }
  if (work.unit->whole) {
    work.drop(body, refusal_);
    return true;
  }
  const std::string rest = without_stored(body, work);
  if (rest.size() == body.size()) return divide(body, work);
  ++work.stored_parts;
  return rest.empty() || write_part(rest, work);
}

// Often a frame is refused because it came twice, the first time by a relay that died before it
// could answer, or through another one.
std::string Delivery::without_stored(std::string_view body, Isolation& work) {
  std::string rest(body);
  if (!options_.query || refusal_ == "too_large" || steady_ms() < next_query_ms_) return rest;
  const auto stored = find_stored(options_.query, body);
  if (!stored) {
    next_query_ms_ = steady_ms() + query_pause_ms;
    stats_.log.query_failed(stored.error().message);
    return rest;
  }
  rest = leave_out(body, *stored);
  work.outcome->found_stored += count_samples(body) - count_samples(rest);
  return rest;
}

bool Delivery::write_part(std::string_view body, Isolation& work) {
  if (work.requests >= options_.max_isolation_requests) {
    work.drop(body, "isolation_limit");
    return true;
  }
  ++work.requests;
  switch (send({&body, 1}, work.unit)) {
    case Answer::stored:
      ++work.stored_parts;
      return true;
    case Answer::refused:
      return divide(body, work);
    case Answer::later:
      break;
  }
  return false;
}

bool Delivery::divide(std::string_view refused, Isolation& work) {
  const auto halves = halve_by_time(refused);
  if (!halves) return divide_moment(refused, work);
  return write_part(halves->first, work) && write_part(halves->second, work);
}

// `refused` holds one time only. Often all of it is refused for one reason (a frame that was sent
// twice): some series spread over it are tried before each is.
bool Delivery::divide_moment(std::string_view refused, Isolation& work) {
  const auto series = split_series(refused);
  const bool saving = work.refused_moments >= probes_saved_after;
  const std::size_t probes = saving ? few_probes : probes_per_moment;
  if (series.size() <= probes_per_moment) return divide_series(refused, work);

  std::string rest;
  bool any_stored = false;
  const std::size_t step = series.size() / probes;
  const std::size_t offset = work.refused_moments % step;  // another series at each moment
  std::size_t probed = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (probed == probes || i % step != offset) {
      rest += series[i];
      continue;
    }
    ++probed;
    const std::size_t stored_before = work.stored_parts;
    if (!write_part(series[i], work)) return false;
    any_stored |= work.stored_parts > stored_before;
  }
  if (any_stored) {
    work.refused_moments = 0;
    return write_part(rest, work);
  }
  ++work.refused_moments;
  work.drop(rest, refusal_);
  return true;
}

bool Delivery::divide_series(std::string_view refused, Isolation& work) {
  const auto halves = halve_by_series(refused);
  if (!halves) {
    work.drop(refused, refusal_);
    return true;
  }
  return write_part(halves->first, work) && write_part(halves->second, work);
}

}  // namespace godwit
