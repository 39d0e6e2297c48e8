#include "edge/http_answer.h"

#include <algorithm>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::size_t max_chunk_line = 256;

Error malformed(std::string_view what) {
  return {ErrorCode::invalid, concat("the answer is no HTTP/1.1: ", what)};
}

Error too_large(std::size_t limit) {
  return {ErrorCode::invalid, concat("the answer is larger than ", limit, " bytes")};
}

}  // namespace

Result<bool> HttpAnswerParser::consume(std::string& input) {
  for (;;) {
    const Stage before = stage_;
    const std::size_t size = input.size();
    if (Status status = step(input); !status) return status.error();
    if (stage_ == Stage::complete) return true;
    if (stage_ == before && input.size() == size) return false;
  }
}

Status HttpAnswerParser::end() {
  if (stage_ == Stage::rest) stage_ = Stage::complete;
  if (stage_ == Stage::complete) return {};
  return Error{ErrorCode::unavailable, "the connection ended before the answer was complete"};
}

Status HttpAnswerParser::step(std::string& input) {
  switch (stage_) {
    case Stage::head:
      return read_head(input);
    case Stage::body:
    case Stage::rest:
    case Stage::chunk_data:
      return read_data(input);
    case Stage::chunk_size:
    case Stage::chunk_end:
    case Stage::trailers:
      return read_chunk_line(input);
    case Stage::complete:
      break;
  }
  return {};
}

Status HttpAnswerParser::read_head(std::string& input) {
  const std::size_t end = input.find(head_end);
  if (std::min(end, input.size()) > max_head_bytes) return malformed("its head has no end");
  if (end == std::string::npos) return {};
  if (Status status = parse_head(std::string_view(input).substr(0, end)); !status) return status;
  input.erase(0, end + head_end.size());
  // "100 Continue" and the like: the answer itself follows.
  if (answer_.status < 200) {
    answer_ = {};
    content_length_.reset();
    chunked_ = false;
    return {};
  }
  return choose_body();
}

Status HttpAnswerParser::parse_head(std::string_view head) {
  std::size_t end = head.find(line_end);
  const std::string_view line = head.substr(0, end);
  const int status = line.size() < 12 ? 0 : parse_int<int>(line.substr(9, 3)).value_or(0);
  const bool good = (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) &&
                    status >= 100 && status <= 599 && (line.size() == 12 || line[12] == ' ');
  if (!good) return malformed(concat("it begins with ", quote_for_message(line, 40)));
  answer_.status = status;
  while (end != std::string_view::npos) {
    head.remove_prefix(end + line_end.size());
    end = head.find(line_end);
    if (Status parsed = parse_header(head.substr(0, end)); !parsed) return parsed;
  }
  return {};
}

Status HttpAnswerParser::parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    return malformed(concat("a header is ", quote_for_message(line, 40)));
  }
  const std::string name = to_lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "content-type") {
    answer_.content_type = value;
  } else if (name == "content-length") {
    const auto length = parse_int<std::size_t>(value);
    if (!length || (content_length_ && *content_length_ != *length)) {
      return malformed(concat("Content-Length is ", quote_for_message(value, 40)));
    }
    content_length_ = length;
  } else if (name == "transfer-encoding") {
    if (chunked_ || to_lower(value) != "chunked") {
      return malformed(concat("Transfer-Encoding is ", quote_for_message(value, 40)));
    }
    chunked_ = true;
  } else if (name == "content-encoding" && to_lower(value) != "identity" && !value.empty()) {
    return Error{ErrorCode::invalid,
                 concat("the answer is compressed (", quote_for_message(value, 20),
                        "), which was not asked for")};
  }
  return {};
}

Status HttpAnswerParser::choose_body() {
  if (answer_.status == 204 || answer_.status == 304) {
    stage_ = Stage::complete;
  } else if (chunked_) {
    // Two answers to where the body ends: RFC 9112, 6.3.
    if (content_length_) return malformed("both Content-Length and Transfer-Encoding");
    stage_ = Stage::chunk_size;
  } else if (content_length_) {
    if (*content_length_ > max_body_bytes_) return too_large(max_body_bytes_);
    remaining_ = *content_length_;
    stage_ = remaining_ > 0 ? Stage::body : Stage::complete;
  } else {
    stage_ = Stage::rest;
  }
  return {};
}

Status HttpAnswerParser::read_data(std::string& input) {
  const bool known = stage_ != Stage::rest;
  const std::size_t taken = known ? std::min(remaining_, input.size()) : input.size();
  body_bytes_ += taken;
  if (body_bytes_ > max_body_bytes_) return too_large(max_body_bytes_);
  const auto piece = std::string_view(input).substr(0, taken);
  if (sink_ && answer_.status == 200) {
    if (Status status = sink_(answer_, piece); !status) return status;
  } else {
    answer_.body += piece;
  }
  input.erase(0, taken);
  if (!known) return {};
  remaining_ -= taken;
  if (remaining_ == 0) stage_ = stage_ == Stage::body ? Stage::complete : Stage::chunk_end;
  return {};
}

// A chunk's size, the end of its data, or a trailer.
Status HttpAnswerParser::read_chunk_line(std::string& input) {
  const std::size_t end = input.find(line_end);
  const std::size_t limit = stage_ == Stage::trailers ? max_head_bytes : max_chunk_line;
  if (trailer_bytes_ + std::min(end, input.size()) > limit)
    return malformed("an endless chunk line");
  if (end == std::string::npos) return {};
  // An extension behind ';' is passed over.
  const std::string_view line = std::string_view(input).substr(0, end);
  if (stage_ == Stage::chunk_size) {
    const auto size = parse_int<std::size_t>(trim(line.substr(0, line.find(';'))), 16);
    if (!size) return malformed(concat("a chunk's size is ", quote_for_message(line, 40)));
    if (*size > max_body_bytes_ - body_bytes_) return too_large(max_body_bytes_);
    remaining_ = *size;
    stage_ = *size > 0 ? Stage::chunk_data : Stage::trailers;
  } else if (stage_ == Stage::chunk_end) {
    if (!line.empty()) return malformed("a chunk is longer than it says");
    stage_ = Stage::chunk_size;
  } else {
    trailer_bytes_ += line.size();
    if (line.empty()) stage_ = Stage::complete;
  }
  input.erase(0, end + line_end.size());
  return {};
}

}  // namespace godwit
