// Dedup: which ticks of which stream this relay has stored, so that a frame that comes twice is
// answered at once and never written twice. Bounded: what is forgotten costs a second write, which
// the database or delivery.h sorts out. One thread.
//
// Ranges instead of one high-water mark: a node whose database takes out-of-order samples may send
// fresh ticks before its backlog.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit {

class Dedup {
 public:
  explicit Dedup(std::size_t max_streams = 100'000) : max_streams_(max_streams) {}

  // Everything in [first, last] is in the database.
  void add(std::string_view node, std::uint64_t stream, std::uint64_t first, std::uint64_t last);
  // The first seq from `seq` on that is not known to be stored.
  std::uint64_t first_missing(std::string_view node, std::uint64_t stream, std::uint64_t seq);

  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  static constexpr std::size_t max_ranges = 64;  // per stream; the lowest is forgotten

 private:
  using Key = std::pair<std::string, std::uint64_t>;
  struct Stream {
    Key key;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;  // sorted, apart, both ends in
  };
  using Streams = std::list<Stream>;  // most recently used first

  Stream* find(std::string_view node, std::uint64_t stream);

  std::size_t max_streams_;
  Streams streams_;
  std::map<Key, Streams::iterator> by_key_;
};

}  // namespace godwit
