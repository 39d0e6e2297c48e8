#include "transport/frame.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <span>

#include "transport/column_code.h"
#include "transport/compress.h"
#include "transport/msgpack.h"

namespace godwit {
namespace {

using column_code::max_integer;
using column_code::max_scale;
using column_code::powers;

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

// True when value == integer / 10^scale to the bit (so not for -0.0).
bool is_decimal(double value, unsigned scale, std::int64_t& integer) {
  const double scaled = value * powers[scale];
  if (!(std::abs(scaled) <= static_cast<double>(max_integer))) return false;
  integer = std::llrint(scaled);
  return bits(static_cast<double>(integer) / powers[scale]) == bits(value);
}

// Column by column into the three parts of the message.
class ColumnEncoder {
 public:
  explicit ColumnEncoder(std::size_t ticks) : ticks_(ticks) {}

  void add(const std::vector<double>& column) {
    gather(column);
    patterns_used_.push_back(values_.empty() ? 0 : pattern());
    if (values_.empty()) {
      codes_ += static_cast<char>(column_code::none << 4);
    } else if (!add_decimal()) {
      add_floats();
    }
  }

  void pack_into(Packer& packer, std::string& out) const {
    if (!patterns_.empty()) {
      packer.text("m");
      packer.array(pattern_order_.size());
      for (const auto* const runs : pattern_order_) {
        packer.array(runs->size());
        packer.integers(runs->data(), runs->size());
      }
      packer.text("p");
      packer.array(patterns_used_.size());
      packer.integers(patterns_used_.data(), patterns_used_.size());
    }
    packer.text("c");
    packer.bytes(codes_);
    packer.text("d");
    packer.array(numbers_);
    out += body_;
  }

  [[nodiscard]] std::size_t fields() const { return patterns_.empty() ? 2 : 4; }

 private:
  using Runs = std::vector<std::int64_t>;

  // The present values, and where they are as lengths of runs: present, absent, present, ...
  void gather(const std::vector<double>& column) {
    assert(column.size() == ticks_ && "a column must have one value per tick");
    values_.clear();
    runs_.assign(1, 0);
    bool present = true;
    for (const double value : column) {
      if (is_absent(value) == present) {
        present = !present;
        runs_.push_back(0);
      }
      ++runs_.back();
      if (present) values_.push_back(value);
    }
    if (!present) runs_.pop_back();
  }

  // 0: every tick; else 1 + index of the pattern.
  std::int64_t pattern() {
    if (values_.size() == ticks_) return 0;
    const auto [at, fresh] = patterns_.try_emplace(runs_, patterns_.size() + 1);
    if (fresh) pattern_order_.push_back(&at->first);
    return static_cast<std::int64_t>(at->second);
  }

  // The smallest scale that all values share, and the integers at that scale.
  bool find_scale() {
    integers_.resize(values_.size());
    scale_ = 0;
    for (const double value : values_) {
      std::int64_t ignored = 0;
      while (!is_decimal(value, scale_, ignored)) {
        if (++scale_ > max_scale) return false;
      }
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!is_decimal(values_[i], scale_, integers_[i])) return false;
    }
    return true;
  }

  bool add_decimal() {
    if (!find_scale()) return false;
    const std::size_t count = integers_.size();
    const bool same = std::all_of(integers_.begin(), integers_.end(),
                                  [&](std::int64_t n) { return n == integers_.front(); });
    if (same && count > 1) {
      put(column_code::constant, std::span(integers_).first(1));
      return true;
    }
    for (std::size_t i = count; i-- > 1;) {
      integers_[i] -= integers_[i - 1];
      if (std::abs(integers_[i]) > max_integer) return false;
    }
    if (count > 2 && make_slopes()) {
      put(column_code::slopes, slopes_);
    } else {
      put(column_code::deltas, integers_);
    }
    return true;
  }

  // From deltas in integers_; false when that is not smaller.
  bool make_slopes() {
    slopes_.assign(integers_.begin(), integers_.begin() + 2);
    std::size_t saved = 0;
    std::size_t spent = 0;
    for (std::size_t i = 2; i < integers_.size(); ++i) {
      slopes_.push_back(integers_[i] - integers_[i - 1]);
      if (std::abs(slopes_.back()) > max_integer) return false;
      saved += packed_size(integers_[i]);
      spent += packed_size(slopes_.back());
    }
    return spent < saved;
  }

  void put(unsigned form, std::span<const std::int64_t> integers) {
    codes_ += static_cast<char>(form << 4 | scale_);
    Packer(body_).integers(integers.data(), integers.size());
    numbers_ += integers.size();
  }

  void add_floats() {
    const bool same = std::all_of(values_.begin(), values_.end(),
                                  [&](double v) { return bits(v) == bits(values_.front()); });
    const std::size_t count = same ? 1 : values_.size();
    codes_ += static_cast<char>(column_code::floats << 4 | (same ? 1 : 0));
    Packer packer(body_);
    for (std::size_t i = 0; i < count; ++i) packer.number(values_[i]);
    numbers_ += count;
  }

  std::size_t ticks_;
  std::map<Runs, std::size_t> patterns_;
  std::vector<const Runs*> pattern_order_;
  std::vector<std::int64_t> patterns_used_;
  std::string codes_;
  std::string body_;
  std::size_t numbers_ = 0;
  // Of the column at hand:
  std::vector<double> values_;
  Runs runs_;
  std::vector<std::int64_t> integers_;
  std::vector<std::int64_t> slopes_;
  unsigned scale_ = 0;
};

// First value, then pairs of difference and how many times it comes.
template <class T>
void pack_steps(Packer& packer, const std::vector<T>& values) {
  std::vector<std::int64_t> steps{static_cast<std::int64_t>(values.front())};
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto step = static_cast<std::int64_t>(values[i] - values[i - 1]);
    if (steps.size() > 1 && steps[steps.size() - 2] == step) {
      ++steps.back();
    } else {
      steps.insert(steps.end(), {step, 1});
    }
  }
  packer.array(steps.size());
  packer.integers(steps.data(), steps.size());
}

void pack_losses(Packer& packer, const std::map<std::string, std::uint64_t>& lost) {
  packer.text("l");
  packer.map(lost.size());
  for (const auto& [reason, ticks] : lost) {
    packer.text(reason);
    packer.unsigned_integer(ticks);
  }
}

bool has_value(const std::vector<double>& column) {
  return std::any_of(column.begin(), column.end(), [](double v) { return !is_absent(v); });
}

}  // namespace

std::size_t Frame::samples() const {
  std::size_t count = 0;
  for (const auto& column : columns) {
    count += static_cast<std::size_t>(
        std::count_if(column.begin(), column.end(), [](double v) { return !is_absent(v); }));
  }
  return count;
}

std::string encode_frame(const Frame& frame) {
  assert(frame.ticks() > 0 && frame.seqs.size() == frame.ticks());
  assert(std::adjacent_find(frame.seqs.begin(), frame.seqs.end(), std::greater_equal<>()) ==
         frame.seqs.end());
  assert(std::is_sorted(frame.times_ms.begin(), frame.times_ms.end()));

  std::size_t used = frame.columns.size();
  while (used > 0 && !has_value(frame.columns[used - 1])) --used;
  ColumnEncoder columns(frame.ticks());
  for (std::size_t i = 0; i < used; ++i) columns.add(frame.columns[i]);

  std::string out;
  Packer packer(out);
  packer.map(5 + (frame.history ? 1 : 0) + (frame.keep_every > 1 ? 1 : 0) +
             (frame.lost.empty() ? 0 : 1) + columns.fields());
  packer.text("v");
  packer.integer(1);
  packer.text("s");
  packer.id(frame.stream);
  packer.text("i");
  packer.id(frame.schema);
  packer.text("q");
  pack_steps(packer, frame.seqs);
  packer.text("t");
  pack_steps(packer, frame.times_ms);
  if (frame.history) {
    packer.text("h");
    packer.boolean(true);
  }
  if (frame.keep_every > 1) {
    packer.text("k");
    packer.unsigned_integer(frame.keep_every);
  }
  if (!frame.lost.empty()) pack_losses(packer, frame.lost);
  columns.pack_into(packer, out);
  return compress_if_smaller(std::move(out));
}

}  // namespace godwit
