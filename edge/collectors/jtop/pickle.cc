#include <algorithm>
#include <bit>

#include "edge/collectors/jtop/pickle_reader.h"
#include "transport/text.h"

namespace godwit {
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
  using namespace std::string_view_literals;
  const auto one_of = [opcode](std::string_view group) {
    return group.find(static_cast<char>(opcode)) != std::string_view::npos;
  };
  if (one_of("JKMG\x8a\x8b"sv)) return step_number(opcode);
  if (one_of("X\x8cUT\x8d"
             "CB\x8e\x96"sv))
    return step_text(opcode);
  if (one_of("}])t\x85\x86\x87"
             "aesu"sv))
    return step_container(opcode);
  if (one_of("hjqr\x94"sv)) return step_memo(opcode);
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

Result<Pickle> Pickle::decode(std::string bytes) {
  Pickle pickle;
  pickle.bytes_ = std::make_unique<std::string>(std::move(bytes));
  if (Status status = PickleReader(pickle).run(); !status) return status.error();
  return pickle;
}

}  // namespace godwit
