#include "cloud/refusal.h"

#include <algorithm>
#include <string>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_text = 4096;

// Lower case, with blanks where a text has dashes.
std::string normalise(std::string_view answer) {
  std::string text = to_lower(answer.substr(0, max_text));
  std::replace(text.begin(), text.end(), '-', ' ');
  return text;
}

}  // namespace

bool is_refusal(int status, std::string_view answer) {
  if (status == 400 || status == 409 || status == 413 || status == 422) return true;
  if (status != 500) return false;
  const std::string text = normalise(answer);
  return text.find("too old sample") != std::string::npos ||
         text.find("out of bounds") != std::string::npos;
}

std::string_view refusal_reason(int status, std::string_view answer) {
  if (status == 413) return "too_large";
  constexpr std::pair<std::string_view, std::string_view> reasons[] = {
      {"too far in", "future"},         {"too old", "too_old"},     {"out of bounds", "too_old"},
      {"out of order", "out_of_order"}, {"duplicate", "duplicate"}, {"limit", "limit"},
      {"max series", "limit"},
  };
  const std::string text = normalise(answer);
  for (const auto& [words, reason] : reasons) {
    if (text.find(words) != std::string::npos) return reason;
  }
  return "refused";
}

}  // namespace godwit
