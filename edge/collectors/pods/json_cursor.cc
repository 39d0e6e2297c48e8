#include "edge/collectors/pods/json_cursor.h"

#include "transport/text.h"

namespace godwit {
namespace {

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

void JsonCursor::fail() {
  failed_ = true;
  at_ = text_.size();
}

char JsonCursor::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
    ++at_;
  }
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonCursor::take(char wanted) {
  if (peek() != wanted) {
    fail();
    return false;
  }
  ++at_;
  return true;
}

bool JsonCursor::enter(char bracket) {
  if (peek() != bracket) {
    skip();
    return false;
  }
  if (depth_ == max_depth) {
    fail();
    return false;
  }
  ++at_;
  ++depth_;
  fresh_ = true;
  return true;
}

bool JsonCursor::next(char bracket) {
  if (failed_) return false;
  if (peek() == bracket) {
    ++at_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_ && !take(',')) return false;
  fresh_ = false;
  return true;
}

bool JsonCursor::next_item() { return next(']'); }

bool JsonCursor::next_member(std::string& key) {
  key.clear();
  return next('}') && read_string(&key) && take(':');
}

std::optional<unsigned> JsonCursor::read_hex4() {
  if (text_.size() - at_ < 4) return std::nullopt;
  const auto code = parse_int<unsigned>(text_.substr(at_, 4), 16);
  at_ += 4;
  return code;
}

bool JsonCursor::read_escape(std::string* out) {
  constexpr std::string_view codes = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  if (at_ >= text_.size()) return false;
  const char code = text_[at_++];
  if (const auto known = codes.find(code); known != std::string_view::npos) {
    if (out != nullptr) *out += meanings[known];
    return true;
  }
  if (code != 'u') return false;
  auto point = read_hex4();
  if (point && *point >= 0xd800 && *point < 0xdc00) {
    if (text_.substr(at_, 2) != "\\u") return false;
    at_ += 2;
    const auto low = read_hex4();
    if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
    point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
  }
  if (!point || (*point >= 0xdc00 && *point <= 0xdfff)) return false;
  if (out != nullptr) append_utf8(*out, *point);
  return true;
}

bool JsonCursor::read_string(std::string* out) {
  if (!take('"')) return false;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return true;
    if (c == '\\') {
      if (!read_escape(out)) break;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      break;
    } else if (out != nullptr) {
      *out += c;
    }
  }
  fail();
  return false;
}

std::string_view JsonCursor::read_word() {
  peek();
  const std::size_t begin = at_;
  while (at_ < text_.size() &&
         std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos) {
    ++at_;
  }
  const std::string_view word = text_.substr(begin, at_ - begin);
  if (word != "true" && word != "false" && word != "null" && !parse_double(word)) fail();
  return word;
}

std::optional<std::string> JsonCursor::text() {
  if (peek() != '"') {
    skip();
    return std::nullopt;
  }
  std::string out;
  if (!read_string(&out)) return std::nullopt;
  return out;
}

std::optional<double> JsonCursor::number() {
  const char first = peek();
  if (first != '-' && (first < '0' || first > '9')) {
    skip();
    return std::nullopt;
  }
  return parse_double(read_word());
}

std::optional<bool> JsonCursor::flag() {
  const char first = peek();
  if (first != 't' && first != 'f') {
    skip();
    return std::nullopt;
  }
  return read_word() == "true";
}

void JsonCursor::skip() {
  std::string ends;  // of the containers that are open in the value
  do {
    const char c = peek();
    if (c == '{' || c == '[') {
      if (!enter(c)) return;
      ends += c == '{' ? '}' : ']';
    } else if (c == '"') {
      read_string(nullptr);
    } else {
      read_word();
    }
    while (!ends.empty() && !next(ends.back())) {
      if (failed_) return;
      ends.pop_back();
    }
    if (!ends.empty() && ends.back() == '}' && !(read_string(nullptr) && take(':'))) return;
  } while (!ends.empty());
}

}  // namespace godwit
