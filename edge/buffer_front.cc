#include "edge/buffer_front.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <tuple>
#include <utility>

namespace godwit {
namespace {

// Ticks that are encoded anew with each further one.
constexpr std::uint64_t max_held_ticks = 16;
// Complete rows share a record of the journal up to here, so that it fits into half a block.
constexpr std::size_t max_shared_bytes = 1000;

// One entry of a record: this, the boot id, the frame.
struct EntryHeader {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::int64_t first_boot_ms = 0;
  std::int64_t last_boot_ms = 0;
  std::uint64_t schema = 0;
  std::uint64_t ticks = 0;
  std::uint64_t level = 0;
  std::uint32_t boot_bytes = 0;
  std::uint32_t frame_bytes = 0;
};
static_assert(sizeof(EntryHeader) == 64);

std::string encode_entry(const StoredFrame& row) {
  const EntryHeader header{row.first_seq,
                           row.last_seq,
                           row.first_boot_ms,
                           row.last_boot_ms,
                           row.schema,
                           row.ticks,
                           row.level,
                           static_cast<std::uint32_t>(row.boot_id.size()),
                           static_cast<std::uint32_t>(row.bytes.size())};
  std::string entry(sizeof header, '\0');
  std::memcpy(entry.data(), &header, sizeof header);
  entry += row.boot_id;
  entry += row.bytes;
  return entry;
}

// Takes the first entry off `content`. false: there is none, or no whole one.
bool take_entry(std::string_view& content, StoredFrame& row) {
  EntryHeader header;
  if (content.size() < sizeof header) return false;
  std::memcpy(&header, content.data(), sizeof header);
  content.remove_prefix(sizeof header);
  if (header.boot_bytes > content.size() ||
      header.frame_bytes > content.size() - header.boot_bytes ||
      header.first_seq > header.last_seq) {
    return false;
  }
  row.first_seq = header.first_seq;
  row.last_seq = header.last_seq;
  row.first_boot_ms = header.first_boot_ms;
  row.last_boot_ms = header.last_boot_ms;
  row.schema = header.schema;
  row.ticks = header.ticks;
  row.level = std::min<std::uint64_t>(header.level, max_row_level);
  row.boot_id = content.substr(0, header.boot_bytes);
  row.bytes = content.substr(header.boot_bytes, header.frame_bytes);
  content.remove_prefix(header.boot_bytes + header.frame_bytes);
  return true;
}

JournalContent parse(const std::vector<JournalRecord>& records) {
  JournalContent found;
  for (const auto& record : records) {
    auto& released = found.released[record.stream];
    released = std::max(released, record.released);
    std::string_view content = record.content;
    StoredFrame row;
    while (take_entry(content, row)) found.rows.push_back({record.stream, std::move(row)});
  }
  // A row that was still growing when its record was settled may come up again, longer. One that
  // was split may be delivered in part: its ticks are all kept, and sent once more.
  std::sort(found.rows.begin(), found.rows.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.stream, a.row.first_seq, b.row.last_seq) <
           std::tuple(b.stream, b.row.first_seq, a.row.last_seq);
  });
  std::map<std::uint64_t, std::uint64_t> last;
  std::erase_if(found.rows, [&](const JournalledRow& entry) {
    std::uint64_t& seq = last[entry.stream];
    if (entry.row.first_seq <= seq || entry.row.last_seq <= found.released[entry.stream]) {
      return true;
    }
    seq = entry.row.last_seq;
    return false;
  });
  return found;
}

}  // namespace

JournalContent BufferFront::journalled() const { return parse(journal_.records()); }

Result<JournalContent> BufferFront::read_journal(const std::string& path) {
  const auto records = TickJournal::read(path);
  if (!records) return records.error();
  return parse(*records);
}

Status BufferFront::hold(const StoredFrame& ticks, std::uint64_t stream, std::uint64_t released) {
  std::string entry = encode_entry(ticks);
  const std::uint64_t place = journal_.place();
  if (Status s = journal_.hold({stream, released, record_ + entry}); !s) return s;
  if (!is_growing_) growing_place_ = place;
  is_growing_ = true;
  growing_ = std::move(entry);
  held_seq_ = ticks.last_seq;
  if (ticks.ticks >= max_held_ticks) settle();
  return {};
}

void BufferFront::settle() {
  journal_.settle();
  record_.clear();
  growing_.clear();
  settled_seq_ = held_seq_;
  free_journal();
}

void BufferFront::append(const StoredFrame& row) {
  rows_.push_back({row, is_growing_ ? growing_place_ : journal_.place()});
  sums_.rows += 1;
  sums_.ticks += row.ticks;
  sums_.bytes += row.bytes.size();
  is_growing_ = false;
  record_ += std::exchange(growing_, {});
  if (record_.size() > max_shared_bytes) settle();
}

void BufferFront::undo_append() {
  const StoredFrame& row = rows_.back().frame;
  sums_.rows -= 1;
  sums_.ticks -= row.ticks;
  sums_.bytes -= row.bytes.size();
  rows_.pop_back();
}

bool BufferFront::replace(const std::vector<StoredFrame>& halves) {
  const auto whole = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
    return row.frame.last_seq == halves.back().last_seq;
  });
  if (whole == rows_.end()) return false;
  sums_.rows += halves.size() - 1;
  sums_.bytes -= whole->frame.bytes.size();
  const std::uint64_t place = whole->place;
  auto at = rows_.erase(whole);
  for (const auto& half : halves) {
    at = std::next(rows_.insert(at, {half, place}));
    sums_.bytes += half.bytes.size();
  }
  return true;
}

RowSums BufferFront::release(std::uint64_t seq) {
  RowSums gone;
  while (!rows_.empty() && rows_.front().frame.last_seq <= seq) {
    gone.rows += 1;
    gone.ticks += rows_.front().frame.ticks;
    gone.bytes += rows_.front().frame.bytes.size();
    rows_.pop_front();
  }
  sums_.rows -= gone.rows;
  sums_.ticks -= gone.ticks;
  sums_.bytes -= gone.bytes;
  free_journal();
  return gone;
}

void BufferFront::release_within(std::uint64_t first, std::uint64_t last) {
  std::erase_if(rows_, [&](const Row& row) {
    if (row.frame.first_seq < first || row.frame.last_seq > last) return false;
    sums_.rows -= 1;
    sums_.ticks -= row.frame.ticks;
    sums_.bytes -= row.frame.bytes.size();
    return true;
  });
  free_journal();
}

Status BufferFront::sync() {
  settle();
  return journal_.sync();
}

void BufferFront::free_journal() {
  journal_.free_before(!rows_.empty() ? rows_.front().place
                       : is_growing_  ? growing_place_
                                      : journal_.place());
}

}  // namespace godwit
