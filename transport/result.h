// Errors as values, used by every layer.
//
// A fallible operation returns Result<T>: either the value or an Error. Each caller on the way up
// adds what it was doing with Error::with_prefix, so that the one line a person finally reads says
// what was wrong, where, and what to do. Exceptions of third-party libraries are turned into Errors
// in the one file that includes the library. A caller's own mistake is an assert, not an Error.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace godwit {

// What a caller may decide on. Texts are for people; code is for programs.
enum class ErrorCode : std::uint8_t {
  invalid,      // the input breaks its format or its limits
  no_data,      // the source does not exist here: absence, not a fault
  permission,   // it exists and may not be read or written
  timeout,      // the deadline passed
  unavailable,  // a peer is away or refuses for now; trying later makes sense
  rejected,     // a peer says this will never be accepted
  corrupt,      // stored data is damaged
  full,         // no room: disk, queue or bound
  io,           // any other failure of the operating system
  internal,     // should not happen
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;

  [[nodiscard]] Error with_prefix(std::string_view prefix) const {
    return {code, std::string(prefix) + ": " + message};
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  T& value() & { return *checked_value(); }
  const T& value() const& { return const_cast<Result*>(this)->value(); }
  T&& value() && { return std::move(*checked_value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return checked_value(); }
  const T* operator->() const { return const_cast<Result*>(this)->checked_value(); }

  // Only when !ok().
  [[nodiscard]] const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  T* checked_value() {
    assert(ok());
    return std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error)
      : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const {
    assert(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace godwit
