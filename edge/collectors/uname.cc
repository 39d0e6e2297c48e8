#include <algorithm>
#include <map>

#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

// As a shell reads it: quotes around the value, a backslash before a quoted character.
std::string unquote(std::string_view text) {
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'')) return std::string(text);
  if (text.back() != text.front()) return std::string(text);
  const bool escapes = text.front() == '"';
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (escapes && text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

Labels uname_labels(const Host& host) {
  if (host.is_real()) {
    utsname name{};
    if (uname(&name) != 0) return {};
    return {{"sysname", name.sysname},   {"release", name.release},
            {"version", name.version},   {"machine", name.machine},
            {"nodename", name.nodename}, {"domainname", name.domainname}};
  }
  const auto read = [&host](std::string_view file) {
    const auto line = host.read_line(concat("/proc/sys/kernel/", file));
    return line && is_utf8(*line) ? *line : std::string();
  };
  std::string machine = read("arch");  // since Linux 6.1
  utsname name{};
  if (machine.empty() && is_live(host) && uname(&name) == 0) machine = name.machine;
  if (read("ostype").empty()) return {};
  return {{"sysname", read("ostype")},    {"release", read("osrelease")},
          {"version", read("version")},   {"machine", machine},
          {"nodename", read("hostname")}, {"domainname", read("domainname")}};
}

class Uname final : public Collector {
 public:
  explicit Uname(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    Labels labels = uname_labels(host_);
    Status status;
    if (labels.empty()) {
      status = Error{ErrorCode::no_data, concat(host_.path("/proc/sys/kernel"), ": no uname")};
    } else {
      out.add_info("node_uname_info", std::move(labels));
    }
    auto text = host_.read_file("/etc/os-release", 64U << 10);
    if (!text) text = host_.read_file("/usr/lib/os-release", 64U << 10);
    if (text) keep_first_fault(status, parse_os_release(*text, out));
    return status;
  }

 private:
  const Host& host_;
};

}  // namespace

bool is_live(const Host& host) {
  struct statfs info {};
  return statfs(host.path("/proc").c_str(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

Status parse_os_release(std::string_view text, Batch& out) {
  std::map<std::string, std::string, std::less<>> values;
  while (!text.empty()) {
    const std::string_view line = trim(next_line(text));
    const std::size_t equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos || !is_utf8(line)) continue;
    values[to_lower(line.substr(0, equals))] = unquote(trim(line.substr(equals + 1)));
  }
  if (values.empty()) return Error{ErrorCode::invalid, "os-release: no KEY=value line"};
  Labels labels;
  for (const char* key :
       {"build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant",
        "variant_id", "version", "version_codename", "version_id"}) {
    labels.push_back({key, values[key]});
  }
  out.add_info("node_os_info", std::move(labels));
  const std::string_view id = values["version_id"];
  std::string_view number = id.substr(0, id.find_first_not_of("0123456789."));
  if (const auto second = number.find('.', number.find('.') + 1);
      number.find('.') != std::string_view::npos && second != std::string_view::npos) {
    number = number.substr(0, second);
  }
  if (const auto version = parse_double(number)) {
    out.add("node_os_version",
            {{"id", values["id"]}, {"id_like", values["id_like"]}, {"name", values["name"]}},
            *version);
  }
  return {};
}

std::unique_ptr<Collector> make_uname(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Uname>(host);
}

}  // namespace godwit
