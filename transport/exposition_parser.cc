#include "transport/exposition_parser.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view blanks = " \t";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
}

// Takes a name from the front; empty when there is none.
std::string_view take_name(std::string_view& text, bool may_have_colon) {
  const auto fits = [&](char c) { return is_name_char(c) || (may_have_colon && c == ':'); };
  std::size_t end = 0;
  while (end < text.size() && fits(text[end])) ++end;
  if (end > 0 && !is_letter(text[0]) && text[0] != ':') end = 0;
  const std::string_view name = text.substr(0, end);
  text.remove_prefix(end);
  return name;
}

// Takes what stands before the next blank.
std::string_view take_word(std::string_view& text) {
  skip_blanks(text);
  const std::string_view word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

// As strconv.ParseFloat reads what exporters write.
std::optional<double> parse_value(std::string_view text) {
  if (const auto number = parse_double(text)) {
    if (std::isnan(*number)) return std::numeric_limits<double>::quiet_NaN();
    return number;
  }
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string word = to_lower(text);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (word == "inf" || word == "infinity") return negative ? -infinity : infinity;
  return std::nullopt;
}

// The text behind an opening quote, up to the closing one, which is taken. nullopt: no end.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (c != '\\' || i + 1 == text.size()) {
      value += c;
      continue;
    }
    const char escaped = text[++i];
    if (escaped == 'n') {
      value += '\n';
    } else {
      if (escaped != '\\' && escaped != '"') value += c;
      value += escaped;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ExpositionParser::Format> ExpositionParser::format_of(std::string_view content_type) {
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/openmetrics-text") return Format::openmetrics;
  if (type.empty() || type == "text/plain") return Format::prometheus;
  return std::nullopt;
}

Error ExpositionParser::wrong(std::string_view what) const {
  return {ErrorCode::invalid, concat("line ", line_number_, ": ", what)};
}

Status ExpositionParser::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    const std::size_t size = std::min(end, piece.size());
    if (line_.size() + size > max_line_bytes) {
      ++line_number_;
      return wrong(concat("longer than ", max_line_bytes, " bytes"));
    }
    if (end == std::string_view::npos) {
      line_ += piece;
      return {};
    }
    ++line_number_;
    Status status;
    if (line_.empty()) {
      status = take_line(piece.substr(0, size));
    } else {
      line_ += piece.substr(0, size);
      status = take_line(line_);
      line_.clear();
    }
    if (!status) return status;
    piece.remove_prefix(size + 1);
  }
  return {};
}

Status ExpositionParser::finish() {
  if (!line_.empty()) {
    ++line_number_;
    // `# EOF` needs no line feed; all else without one was cut off.
    const std::string last = std::exchange(line_, {});
    if (format_ != Format::openmetrics || last != "# EOF") return wrong("it ends within this line");
    ended_ = true;
  }
  if (format_ == Format::openmetrics && !ended_) return wrong("it ends without # EOF");
  return {};
}

Status ExpositionParser::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (ended_) return wrong("something follows # EOF");
  skip_blanks(line);
  if (line.empty()) return {};
  return line.front() == '#' ? take_comment(line) : take_sample(line);
}

Status ExpositionParser::take_comment(std::string_view line) {
  if (format_ == Format::openmetrics && line == "# EOF") {
    ended_ = true;
    return {};
  }
  line.remove_prefix(1);
  if (take_word(line) != "TYPE") return {};
  family_ = take_word(line);
  type_ = take_word(line);
  if (type_.empty()) return wrong("a TYPE line without type");
  return {};
}

Kind ExpositionParser::kind_of(std::string_view name) const {
  if (!name.starts_with(family_) || family_.empty()) return Kind::gauge;
  const std::string_view suffix = name.substr(family_.size());
  if (type_ == "counter") {
    return suffix.empty() || suffix == "_total" ? Kind::counter : Kind::gauge;
  }
  if (type_ == "histogram" || type_ == "summary") {
    const bool counts = suffix == "_bucket" || suffix == "_count" || suffix == "_sum";
    return counts ? Kind::counter : Kind::gauge;
  }
  if (type_ == "info" && (suffix == "_info" || suffix.empty())) return Kind::info;
  if (type_ == "stateset" && suffix.empty()) return Kind::stateset;
  return Kind::gauge;
}

Status ExpositionParser::take_sample(std::string_view line) {
  ExposedSample sample;
  std::string_view rest = line;
  const std::string_view name = take_name(rest, true);
  if (name.empty()) {
    return wrong(concat("expected a metric's name, got ", quote_for_message(line, 40)));
  }
  skip_blanks(rest);
  if (rest.starts_with('{')) {
    if (Status status = read_labels(rest, sample.series.labels); !status) return status;
  }
  const std::string_view number = take_word(rest);
  const auto value = parse_value(number);
  if (!value) {
    return wrong(concat(quote_for_message(name, 60), ": expected a number, got ",
                        quote_for_message(number, 40)));
  }
  skip_blanks(rest);
  const bool has_exemplar = format_ == Format::openmetrics && rest.starts_with('#');
  if (!rest.empty() && !has_exemplar) {
    if (!parse_value(take_word(rest))) {
      return wrong(concat(quote_for_message(name, 60), ": its time is no number"));
    }
    sample.has_time = true;
    skip_blanks(rest);
    if (!rest.empty() && !(format_ == Format::openmetrics && rest.starts_with('#'))) {
      return wrong(concat(quote_for_message(name, 60), ": something follows its time"));
    }
  }
  sample.series.name = name;
  sample.series.kind = kind_of(name);
  sample.value = *value;
  return visit_(std::move(sample));
}

// From '{' to behind '}'.
Status ExpositionParser::read_labels(std::string_view& rest, Labels& labels) const {
  rest.remove_prefix(1);
  for (;;) {
    skip_blanks(rest);
    if (rest.starts_with('}')) break;
    const std::string_view name = take_name(rest, false);
    skip_blanks(rest);
    if (name.empty() || !rest.starts_with('=')) return wrong("expected label=\"value\"");
    rest.remove_prefix(1);
    skip_blanks(rest);
    if (!rest.starts_with('"')) return wrong("a label's value is not in quotes");
    rest.remove_prefix(1);
    auto value = take_quoted(rest);
    if (!value) return wrong("a label's value has no closing quote");
    if (name == "__name__") return wrong("a label is called __name__");
    if (labels.size() == max_line_labels) return wrong("too many labels");
    labels.push_back({std::string(name), std::move(*value)});
    skip_blanks(rest);
    if (rest.starts_with(',')) {
      rest.remove_prefix(1);
    } else if (!rest.starts_with('}')) {
      return wrong("expected , or } behind a label");
    }
  }
  rest.remove_prefix(1);
  std::sort(labels.begin(), labels.end());
  const auto same_name = [](const Label& a, const Label& b) { return a.name == b.name; };
  if (std::adjacent_find(labels.begin(), labels.end(), same_name) != labels.end()) {
    return wrong("a label comes twice");
  }
  std::erase_if(labels, [](const Label& label) { return label.value.empty(); });
  return {};
}

}  // namespace godwit
