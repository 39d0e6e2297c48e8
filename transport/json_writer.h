// Writes JSON text piece by piece: commas, escaping and indentation are its job, nesting is the
// caller's. Used for log lines, `once --format json`, `parse` and the HTTP status pages.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "transport/text.h"

namespace godwit {

class JsonWriter {
 public:
  // indent 0 writes everything on one line.
  explicit JsonWriter(int indent = 0) : indent_(indent) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name);
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool flag) { raw_value(flag ? "true" : "false"); }
  // NaN and infinities have no JSON form and become null.
  void value(double number);
  template <std::integral T>
  void value(T number) {
    raw_value(std::to_string(number));
  }
  void null() { raw_value("null"); }
  // Text that is JSON already.
  void raw_value(std::string_view json);

  template <class T>
  void member(std::string_view name, const T& v) {
    key(name);
    value(v);
  }

  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void new_line();

  std::string out_;
  int indent_;
  int depth_ = 0;
  bool first_ = true;       // nothing written yet in the present container
  bool after_key_ = false;  // a key waits for its value
};

}  // namespace godwit
