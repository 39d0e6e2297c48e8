// Admission: who may enter a queue that is nearly full. After an outage of a region thousands of
// nodes drain at once; a node that was just served is back within milliseconds and would take the
// room again from those who were told to come later. So whoever was sent away goes before whoever
// was not, and everybody is told to come back when there is likely to be room. Owner thread only.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

namespace godwit {

class Admission {
 public:
  static constexpr std::size_t max_waiting = 50'000;  // nodes; others wait without a place
  static constexpr std::int64_t least_retry_ms = 2000;
  static constexpr std::int64_t longest_retry_ms = 60'000;

  explicit Admission(std::uint32_t seed) : random_(seed) {}

  // 0: the frame may enter a queue that is filled so far (1 is full). Else: when the node should
  // come back, in milliseconds. `now_ms` never goes back.
  std::int64_t admit(std::string_view node, double fill, std::int64_t now_ms);
  // A frame left the queue.
  void served(std::int64_t now_ms);

  [[nodiscard]] std::size_t waiting() const { return expected_until_ms_.size(); }

 private:
  void forget_lost(std::int64_t now_ms);

  std::unordered_map<std::string, std::int64_t> expected_until_ms_;  // who was sent away
  std::minstd_rand random_;
  std::int64_t next_forget_ms_ = 0;
  double served_per_ms_ = 0;  // what the database can do
  std::int64_t window_begin_ms_ = 0;
  std::uint64_t served_in_window_ = 0;
};

}  // namespace godwit
