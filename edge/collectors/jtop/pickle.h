// Bounded reader and writer for the part of Python's pickle format that the jtop service speaks
// (protocols 2 to 5; opcode table: CPython Lib/pickletools.py).
//
// Reading builds plain data and nothing else. Opcodes that would name or call a class leave an
// `opaque` value with the class's name; nothing is ever looked up or run. Every size is checked
// against the bytes at hand and against the limits below before memory is taken, and a value that
// contains itself, or repeats itself beyond the limits, is refused, so a walk over a decoded Pickle
// always ends.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/json_writer.h"
#include "transport/result.h"

namespace godwit {

inline constexpr std::size_t pickle_max_bytes = 1U << 20;
inline constexpr std::size_t pickle_max_memo = 65536;
// Values in one pickle, and values met on a walk over it (a shared list counts each time).
inline constexpr std::size_t pickle_max_values = 100'000;
inline constexpr int pickle_max_depth = 32;

enum class PickleType : std::uint8_t {
  missing,  // what find() and at() give when there is no such value
  none,
  flag,
  integer,
  real,  // integers beyond 64 bit too
  text,
  bytes,
  list,
  tuple,
  dict,
  opaque,
};

class Pickle;

// A handle to one value; lives as long as its Pickle. Asking a value for what it is not gives
// nothing, so a path through data that may lack keys needs no checks on the way.
class PickleValue {
 public:
  PickleValue() = default;

  [[nodiscard]] PickleType type() const;
  explicit operator bool() const { return type() != PickleType::missing; }
  [[nodiscard]] bool is(PickleType type) const { return this->type() == type; }

  [[nodiscard]] std::optional<bool> flag() const;
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  // Integer or real, when finite.
  [[nodiscard]] std::optional<double> number() const;
  // Text or bytes; else empty. Text may hold unpaired surrogates, which are no valid UTF-8.
  [[nodiscard]] std::string_view text() const;
  // "module.name" of an opaque value; else empty.
  [[nodiscard]] std::string class_name() const;

  // Items of a list or tuple, pairs of a dict; else 0.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] PickleValue at(std::size_t index) const;             // list, tuple
  [[nodiscard]] PickleValue key(std::size_t index) const;            // dict
  [[nodiscard]] PickleValue value(std::size_t index) const;          // dict
  [[nodiscard]] PickleValue operator[](std::string_view key) const;  // dict, by text key
  [[nodiscard]] PickleValue operator[](std::int64_t key) const;      // dict, by integer key

 private:
  friend class Pickle;
  PickleValue(const Pickle* owner, std::uint32_t index) : owner_(owner), index_(index) {}
  [[nodiscard]] PickleValue child(std::size_t index) const;

  const Pickle* owner_ = nullptr;
  std::uint32_t index_ = 0;
};

class Pickle {
 public:
  static Result<Pickle> decode(std::string bytes);

  [[nodiscard]] PickleValue root() const { return {this, root_}; }
  [[nodiscard]] const std::string& bytes() const { return *bytes_; }

 private:
  friend class PickleValue;
  friend class PickleReader;

  struct Node {
    PickleType type = PickleType::none;
    std::int64_t integer = 0;  // flag too
    double real = 0;
    std::string_view text;             // into bytes_
    std::vector<std::uint32_t> items;  // dict: key, value, key, value; opaque: module, name
  };

  Pickle() = default;

  std::unique_ptr<std::string> bytes_;  // on the heap: texts point into it when a Pickle moves
  std::vector<Node> nodes_;
  std::uint32_t root_ = 0;
};

// The value as JSON: dict keys as text, bytes and opaque values as text in angle brackets.
void write_json(PickleValue value, JsonWriter& out);

// Writing, protocol 2. Each makes the piece for one value; pickle_document makes it complete.
std::string pickle_none();
std::string pickle_flag(bool flag);
std::string pickle_integer(std::int64_t number);
std::string pickle_real(double number);
std::string pickle_text(std::string_view text);
std::string pickle_tuple(std::initializer_list<std::string_view> items);
// Keys and values in turn.
std::string pickle_dict(std::initializer_list<std::string_view> keys_and_values);
// A decoded value again. Opaque values and bytes cannot be written.
Result<std::string> pickle_copy(PickleValue value);
std::string pickle_document(std::string_view piece);

}  // namespace godwit
