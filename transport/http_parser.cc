#include "transport/http_parser.h"

#include <algorithm>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::size_t max_chunk_line = 256;

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// nullopt: a broken escape, or a NUL.
std::optional<std::string> decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto byte = parse_int<unsigned>(text.substr(i + 1, 2), 16);
      if (!byte) return std::nullopt;
      c = static_cast<char>(*byte);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

}  // namespace

HttpParser::Outcome HttpParser::consume(std::string& input) {
  if (status_ != 0) return Outcome::refused;
  for (;;) {
    const Stage before = stage_;
    Outcome outcome = Outcome::more;
    switch (stage_) {
      case Stage::head:
        outcome = consume_head(input);
        break;
      case Stage::body:
      case Stage::chunk_data:
        outcome = consume_sized(input);
        break;
      case Stage::chunk_size:
        outcome = consume_chunk_size(input);
        break;
      case Stage::chunk_end:
        outcome = consume_chunk_end(input);
        break;
      case Stage::trailers:
        outcome = consume_trailers(input);
        break;
    }
    if (outcome != Outcome::more || stage_ == before) return outcome;
  }
}

bool HttpParser::take_expect_continue() { return std::exchange(expect_continue_, false); }

HttpRequest HttpParser::take() {
  stage_ = Stage::head;
  scanned_ = 0;
  trailer_bytes_ = 0;
  content_length_.reset();
  chunked_ = false;
  keep_alive_ = true;
  expect_continue_ = false;
  return std::exchange(request_, {});
}

bool HttpParser::refuse(int status) {
  status_ = status;
  keep_alive_ = false;
  return false;
}

HttpParser::Outcome HttpParser::consume_head(std::string& input) {
  // RFC 9112, 2.2: empty lines before a request line are passed over.
  std::size_t blank = 0;
  while (input.compare(blank, line_end.size(), line_end) == 0) blank += line_end.size();
  if (blank > 0) scanned_ = 0;
  input.erase(0, blank);
  const std::size_t from = scanned_ < head_end.size() ? 0 : scanned_ - head_end.size() + 1;
  const std::size_t end = input.find(head_end, from);
  if (end == std::string::npos ? input.size() > limits_.max_head_bytes
                               : end > limits_.max_head_bytes) {
    refuse(431);
    return Outcome::refused;
  }
  if (end == std::string::npos) {
    scanned_ = input.size();
    return Outcome::more;
  }
  const bool good = parse_head(std::string_view(input).substr(0, end)) && choose_body();
  input.erase(0, end + head_end.size());
  if (!good) return Outcome::refused;
  return stage_ == Stage::head ? Outcome::complete : Outcome::more;
}

HttpParser::Outcome HttpParser::consume_sized(std::string& input) {
  const std::size_t taken = std::min(remaining_, input.size());
  request_.body.append(input, 0, taken);
  input.erase(0, taken);
  remaining_ -= taken;
  if (remaining_ > 0) return Outcome::more;
  if (stage_ == Stage::body) return Outcome::complete;
  stage_ = Stage::chunk_end;
  return Outcome::more;
}

HttpParser::Outcome HttpParser::consume_chunk_size(std::string& input) {
  const std::size_t end = input.find(line_end);
  if (end == std::string::npos) {
    if (input.size() <= max_chunk_line) return Outcome::more;
    refuse(400);
    return Outcome::refused;
  }
  // An extension behind ';' is passed over.
  const std::string_view line = std::string_view(input).substr(0, end);
  const auto size = parse_int<std::size_t>(trim(line.substr(0, line.find(';'))), 16);
  if (!size || end > max_chunk_line) {
    refuse(400);
    return Outcome::refused;
  }
  if (*size > limits_.max_body_bytes - request_.body.size()) {
    refuse(413);
    return Outcome::refused;
  }
  input.erase(0, end + line_end.size());
  remaining_ = *size;
  stage_ = *size > 0 ? Stage::chunk_data : Stage::trailers;
  return Outcome::more;
}

HttpParser::Outcome HttpParser::consume_chunk_end(std::string& input) {
  if (input.size() < line_end.size()) return Outcome::more;
  if (!input.starts_with(line_end)) {
    refuse(400);
    return Outcome::refused;
  }
  input.erase(0, line_end.size());
  stage_ = Stage::chunk_size;
  return Outcome::more;
}

HttpParser::Outcome HttpParser::consume_trailers(std::string& input) {
  for (;;) {
    const std::size_t end = input.find(line_end);
    const std::size_t size = end == std::string::npos ? input.size() : end;
    if (trailer_bytes_ + size > limits_.max_head_bytes) {
      refuse(431);
      return Outcome::refused;
    }
    if (end == std::string::npos) return Outcome::more;
    trailer_bytes_ += size;
    input.erase(0, end + line_end.size());
    if (size == 0) return Outcome::complete;
  }
}

bool HttpParser::parse_head(std::string_view head) {
  std::size_t end = head.find(line_end);
  if (!parse_request_line(head.substr(0, end))) return false;
  std::size_t headers = 0;
  while (end != std::string_view::npos) {
    head.remove_prefix(end + line_end.size());
    end = head.find(line_end);
    if (++headers > limits_.max_headers) return refuse(431);
    if (!parse_header(head.substr(0, end))) return false;
  }
  return true;
}

bool HttpParser::parse_request_line(std::string_view line) {
  const auto parts = split(line, ' ');
  if (parts.size() != 3 || !is_token(parts[0])) return refuse(400);
  if (!parts[2].starts_with("HTTP/")) return refuse(400);
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return refuse(505);
  keep_alive_ = parts[2] == "HTTP/1.1";
  request_.method = parts[0];
  return parse_target(parts[1]);
}

bool HttpParser::parse_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (!target.starts_with('/') && target != "*") return refuse(400);
  const std::size_t question = target.find('?');
  auto path = decode_percent(target.substr(0, question));
  if (!path) return refuse(400);
  request_.path = std::move(*path);
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  return true;
}

// False: there may be one alone.
bool HttpParser::keep_header(std::string_view name, std::string_view value) {
  std::string* const kept = name == "authorization"     ? &request_.authorization
                            : name == "if-none-match"   ? &request_.if_none_match
                            : name == "accept-encoding" ? &request_.accept_encoding
                                                        : nullptr;
  if (kept == nullptr) return true;
  const bool is_control = std::any_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
  });
  if (is_control || (name == "authorization" && !kept->empty())) return false;
  // RFC 9110, 5.3: several are one list.
  if (!kept->empty()) *kept += ", ";
  *kept += value;
  return true;
}

bool HttpParser::parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return refuse(400);
  const std::string name = to_lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return refuse(400);
  }
  if (!keep_header(name, value)) return refuse(400);
  if (name == "content-length") {
    const auto length = is_digits(value) ? parse_int<std::size_t>(value) : std::nullopt;
    if (is_digits(value) && !length) return refuse(413);
    if (!length || (content_length_ && *content_length_ != *length)) return refuse(400);
    content_length_ = length;
  } else if (name == "transfer-encoding") {
    if (chunked_) return refuse(400);
    if (to_lower(value) != "chunked") return refuse(501);
    chunked_ = true;
  } else if (name == "connection") {
    for (const std::string_view option : split(value, ',')) {
      if (to_lower(trim(option)) == "close") keep_alive_ = false;
    }
  } else if (name == "expect") {
    if (to_lower(value) != "100-continue") return refuse(417);
    expect_continue_ = true;
  }
  return true;
}

bool HttpParser::choose_body() {
  if (chunked_) {
    // Two answers to where the request ends: RFC 9112, 6.3.
    if (content_length_) return refuse(400);
    stage_ = Stage::chunk_size;
    return true;
  }
  const std::size_t length = content_length_.value_or(0);
  if (length > limits_.max_body_bytes) return refuse(413);
  if (length > 0) {
    remaining_ = length;
    stage_ = Stage::body;
  }
  return true;
}

}  // namespace godwit
