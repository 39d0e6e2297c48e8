#include "transport/naming/name_text.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool matches_any(std::string_view patterns, std::string_view text) {
  const auto all = split(patterns, '|');
  return std::any_of(all.begin(), all.end(),
                     [&](std::string_view pattern) { return matches_glob(pattern, text); });
}

// What stands between braces: `label` or `label|modifier`.
std::string expand_field(std::string_view field, const LabelLookup& lookup) {
  const auto bar = field.find('|');
  std::string_view value;
  for (const auto name : split(field.substr(0, bar), '/')) {
    if (value.empty()) value = lookup(name);
  }
  if (bar == std::string_view::npos) return std::string(value);
  const std::string_view modifier = field.substr(bar + 1);
  if (modifier == "lower") return to_lower(value);
  if (modifier == "next") {
    const auto number = parse_int(value);
    return number && *number < INT32_MAX ? std::to_string(*number + 1) : std::string();
  }
  return std::string(value.empty() ? modifier : value);
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches(std::string_view conditions, const LabelLookup& lookup) {
  for (const auto condition : split_blanks(conditions)) {
    const auto equals = condition.find('=');
    const bool negated = condition[equals - 1] == '!';
    const std::string_view name = condition.substr(0, equals - (negated ? 1 : 0));
    if (matches_any(condition.substr(equals + 1), lookup(name)) == negated) return false;
  }
  return true;
}

std::string expand_text(std::string_view text, const LabelLookup& lookup) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    out += expand_field(text.substr(open + 1, close - open - 1), lookup);
    text.remove_prefix(close + 1);
  }
  return out;
}

Labels expand_labels(std::string_view labels, std::string_view more, const LabelLookup& lookup) {
  Labels out;
  if (labels.starts_with('-')) {
    labels.remove_prefix(1);
    more = {};
  }
  for (const auto list : {labels, more}) {
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    for (const auto item : split(list, ',')) {
      const auto equals = item.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view name = item.substr(0, equals);
      const auto known = std::find_if(out.begin(), out.end(),
                                      [&](const Label& label) { return label.name == name; });
      if (known == out.end()) {
        out.push_back({std::string(name), expand_text(item.substr(equals + 1), lookup)});
      } else if (known - out.begin() >= before && known->value.empty()) {
        known->value = expand_text(item.substr(equals + 1), lookup);
      }
    }
  }
  std::erase_if(out, [](const Label& label) { return label.value.empty(); });
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace godwit
