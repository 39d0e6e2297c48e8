#include <array>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr std::array<std::string_view, 4> resources = {"cpu", "io", "memory", "irq"};

class Pressure final : public Collector {
 public:
  explicit Pressure(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    Status status;
    bool found = false;
    for (const auto resource : resources) {
      const auto text = host_.read_file(concat("/proc/pressure/", resource));
      if (!text) {
        // Without psi=1 the kernel has the files and answers "operation not supported".
        if (text.error().code == ErrorCode::permission) keep_first_fault(status, text.error());
        continue;
      }
      found = true;
      keep_first_fault(status, parse_pressure(*text, resource, out));
    }
    if (found || !status.ok()) return status;
    return Error{ErrorCode::no_data,
                 concat(host_.path("/proc/pressure"),
                        ": this kernel keeps no pressure stall information; boot with psi=1")};
  }

 private:
  const Host& host_;
};

}  // namespace

Status parse_pressure(std::string_view text, std::string_view resource, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const bool some = line.starts_with("some ");
    // A CPU cannot stall all tasks, and the kernel's line for it is a constant 0.
    if (!some && (resource == "cpu" || !line.starts_with("full "))) continue;
    const std::size_t at = line.rfind(" total=");
    const auto total_us = at == std::string_view::npos
                              ? std::nullopt
                              : parse_int<std::uint64_t>(trim(line.substr(at + 7)));
    if (!total_us) {
      bad.add(line);
      continue;
    }
    out.add(concat("node_pressure_", resource, some ? "_waiting" : "_stalled", "_seconds_total"),
            static_cast<double>(*total_us) / 1e6);
  }
  const Status status = bad.status();
  return status.ok() ? status : status.error().with_prefix(concat("/proc/pressure/", resource));
}

std::unique_ptr<Collector> make_pressure(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Pressure>(host);
}

}  // namespace godwit
