#include "edge/tick_journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/crc32.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::uint32_t magic = 0x324a'5447;  // "GTJ2"
constexpr std::size_t block = 4096;
// Where a copy may begin.
constexpr std::size_t grid = block / 2;

struct Header {
  std::uint32_t magic = 0;
  std::uint32_t size = 0;  // of the content
  std::uint64_t number = 0;
  std::uint64_t stream = 0;
  std::uint64_t released = 0;
  std::uint32_t version = 0;
  std::uint32_t crc = 0;  // of the header up to here and the content
};
static_assert(sizeof(Header) == 40);

std::uint32_t checksum(const Header& header, const char* content) {
  return crc32(crc32(0, &header, offsetof(Header, crc)), content, header.size);
}

Error os_error(const std::string& path, std::string_view what) {
  const int number = errno;
  const ErrorCode code = number == ENOSPC ? ErrorCode::full
                         : number == EACCES || number == EROFS || number == EPERM
                             ? ErrorCode::permission
                             : ErrorCode::io;
  return {code, concat(path, ": ", what, ": ", std::generic_category().message(number))};
}

// Reserved blocks that hold data: a first write to them changes nothing but them, and cannot meet a
// full disk (SIGBUS). One block at a time and nothing read ahead: the kernel would keep larger
// pieces together in its cache, and write all of a piece for a byte that changed.
Status write_room(int fd, const std::string& path, std::size_t size) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return os_error(path, "cannot look at");
  // Room that the file has may be holes, if somebody copied it.
  if (info.st_size > 0) {
    const int reserved = posix_fallocate(fd, 0, info.st_size);
    if (reserved != 0 && reserved != EOPNOTSUPP && reserved != EINVAL) {
      errno = reserved;
      return os_error(path, "cannot reserve room");
    }
  }
  const std::array<char, block> zeros{};
  const auto have = static_cast<std::size_t>(info.st_size) / block * block;
  for (std::size_t at = have; at < size; at += block) {
    if (pwrite(fd, zeros.data(), block, static_cast<off_t>(at)) != static_cast<ssize_t>(block)) {
      Error error = os_error(path, "cannot reserve room");
      // What is left of a full disk is for the rows.
      (void)!ftruncate(fd, info.st_size);
      return error;
    }
  }
  if (have < size && fdatasync(fd) != 0) return os_error(path, "cannot reserve room");
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  return {};
}

// Where the newest whole copy of each record lies, by its number.
std::map<std::uint64_t, std::size_t> find_records(const char* data, std::size_t size) {
  struct Copy {
    std::uint32_t version = 0;
    std::size_t at = 0;
  };
  std::map<std::uint64_t, Copy> newest;
  for (std::size_t at = 0; at + sizeof(Header) <= size; at += grid) {
    Header header;
    std::memcpy(&header, data + at, sizeof header);
    if (header.magic != magic || header.size > size - at - sizeof header ||
        header.crc != checksum(header, data + at + sizeof header)) {
      continue;
    }
    Copy& copy = newest.try_emplace(header.number, Copy{header.version, at}).first->second;
    if (header.version > copy.version) copy = {header.version, at};
  }
  std::map<std::uint64_t, std::size_t> found;
  for (const auto& [number, copy] : newest) found[number] = copy.at;
  return found;
}

std::vector<JournalRecord> read_records(const char* data, std::size_t size) {
  std::vector<JournalRecord> records;
  for (const auto& [number, at] : find_records(data, size)) {
    Header header;
    std::memcpy(&header, data + at, sizeof header);
    records.push_back(
        {header.stream, header.released, std::string(data + at + sizeof header, header.size)});
  }
  return records;
}

std::size_t rounded_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

}  // namespace

Result<TickJournal> TickJournal::open(const std::string& path, std::size_t size) {
  TickJournal journal;
  journal.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (journal.fd_ < 0) return os_error(path, "cannot open");
  if (Status room = write_room(journal.fd_, path, size); !room) return room.error();
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, journal.fd_, 0);
  if (data == MAP_FAILED) return os_error(path, "cannot map");
  (void)madvise(data, size, MADV_RANDOM);
  journal.data_ = static_cast<char*>(data);
  journal.size_ = size;
  if (const auto found = find_records(journal.data_, size); !found.empty()) {
    journal.number_ = found.rbegin()->first + 1;
  }
  return journal;
}

Result<std::vector<JournalRecord>> TickJournal::read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return os_error(path, "cannot open");
  std::string data(default_size, '\0');
  const ssize_t got = pread(fd, data.data(), data.size(), 0);
  close(fd);
  if (got < 0) return os_error(path, "cannot read");
  return read_records(data.data(), static_cast<std::size_t>(got));
}

TickJournal::TickJournal(TickJournal&& other) noexcept { *this = std::move(other); }

TickJournal& TickJournal::operator=(TickJournal&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(base_, other.base_);
  std::swap(freed_, other.freed_);
  std::swap(stride_, other.stride_);
  std::swap(number_, other.number_);
  std::swap(version_, other.version_);
  std::swap(syncs_, other.syncs_);
  std::swap(synced_, other.synced_);
  return *this;
}

TickJournal::~TickJournal() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

std::vector<JournalRecord> TickJournal::records() const {
  return is_whole() ? read_records(data_, size_) : std::vector<JournalRecord>{};
}

// To touch a mapping behind the end of its file ends the process.
bool TickJournal::is_whole() const {
  struct stat info {};
  return data_ != nullptr && fstat(fd_, &info) == 0 &&
         static_cast<std::size_t>(info.st_size) >= size_;
}

// Finds the place of a record of `size` bytes with its header, twice. A record never wraps.
bool TickJournal::reserve(std::size_t size) {
  const std::size_t stride = rounded_up(size, grid);
  if (stride <= stride_) return true;
  // A copy that has grown out of its place: both move on, the old ones stay until they have.
  std::uint64_t base = stride_ == 0 ? base_ : base_ + rounded_up(2 * stride_, block);
  // Room to grow, or a record that grows with each tick would move at each.
  const std::size_t wanted = stride_ == 0 ? stride : std::max(stride, 2 * stride_);
  const std::size_t room = rounded_up(2 * wanted, block);
  if (base % size_ + room > size_) base += size_ - base % size_;
  if (room > size_ || base + room > freed_ + size_) return false;
  base_ = base;
  stride_ = wanted;
  return true;
}

void TickJournal::write_copy(const JournalRecord& record, std::size_t size) {
  char* const at = data_ + base_ % size_ + (version_ % 2 == 0 ? 0 : stride_);
  Header header;
  header.magic = magic;
  header.size = static_cast<std::uint32_t>(size);
  header.number = number_;
  header.stream = record.stream;
  header.released = record.released;
  header.version = version_;
  header.crc = checksum(header, record.content.data());
  std::memcpy(at + sizeof header, record.content.data(), size);
  std::memcpy(at, &header, sizeof header);
}

Status TickJournal::hold(const JournalRecord& record) {
  if (!is_whole()) {
    *this = TickJournal();
    return Error{ErrorCode::unavailable, "no tick journal, or somebody cut it off"};
  }
  if (record.content.size() > size_ / 4 || !reserve(record.content.size() + sizeof(Header))) {
    return Error{ErrorCode::full, "tick journal is full"};
  }
  write_copy(record, record.content.size());
  ++version_;
  synced_ = false;
  return {};
}

void TickJournal::settle() {
  if (stride_ == 0) return;
  base_ += rounded_up(2 * stride_, block);
  stride_ = 0;
  version_ = 0;
  ++number_;
}

Status TickJournal::sync() {
  settle();
  if (synced_) return {};
  ++syncs_;
  if (fdatasync(fd_) != 0) return os_error("tick journal", "cannot sync");
  // Only a later start reads what is on the disk: it need not count as this process's memory.
  (void)madvise(data_, size_, MADV_DONTNEED);
  synced_ = true;
  return {};
}

void TickJournal::erase() {
  if (!is_whole()) return;
  settle();
  std::memset(data_, 0, size_);
  synced_ = false;
}

}  // namespace godwit
