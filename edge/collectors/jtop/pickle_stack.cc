// Stack, memo and limits of the pickle reader.
#include "edge/collectors/jtop/pickle_reader.h"

namespace godwit {
namespace {

constexpr std::uint32_t unset = 0xffffffff;

}  // namespace

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
  // A long text weighs as several values: a walk meets it again with each reference.
  count += 1 + out_.nodes_[index].text.size() / 64;
  if (count > pickle_max_values) return fail("too many values");
  for (const std::uint32_t item : out_.nodes_[index].items) {
    if (Status status = measure(item, depth + 1, count); !status) return status;
  }
  return {};
}

}  // namespace godwit
