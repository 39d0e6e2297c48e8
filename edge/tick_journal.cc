#include "edge/tick_journal.h"

#include <cerrno>
#include <cstring>
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

constexpr std::string_view magic = "godwit ticks 1\n";
static_assert(magic.size() == 15);
constexpr std::size_t header_bytes = 16;

struct RecordHeader {
  std::uint32_t length = 0;  // 0: no more records
  std::uint32_t generation = 0;
  std::uint32_t crc = 0;  // of length, generation and the record
};
static_assert(sizeof(RecordHeader) == 12);

std::uint32_t checksum(const RecordHeader& header, const char* record) {
  std::uint32_t crc = crc32(0, &header.length, sizeof header.length);
  crc = crc32(crc, &header.generation, sizeof header.generation);
  return crc32(crc, record, header.length);
}

Error os_error(const std::string& path, std::string_view what) {
  const int number = errno;
  const ErrorCode code = number == ENOSPC ? ErrorCode::full
                         : number == EACCES || number == EROFS || number == EPERM
                             ? ErrorCode::permission
                             : ErrorCode::io;
  return {code, concat(path, ": ", what, ": ", std::generic_category().message(number))};
}

Result<char*> map_file(int fd, const std::string& path, std::size_t size) {
  if (fd < 0) return os_error(path, "cannot open");
  // Reserved blocks: writing through the mapping must not meet a full disk (SIGBUS).
  const int reserved = posix_fallocate(fd, 0, static_cast<off_t>(size));
  if (reserved != 0) {
    errno = reserved;
    return os_error(path, "cannot reserve room");
  }
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return os_error(path, "cannot map");
  return static_cast<char*>(data);
}

}  // namespace

Result<TickJournal> TickJournal::open(const std::string& path, std::size_t size) {
  TickJournal journal;
  journal.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  const auto data = map_file(journal.fd_, path, size);
  if (!data) return data.error();
  journal.data_ = *data;
  journal.size_ = size;
  journal.end_ = header_bytes;
  if (std::memcmp(journal.data_, magic.data(), magic.size()) != 0) {
    std::memset(journal.data_, 0, header_bytes + sizeof(RecordHeader));
    std::memcpy(journal.data_, magic.data(), magic.size());
  }
  // Records that lie behind the intact ones may be of any generation; a new one must not join them.
  RecordHeader first;
  std::memcpy(&first, journal.data_ + header_bytes, sizeof first);
  journal.generation_ = first.generation;
  for (const auto& record : journal.replay()) journal.end_ += sizeof first + record.size();
  return journal;
}

TickJournal::TickJournal(TickJournal&& other) noexcept { *this = std::move(other); }

TickJournal& TickJournal::operator=(TickJournal&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(end_, other.end_);
  std::swap(generation_, other.generation_);
  return *this;
}

TickJournal::~TickJournal() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

// To touch a mapping behind the end of its file ends the process.
bool TickJournal::is_whole() const {
  struct stat info {};
  return data_ != nullptr && fstat(fd_, &info) == 0 &&
         static_cast<std::size_t>(info.st_size) >= size_;
}

std::vector<std::string> TickJournal::replay() const {
  std::vector<std::string> records;
  if (!is_whole()) return records;
  for (std::size_t at = header_bytes; size_ - at > sizeof(RecordHeader);) {
    RecordHeader header;
    std::memcpy(&header, data_ + at, sizeof header);
    at += sizeof header;
    if (header.length == 0 || header.length > size_ - at) break;
    if (header.generation != generation_ || header.crc != checksum(header, data_ + at)) break;
    records.emplace_back(data_ + at, header.length);
    at += header.length;
  }
  return records;
}

Status TickJournal::append(std::string_view record) {
  if (!is_whole()) {
    *this = TickJournal();
    return Error{ErrorCode::unavailable, "no tick journal, or somebody cut it off"};
  }
  if (size_ - end_ <= record.size() + 2 * sizeof(RecordHeader)) {
    return Error{ErrorCode::full, "tick journal is full"};
  }
  RecordHeader header;
  header.length = static_cast<std::uint32_t>(record.size());
  header.generation = generation_;
  std::memcpy(data_ + end_ + sizeof header, record.data(), record.size());
  header.crc = checksum(header, data_ + end_ + sizeof header);
  std::memcpy(data_ + end_, &header, sizeof header);
  end_ += sizeof header + record.size();
  return {};
}

void TickJournal::reset() {
  if (!is_whole()) return;
  ++generation_;
  end_ = header_bytes;
  const RecordHeader none{0, generation_, 0};
  std::memcpy(data_ + header_bytes, &none, sizeof none);
}

Status TickJournal::sync() {
  if (data_ == nullptr) return {};
  if (msync(data_, end_, MS_SYNC) != 0) return os_error("tick journal", "cannot sync");
  return {};
}

}  // namespace godwit
