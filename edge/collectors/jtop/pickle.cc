#include "edge/collectors/jtop/pickle.h"

#include <algorithm>
#include <bit>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint32_t unset = 0xffffffff;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

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

Status PickleReader::run() {
  if (in_.size() > pickle_max_bytes) return fail("larger than 1 MiB");
  if (in_.size() < 2 || in_[0] != '\x80') return fail("not a pickle of protocol 2 or later");
  out_.nodes_.reserve(std::min<std::size_t>(in_.size() / 5, 4096));
  while (position_ < in_.size()) {
    const auto opcode = static_cast<unsigned char>(in_[position_++]);
    if (opcode == '.') {
      if (position_ != in_.size()) return fail("more bytes after the end");
      if (stack_.size() != 1 || !marks_.empty()) return fail("ends without one value");
      out_.root_ = stack_[0];
      std::size_t count = 0;
      return measure(out_.root_, 0, count);
    }
    if (Status status = step(opcode); !status) return status;
  }
  return fail("cut off");
}

Status PickleReader::step(unsigned char opcode) {
  switch (opcode) {
    case 0x80: {  // PROTO
      std::string_view version;
      if (!take(1, version)) return fail("cut off");
      if (version[0] < 2 || version[0] > 5) return fail("protocol is not 2 to 5");
      return {};
    }
    case 0x95: {  // FRAME
      std::string_view length;
      if (!take(8, length)) return fail("cut off");
      if (little_endian(length) > in_.size() - position_) return fail("frame is cut off");
      return {};
    }
    case '(':
      marks_.push_back(stack_.size());
      return {};
    case 'N':
      return push({PickleType::none, 0, 0, {}, {}});
    case 0x88:
      return push({PickleType::flag, 1, 0, {}, {}});
    case 0x89:
      return push({PickleType::flag, 0, 0, {}, {}});
    case '0':
      return pop(1);
    case 'J':
    case 'K':
    case 'M':
    case 'G':
    case 0x8a:
    case 0x8b:
      return step_number(opcode);
    case 0x8c:
    case 'X':
    case 0x8d:
    case 'U':
    case 'T':
    case 'C':
    case 'B':
    case 0x8e:
    case 0x96:
      return step_text(opcode);
    case '}':
    case ']':
    case ')':
    case 't':
    case 0x85:
    case 0x86:
    case 0x87:
    case 'a':
    case 'e':
    case 's':
    case 'u':
      return step_container(opcode);
    case 'h':
    case 'j':
    case 'q':
    case 'r':
    case 0x94:
      return step_memo(opcode);
    default:
      return step_class(opcode);
  }
}

Status PickleReader::step_number(unsigned char opcode) {
  std::string_view bytes;
  switch (opcode) {
    case 0x8a:
      return push_long(1);
    case 0x8b:
      return push_long(4);
    case 'G': {
      if (!take(8, bytes)) return fail("cut off");
      std::uint64_t bits = 0;
      for (const char c : bytes) bits = bits << 8U | static_cast<unsigned char>(c);
      return push({PickleType::real, 0, std::bit_cast<double>(bits), {}, {}});
    }
    default:
      break;
  }
  const std::size_t width = opcode == 'J' ? 4 : opcode == 'M' ? 2 : 1;
  if (!take(width, bytes)) return fail("cut off");
  const std::uint64_t raw = little_endian(bytes);
  const std::int64_t value =
      opcode == 'J' ? std::int64_t{static_cast<std::int32_t>(raw)} : static_cast<std::int64_t>(raw);
  return push({PickleType::integer, value, 0, {}, {}});
}

Status PickleReader::push_long(std::size_t width) {
  std::string_view size;
  if (!take(width, size)) return fail("cut off");
  const std::uint64_t length = little_endian(size);
  std::string_view bytes;
  if (length > 128) return fail("integer of more than 128 bytes");
  if (!take(length, bytes)) return fail("cut off");
  const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0;
  if (bytes.size() <= 8) {
    std::uint64_t value = little_endian(bytes);
    if (negative && bytes.size() < 8) value |= ~std::uint64_t{0} << (8 * bytes.size());
    return push({PickleType::integer, static_cast<std::int64_t>(value), 0, {}, {}});
  }
  double value = negative ? -1 : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value * 256 + static_cast<unsigned char>(bytes[i]);
  }
  return push({PickleType::real, 0, value, {}, {}});
}

Status PickleReader::step_text(unsigned char opcode) {
  switch (opcode) {
    case 0x8c:
      return push_sized(PickleType::text, 1);
    case 'X':
      return push_sized(PickleType::text, 4);
    case 0x8d:
      return push_sized(PickleType::text, 8);
    case 'U':
      return push_sized(PickleType::text, 1);  // str of Python 2
    case 'T':
      return push_sized(PickleType::text, 4);
    case 'C':
      return push_sized(PickleType::bytes, 1);
    case 'B':
      return push_sized(PickleType::bytes, 4);
    default:
      return push_sized(PickleType::bytes, 8);
  }
}

Status PickleReader::step_container(unsigned char opcode) {
  std::vector<std::uint32_t> items;
  switch (opcode) {
    case '}':
      return push({PickleType::dict, 0, 0, {}, {}});
    case ']':
      return push({PickleType::list, 0, 0, {}, {}});
    case ')':
      return push({PickleType::tuple, 0, 0, {}, {}});
    case 0x85:
      return push_tuple(1);
    case 0x86:
      return push_tuple(2);
    case 0x87:
      return push_tuple(3);
    case 't':
      if (Status status = pop_mark(items); !status) return status;
      return push({PickleType::tuple, 0, 0, {}, std::move(items)});
    case 'a':
    case 's': {
      const std::size_t count = opcode == 'a' ? 1 : 2;
      if (stack_.size() < count) return fail("stack is empty");
      items.assign(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
      if (Status status = pop(count); !status) return status;
      break;
    }
    default:
      if (Status status = pop_mark(items); !status) return status;
  }
  return append_to(opcode == 'a' || opcode == 'e' ? PickleType::list : PickleType::dict, items);
}

Status PickleReader::step_memo(unsigned char opcode) {
  if (opcode == 0x94) return remember(memoized_);
  std::string_view slot;
  if (!take(opcode == 'h' || opcode == 'q' ? 1 : 4, slot)) return fail("cut off");
  return opcode == 'h' || opcode == 'j' ? recall(little_endian(slot))
                                        : remember(little_endian(slot));
}

// Everything that would name or make an object: its arguments are dropped and the name stays.
Status PickleReader::step_class(unsigned char opcode) {
  std::string_view module;
  std::string_view name;
  std::vector<std::uint32_t> dropped;
  switch (opcode) {
    case 'i':  // INST
      if (Status status = pop_mark(dropped); !status) return status;
      [[fallthrough]];
    case 'c':  // GLOBAL
      if (!take_line(module) || !take_line(name)) return fail("cut off");
      return push_class(module, name);
    case 0x93:  // STACK_GLOBAL
      if (stack_.size() < 2) return fail("stack is empty");
      name = out_.nodes_[stack_.back()].text;
      module = out_.nodes_[stack_[stack_.size() - 2]].text;
      if (Status status = pop(2); !status) return status;
      return push_class(module, name);
    case 'R':
    case 0x81:
    case 'b':
    case 0x92:  // REDUCE, NEWOBJ, BUILD, NEWOBJ_EX
      if (Status status = pop(opcode == 0x92 ? 2 : 1); !status) return status;
      if (stack_.empty() || !is_opaque(stack_.back())) return fail("call of what is no class");
      return {};
    case 'o':  // OBJ: mark, class, arguments
      if (Status status = pop_mark(dropped); !status) return status;
      if (dropped.empty() || !is_opaque(dropped[0])) return fail("call of what is no class");
      return push_index(dropped[0]);
    case 0x82:
    case 0x83:
    case 0x84:  // EXT1, EXT2, EXT4
      if (!take(std::size_t{1} << (opcode - 0x82U), name)) return fail("cut off");
      return push_class("copyreg", "extension");
    case 'P':  // PERSID
      if (!take_line(name)) return fail("cut off");
      return push_class("pickle", "persistent");
    case 'Q':  // BINPERSID
      if (Status status = pop(1); !status) return status;
      return push_class("pickle", "persistent");
    default:
      return fail(concat("opcode 0x", to_hex(in_.substr(position_ - 1, 1)), " is not supported"));
  }
}

bool PickleReader::take(std::size_t count, std::string_view& out) {
  if (count > in_.size() - position_) return false;
  out = in_.substr(position_, count);
  position_ += count;
  return true;
}

bool PickleReader::take_line(std::string_view& out) {
  const std::size_t end = in_.find('\n', position_);
  if (end == std::string_view::npos) return false;
  out = in_.substr(position_, end - position_);
  position_ = end + 1;
  return true;
}

Status PickleReader::push_sized(PickleType type, std::size_t width) {
  std::string_view size;
  std::string_view text;
  if (!take(width, size) || !take(little_endian(size), text)) return fail("text is cut off");
  return push({type, 0, 0, text, {}});
}

Status PickleReader::push(Node node) {
  if (out_.nodes_.size() >= pickle_max_values) return fail("too many values");
  out_.nodes_.push_back(std::move(node));
  return push_index(static_cast<std::uint32_t>(out_.nodes_.size() - 1));
}

Status PickleReader::push_index(std::uint32_t index) {
  stack_.push_back(index);
  return {};
}

// What lies below the last mark belongs to somebody else.
Status PickleReader::pop(std::size_t count) {
  const std::size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() < floor + count) return fail("stack is empty");
  stack_.resize(stack_.size() - count);
  return {};
}

Status PickleReader::pop_mark(std::vector<std::uint32_t>& out) {
  if (marks_.empty()) return fail("no mark on the stack");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  out.assign(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return {};
}

Status PickleReader::push_tuple(std::size_t count) {
  if (stack_.size() < count) return fail("stack is empty");
  std::vector<std::uint32_t> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  if (Status status = pop(count); !status) return status;
  return push({PickleType::tuple, 0, 0, {}, std::move(items)});
}

Status PickleReader::append_to(PickleType container, const std::vector<std::uint32_t>& items) {
  if (stack_.empty()) return fail("stack is empty");
  Node& target = out_.nodes_[stack_.back()];
  if (target.type == PickleType::opaque) return {};  // a subclass of list or dict: not our data
  if (target.type != container) return fail("items for what is no container");
  if (container == PickleType::dict && items.size() % 2 != 0) return fail("key without a value");
  target.items.insert(target.items.end(), items.begin(), items.end());
  return {};
}

Status PickleReader::push_class(std::string_view module, std::string_view name) {
  std::vector<std::uint32_t> parts;
  for (const std::string_view part : {module, name}) {
    if (Status status = push({PickleType::text, 0, 0, part, {}}); !status) return status;
    parts.push_back(stack_.back());
    stack_.pop_back();
  }
  return push({PickleType::opaque, 0, 0, {}, std::move(parts)});
}

Status PickleReader::remember(std::uint64_t slot) {
  if (stack_.empty()) return fail("stack is empty");
  if (slot >= pickle_max_memo) return fail("memo index is too large");
  if (slot >= memo_.size()) memo_.resize(slot + 1, unset);
  if (memo_[slot] == unset) ++memoized_;  // MEMOIZE uses the number of entries as the next index
  memo_[slot] = stack_.back();
  return {};
}

Status PickleReader::recall(std::uint64_t slot) {
  if (slot >= memo_.size() || memo_[slot] == unset) return fail("memo index was never set");
  return push_index(memo_[slot]);
}

Status PickleReader::measure(std::uint32_t index, int depth, std::size_t& count) const {
  if (depth > pickle_max_depth) return fail("nested too deep, or contains itself");
  if (++count > pickle_max_values) return fail("too many values");
  for (const std::uint32_t item : out_.nodes_[index].items) {
    if (Status status = measure(item, depth + 1, count); !status) return status;
  }
  return {};
}

Result<Pickle> Pickle::decode(std::string bytes) {
  Pickle pickle;
  pickle.bytes_ = std::make_unique<std::string>(std::move(bytes));
  if (Status status = PickleReader(pickle).run(); !status) return status.error();
  return pickle;
}

}  // namespace godwit
