// A request to the HTTP API: any path and any text behind '?' end in a target and moments within
// the bounds, or in an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "cloud/api_query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = text.find('?');
  static_cast<void>(godwit::parse_api_path(text.substr(0, mark)));
  const auto query =
      godwit::parse_api_query(mark == std::string_view::npos ? text : text.substr(mark + 1));
  if (!query || !query->range_ms) return 0;
  if (query->step_ms < 1000 || *query->range_ms <= 0) std::abort();
  if (*query->range_ms / query->step_ms >= godwit::max_api_moments) std::abort();
  return 0;
}
