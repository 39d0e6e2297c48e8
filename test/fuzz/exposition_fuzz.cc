// Any bytes, in any two pieces, end in samples or an Error; the pieces make no difference; and what
// is fit for a schema reads back from how it is written.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "transport/exposition.h"
#include "transport/exposition_parser.h"
#include "transport/schema.h"

namespace {

using godwit::ExposedSample;
using godwit::ExpositionParser;

bool parse(ExpositionParser::Format format, std::string_view text, std::size_t cut,
           std::vector<ExposedSample>& out) {
  ExpositionParser parser(format, [&](ExposedSample&& sample) {
    out.push_back(std::move(sample));
    return godwit::Status();
  });
  return parser.feed(text.substr(0, cut)).ok() && parser.feed(text.substr(cut)).ok() &&
         parser.finish().ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  using Format = ExpositionParser::Format;
  const Format format = data[0] % 2 == 0 ? Format::prometheus : Format::openmetrics;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  std::vector<ExposedSample> whole;
  std::vector<ExposedSample> pieces;
  const bool good = parse(format, text, 0, whole);
  if (good != parse(format, text, std::min<std::size_t>(data[1], text.size()), pieces))
    std::abort();
  if (whole.size() != pieces.size()) std::abort();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (!(whole[i].series == pieces[i].series)) std::abort();
    if (!godwit::is_valid(whole[i].series)) continue;
    const godwit::Sample sample{whole[i].series, whole[i].value};
    std::vector<ExposedSample> again;
    if (!parse(Format::prometheus, godwit::expose({&sample, 1}), 0, again)) std::abort();
    if (again.size() != 1 || again[0].series.labels != sample.series.labels) std::abort();
    const bool both_nan = std::isnan(again[0].value) && std::isnan(sample.value);
    if (!both_nan && again[0].value != sample.value) std::abort();
  }
  return 0;
}
