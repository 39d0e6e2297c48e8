// Xids: the errors that NVIDIA's driver writes to the kernel log, which nvidia-smi does not tell.
// https://docs.nvidia.com/deploy/xid-errors/; record format of /dev/kmsg: the kernel's
// Documentation/ABI/testing/dev-kmsg.
#include "edge/collectors/xid.h"

#include <array>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::string_view log_path = "/dev/kmsg";
constexpr std::string_view gpus_path = "/proc/driver/nvidia/gpus";
constexpr std::size_t max_kinds = 64;
constexpr int max_records = 10'000;  // per run; the rest in the next one

class XidLog final : public Collector {
 public:
  explicit XidLog(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto gpus = host_.list(gpus_path);
    if (!gpus || gpus->empty()) {
      return Error{ErrorCode::no_data,
                   concat(host_.path(gpus_path), ": no GPU of NVIDIA's driver")};
    }
    if (Status s = read_log(); !s) return s;
    for (const auto& [where, count] : counts_) {
      out.add("hw_errors_total",
              {{"hw_id", where.first},
               {"hw_type", "gpu"},
               {"error_type", concat("xid_", where.second)}},
              count);
    }
    for (const auto& gpu : *gpus) add_last(gpu.substr(0, gpu.rfind('.')), out);
    return {};
  }

 private:
  // Each read() gives one record.
  Status read_log() {
    const std::string path = host_.path(log_path);
    if (log_.get() < 0) {
      counts_.clear();
      last_.clear();
      log_ = UniqueFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      if (log_.get() < 0) return failed(path);
    }
    std::array<char, 8192> bytes{};
    for (int i = 0; i < max_records; ++i) {
      const ssize_t count = read(log_.get(), bytes.data(), bytes.size());
      if (count == 0 || (count < 0 && errno == EAGAIN)) return {};
      // Records were overwritten before they were read: go on with the oldest that is there.
      if (count < 0 && (errno == EPIPE || errno == EINTR)) continue;
      if (count < 0) {
        Error error = failed(path);
        log_ = UniqueFd();
        return error;
      }
      for (const auto line : split_lines({bytes.data(), static_cast<std::size_t>(count)})) {
        if (const auto xid = parse_xid(line)) note(*xid);
      }
    }
    return {};
  }

  void note(const Xid& xid) {
    const std::pair key(xid.bus_id, xid.code);
    if (counts_.size() < max_kinds || counts_.contains(key)) {
      ++counts_[key];
      last_[xid.bus_id] = xid.code;
    }
  }

  // The label tells consumers of DCGM's names the code; a series ends when another Xid comes.
  void add_last(const std::string& gpu, Batch& out) {
    const auto series = [&](std::int64_t code) {
      return Series{"godwit_gpu_last_xid",
                    {{"hw_id", gpu}, {"hw_type", "gpu"}, {"xid", std::to_string(code)}}};
    };
    const auto found = last_.find(gpu);
    const std::int64_t code = found == last_.end() ? 0 : found->second;
    const auto [shown, is_new] = shown_.try_emplace(gpu, code);
    if (shown->second != code) out.end_foreign(series(shown->second));
    shown->second = code;
    const Series last = series(code);
    out.add(last.name, last.labels, static_cast<double>(code));
  }

  static Error failed(const std::string& path) {
    const bool denied = errno == EACCES || errno == EPERM;
    return {
        denied ? ErrorCode::permission : ErrorCode::io,
        concat(path, ": ", std::generic_category().message(errno),
               denied ? "; Xids need CAP_SYSLOG or kernel.dmesg_restrict=0, and the device in a "
                        "container"
                      : "")};
  }

  const Host& host_;
  UniqueFd log_;
  std::map<std::pair<std::string, std::int64_t>, double> counts_;
  std::map<std::string, std::int64_t> last_;   // by GPU
  std::map<std::string, std::int64_t> shown_;  // the series of last_ that are open
};

}  // namespace

// "4,887,1234567,-;NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus."
std::optional<Xid> parse_xid(std::string_view record) {
  constexpr std::string_view begin = ";NVRM: Xid (PCI:";
  // "priority,number,microseconds,flags;text". What a program wrote into the log has a priority of
  // 8 or more.
  const auto priority = parse_int(record.substr(0, record.find(',')));
  if (!priority || *priority < 0 || *priority >= 8) return std::nullopt;
  const std::size_t at = record.find(';');
  if (at == std::string_view::npos || !record.substr(at).starts_with(begin)) return std::nullopt;
  record.remove_prefix(at + begin.size());
  const std::size_t end = record.find("): ");
  if (end == std::string_view::npos || end == 0 || end > 16) return std::nullopt;
  Xid xid{to_lower(record.substr(0, end)), 0};
  if (xid.bus_id.find_first_not_of("0123456789abcdef:.") != std::string::npos) return std::nullopt;
  const std::string_view rest = record.substr(end + 3);
  const auto code = parse_int(rest.substr(0, rest.find_first_not_of("0123456789")));
  if (!code || *code < 0 || *code > 9999) return std::nullopt;
  xid.code = *code;
  return xid;
}

std::unique_ptr<Collector> make_xid(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<XidLog>(host);
}

}  // namespace godwit
