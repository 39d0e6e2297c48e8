// The machine that runs the opcodes of a pickle: internal to pickle.cc (opcodes) and
// pickle_stack.cc (stack, memo, limits).
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/collectors/jtop/pickle.h"
#include "transport/text.h"

namespace godwit {

inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// Runs the opcodes. A failed step leaves `error_` set and stops the loop.
class PickleReader {
 public:
  explicit PickleReader(Pickle& out) : out_(out), in_(*out.bytes_) {}

  Status run();

 private:
  using Node = Pickle::Node;

  Status fail(std::string_view what) const {
    return Error{ErrorCode::invalid, concat("pickle, byte ", position_, ": ", what)};
  }
  Status step(unsigned char opcode);
  Status step_number(unsigned char opcode);
  Status step_text(unsigned char opcode);
  Status step_container(unsigned char opcode);
  Status step_memo(unsigned char opcode);
  Status step_class(unsigned char opcode);

  bool take(std::size_t count, std::string_view& out);
  bool take_line(std::string_view& out);
  // Text or bytes with a length of `width` bytes before it.
  Status push_sized(PickleType type, std::size_t width);
  Status push_long(std::size_t width);
  Status push(Node node);
  Status push_index(std::uint32_t index);
  Status pop(std::size_t count);
  // Moves what lies above the last mark out of the stack.
  Status pop_mark(std::vector<std::uint32_t>& out);
  Status push_tuple(std::size_t count);
  Status append_to(PickleType container, const std::vector<std::uint32_t>& items);
  Status push_class(std::string_view module, std::string_view name);
  [[nodiscard]] bool is_opaque(std::uint32_t index) const {
    return out_.nodes_[index].type == PickleType::opaque;
  }
  Status remember(std::uint64_t slot);
  Status recall(std::uint64_t slot);
  // Depth and number of values on a walk from `index`; refuses values that contain themselves.
  Status measure(std::uint32_t index, int depth, std::size_t& count) const;

  Pickle& out_;
  std::string_view in_;
  std::size_t position_ = 0;
  std::size_t memoized_ = 0;
  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;  // stack sizes
  std::vector<std::uint32_t> memo_;
};

}  // namespace godwit
