#include <algorithm>
#include <array>

#include <unistd.h>

#include "edge/collectors/fields.h"
#include "edge/collectors/host_collectors.h"

namespace godwit {
namespace {

constexpr std::size_t max_interfaces = 256;

// Columns of /proc/net/dev.
constexpr std::array<std::string_view, 16> columns = {
    "receive_bytes",  "receive_packets",  "receive_errs",       "receive_drop",
    "receive_fifo",   "receive_frame",    "receive_compressed", "receive_multicast",
    "transmit_bytes", "transmit_packets", "transmit_errs",      "transmit_drop",
    "transmit_fifo",  "transmit_colls",   "transmit_carrier",   "transmit_compressed"};

// Of /proc/net/snmp; part of what node_exporter reports by default.
constexpr std::array<std::string_view, 14> snmp_fields = {
    "Tcp_ActiveOpens", "Tcp_PassiveOpens", "Tcp_CurrEstab",    "Tcp_InSegs",      "Tcp_OutSegs",
    "Tcp_RetransSegs", "Tcp_InErrs",       "Tcp_OutRsts",      "Udp_InDatagrams", "Udp_NoPorts",
    "Udp_InErrors",    "Udp_OutDatagrams", "Udp_RcvbufErrors", "Udp_SndbufErrors"};

struct Interface {
  std::string name;
  std::string operstate;
  Batch facts;
};

class Network final : public Collector {
 public:
  explicit Network(const Host& host) : host_(host) {}

  Status collect(Batch& out) override {
    const auto dev = read_net("dev");
    if (!dev) return dev.error();
    Status status;
    keep_first_fault(status, parse_net_dev(*dev, out));
    if (const auto text = read_net("sockstat"))
      keep_first_fault(status, parse_sockstat(*text, out));
    if (const auto text = read_net("snmp")) keep_first_fault(status, parse_snmp(*text, out));
    add_interfaces(out);
    add_conntrack("count", "node_nf_conntrack_entries", out);
    add_conntrack("max", "node_nf_conntrack_entries_limit", out);
    return status.ok() ? status : status.error().with_prefix("/proc/net");
  }

 private:
  // /proc/net is the reader's own network namespace; that of process 1 is the host's.
  [[nodiscard]] Result<std::string> read_net(std::string_view file) const {
    auto text = host_.read_file(concat("/proc/1/net/", file));
    return text ? text : host_.read_file(concat("/proc/net/", file));
  }

  void add_conntrack(std::string_view file, std::string_view metric, Batch& out) const {
    const auto value = host_.read_int(concat("/proc/sys/net/netfilter/nf_conntrack_", file));
    if (value) out.add(metric, static_cast<double>(*value));
  }

  void add_interfaces(Batch& out) {
    if (slow_facts_.due(host_)) list_interfaces();
    for (auto& interface : interfaces_) {
      const auto state = attribute(interface.name, "operstate");
      if (!state) continue;
      if (interface.operstate != *state) {
        interface.operstate = *state;
        read_facts(interface);
      }
      out.add("node_network_up", {{"device", interface.name}}, *state == "up" ? 1 : 0);
      out.append(Batch(interface.facts));
    }
  }

  void list_interfaces() {
    interfaces_.clear();
    const auto names = host_.list("/sys/class/net");
    if (!names) return;
    for (const auto& name : *names) {
      if (is_reported_interface(name) && is_utf8(name) && interfaces_.size() < max_interfaces) {
        interfaces_.push_back({name, "", {}});
      }
    }
  }

  [[nodiscard]] Result<std::string> attribute(std::string_view name, std::string_view file) const {
    return host_.read_line(concat("/sys/class/net/", name, "/", file));
  }

  void read_facts(Interface& interface) const {
    Batch facts;
    const std::string& name = interface.name;
    const Labels device = {{"device", name}};
    const auto text = [&](std::string_view file) {
      auto value = attribute(name, file);
      return value && is_utf8(*value) ? *value : std::string();
    };
    const auto number = [&](std::string_view file) { return parse_int(text(file)); };
    // A driver that does not know the speed says -1; without a link it refuses the question.
    if (const auto mbit = number("speed"); mbit && *mbit >= 0) {
      facts.add("node_network_speed_bytes", device, static_cast<double>(*mbit) * 125'000);
    }
    if (const auto carrier = number("carrier")) {
      facts.add("node_network_carrier", device, static_cast<double>(*carrier));
    }
    if (const auto mtu = number("mtu")) {
      facts.add("node_network_mtu_bytes", device, static_cast<double>(*mtu));
    }
    facts.add_info("node_network_info", {{"device", name},
                                         {"address", text("address")},
                                         {"broadcast", text("broadcast")},
                                         {"duplex", text("duplex")},
                                         {"ifalias", text("ifalias")},
                                         {"operstate", interface.operstate}});
    interface.facts = std::move(facts);
  }

  const Host& host_;
  SlowFacts slow_facts_;
  std::vector<Interface> interfaces_;
};

}  // namespace

// As kube-prometheus runs node_exporter: without the host's ends of pods, ^(veth.*|[a-f0-9]{15})$.
bool is_reported_interface(std::string_view device) {
  const bool is_hex_name =
      device.size() == 15 && device.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return !device.starts_with("veth") && !is_hex_name;
}

Status parse_net_dev(std::string_view text, Batch& out) {
  BadLines bad;
  next_line(text);  // two lines of headings
  next_line(text);
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) {
      if (!line.empty()) bad.add(line);
      continue;
    }
    const std::string device(trim(line.substr(0, colon)));
    if (!is_reported_interface(device) || !is_utf8(device)) continue;
    std::string_view rest = line.substr(colon + 1);
    for (const auto column : columns) {
      const auto value = parse_int<std::uint64_t>(next_field(rest));
      if (!value) {
        bad.add(line);
        break;
      }
      out.add(concat("node_network_", column, "_total"), {{"device", device}},
              static_cast<double>(*value));
    }
  }
  return bad.status();
}

Status parse_sockstat(std::string_view text, Batch& out) {
  static const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  BadLines bad;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    std::string_view protocol = next_field(rest);
    if (protocol != "sockets:" && protocol != "TCP:" && protocol != "UDP:") continue;
    protocol.remove_suffix(1);
    for (auto key = next_field(rest); !key.empty(); key = next_field(rest)) {
      const auto value = parse_int<std::uint64_t>(next_field(rest));
      if (!value || !is_name_part(key)) {
        bad.add(line);
        break;
      }
      const auto number = static_cast<double>(*value);
      out.add(concat("node_sockstat_", protocol, "_", key), number);
      if (key == "mem") {
        out.add(concat("node_sockstat_", protocol, "_mem_bytes"), number * page_bytes);
      }
    }
  }
  return bad.status();
}

// Pairs of lines: "Tcp: Name Name ...", "Tcp: 1 2 ...".
Status parse_snmp(std::string_view text, Batch& out) {
  BadLines bad;
  while (!text.empty()) {
    std::string_view names = next_line(text);
    const std::string_view line = next_line(text);
    std::string_view values = line;
    std::string_view protocol = next_field(names);
    if (protocol.empty() || next_field(values) != protocol) {
      bad.add(line);
      break;
    }
    protocol.remove_suffix(1);
    if (protocol != "Tcp" && protocol != "Udp") continue;
    for (auto name = next_field(names); !name.empty(); name = next_field(names)) {
      const auto value = parse_int(next_field(values));
      const std::string key = concat(protocol, "_", name);
      if (std::find(snmp_fields.begin(), snmp_fields.end(), key) == snmp_fields.end()) continue;
      if (value) {
        out.add(concat("node_netstat_", key), static_cast<double>(*value));
      } else {
        bad.add(line);
      }
    }
  }
  return bad.status();
}

std::unique_ptr<Collector> make_network(const Host& host, const CollectorSettings& /*settings*/) {
  return std::make_unique<Network>(host);
}

}  // namespace godwit
