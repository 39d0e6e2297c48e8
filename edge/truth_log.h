// TruthLog: for tests only (setting `truth_log`). Appends one JSON line for each tick as it was
// taken,
//   {"seq":7,"stream":"<16 hex digits>","boot_ms":123,"wall_ms":456,"v":{"name{a=\"b\"}":1.5}}
// (wall_ms null while unknown), and one for each frame when it is made for sending,
//   {"sent":[7,8],"stream":"<16 hex digits>","t":[456,1456]}
// whose times are those on the wire and may differ from wall_ms when the clock was set in between.
// An end-to-end test joins both by stream and seq and finds each sample in the database. What it
// must not expect there is declared when it is decided, with the reasons of losses.h:
//   {"lost":"thinned","stream":"<16 hex digits>","seqs":[[7,7],[9,12]]}
// in ranges that hold both ends and, besides seqs that are lost, maybe some that never were. A tick
// may come up in it and be delivered all the same when the agent was killed right after.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/frame.h"
#include "transport/metric.h"

namespace godwit {

class TruthLog {
 public:
  // "" switches it off.
  explicit TruthLog(const std::string& path);
  [[nodiscard]] bool on() const { return out_.is_open(); }
  void tick(std::uint64_t stream, std::uint64_t seq, std::int64_t boot_ms,
            std::optional<std::int64_t> wall_ms, const std::vector<Sample>& samples);
  void sent(const Frame& frame);
  void lost(std::uint64_t stream, std::string_view reason, const std::vector<std::uint64_t>& seqs);

 private:
  std::ofstream out_;
};

}  // namespace godwit
