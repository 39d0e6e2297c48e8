// Cutting kernel text into lines and fields without copies. For the collectors that parse /proc.
#pragma once

#include <algorithm>
#include <string_view>

#include "transport/result.h"
#include "transport/text.h"

namespace godwit {

// Takes the next line (without its "\n") off `rest`.
inline std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// Takes the next field between blanks off `rest`; empty at the end.
inline std::string_view next_field(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && (rest[at] == ' ' || rest[at] == '\t')) ++at;
  std::size_t end = at;
  while (end < rest.size() && rest[end] != ' ' && rest[end] != '\t') ++end;
  const std::string_view field = rest.substr(at, end - at);
  rest.remove_prefix(end);
  return field;
}

// True for what may be part of a metric's name: letters, digits, "_"; at most 64 of them.
inline bool is_name_part(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), is_plain);
}

// Keeps the first line that a parser did not understand.
class BadLines {
 public:
  void add(std::string_view line) {
    if (first_.empty()) first_ = quote_for_message(line);
  }
  [[nodiscard]] Status status() const {
    if (first_.empty()) return {};
    return Error{ErrorCode::invalid, concat("line not understood: ", first_)};
  }

 private:
  std::string first_;
};

// Folds the outcome of one part into the outcome of the whole: the first fault is kept, and a part
// that does not exist here is none.
inline void keep_first_fault(Status& whole, const Status& part) {
  if (whole.ok() && !part.ok() && part.error().code != ErrorCode::no_data) whole = part;
}

}  // namespace godwit
