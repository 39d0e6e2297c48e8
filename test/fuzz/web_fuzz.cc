// What a page sends: any query ends in bounded values or an Error; an id that is taken for a series
// is its own text and nothing more. Any path and headers of a request for a file end in an answer.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "cloud/web_history.h"
#include "cloud/web_page.h"
#include "cloud/web_query.h"
#include "cloud/web_series.h"

namespace {

void check_query(std::string_view text) {
  using namespace godwit;
  const auto query = parse_web_query(text);
  if (!query) return;
  if (query->ids.size() > max_web_ids || query->limit < 1 || query->limit > 2000) std::abort();
  const auto range = choose_range(*query, 1'795'000'000'000);
  if (!range) return;
  if (range->step_ms < 1000 || range->from_ms % range->step_ms != 0) std::abort();
  if ((range->to_ms - range->from_ms) / range->step_ms + 1 > max_web_points) std::abort();
}

void check_id(std::string_view text) {
  const auto series = godwit::parse_web_id(text);
  if (!series) return;
  if (godwit::format_series(*series) != text) std::abort();
  const auto about = godwit::describe_web_series(*series);
  if (about && about->of_device != about->group.empty()) std::abort();
}

void check_file(std::string_view text) {
  using namespace godwit;
  static const std::vector<WebAsset> assets = {
      {"/index.html", "text/html", "1", "page", "gzip"},
      {"/assets/main-1.js", "text/javascript", "2", "script", "gzip"}};
  const std::size_t first = std::min(text.find('\n'), text.size());
  const std::string_view rest = text.substr(std::min(first + 1, text.size()));
  const std::size_t second = std::min(rest.find('\n'), rest.size());
  HttpRequest request{"GET", std::string(text.substr(0, first)), "", ""};
  request.accept_encoding = rest.substr(0, second);
  request.if_none_match = rest.substr(std::min(second + 1, rest.size()));
  const HttpResponse response = serve_page(request, assets);
  if (response.status != 200 && response.status != 304 && response.status != 404) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_query(text);
  check_id(text);
  check_file(text);
  return 0;
}
