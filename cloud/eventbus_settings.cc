#include "cloud/eventbus_settings.h"

#include "transport/secret_file.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Type = SettingType;

constexpr std::size_t min_key_bytes = 16;

bool is_path(std::string_view path) {
  return path.find_first_of(" \t\r\n?#%") == std::string_view::npos && !path.ends_with('/') &&
         path.find("//") == std::string_view::npos;
}

Result<std::string> usable_key(Result<std::string> key, const std::string& path) {
  if (!key) return key;
  if (key->size() < min_key_bytes) {
    return Error{ErrorCode::invalid, concat(path, ": a key has at least 16 bytes")};
  }
  return key;
}

}  // namespace

// clang-format off
std::vector<Setting> eventbus_settings_table() {
  return {
      {.key = "eventbus.router_url",
       .help = "CloudCore's Router, e.g. http://cloudcore.kubeedge:9443; set: nodes may come through KubeEdge's EventBus."},
      {.key = "eventbus.path", .fallback = "/kubeedge",
       .help = "Path of http.listen to which the Rules of the nodes post.", .required = true},
      {.key = "eventbus.namespace", .fallback = "default",
       .help = "Namespace of the Rules; part of the topic on the nodes.", .required = true},
      {.key = "eventbus.down_path", .fallback = "godwit/down",
       .help = "Path of the Rule that carries answers down.", .required = true},
      {.key = "eventbus.master_key_file",
       .help = "File with the key from which each node's is derived; read at each use."},
      {.key = "eventbus.keys_dir",
       .help = "Folder with a key file per node, named like it; wins over the master key."},
      {.key = "eventbus.manage_rules", .type = Type::flag, .fallback = "true",
       .help = "In a cluster: keep the Rule of each edge node and their RuleEndpoints."},
      {.key = "eventbus.up_topic", .fallback = "godwit/up",
       .help = "Topic of the Rules on the nodes, below <namespace>/user/.", .required = true},
      {.key = "eventbus.target_url",
       .help = "This relay as CloudCore reaches it, for the Rules, e.g. http://godwit-relay.godwit:9751/kubeedge."},
      {.key = "eventbus.connections", .type = Type::integer, .fallback = "4",
       .help = "Answers under way to the Router at once.", .min = 1, .max = 64},
  };
}
// clang-format on

Result<EventbusSettings> finalise_eventbus(const Settings& settings) {
  EventbusSettings out;
  out.router_url = settings.text("eventbus.router_url");
  if (out.router_url.empty()) return out;
  while (out.router_url.ends_with('/')) out.router_url.pop_back();
  if (Status status = check_http_url(out.router_url); !status) {
    return status.error().with_prefix("eventbus.router_url");
  }
  out.path = settings.text("eventbus.path");
  if (!out.path.starts_with('/') || !is_path(out.path)) {
    return Error{ErrorCode::invalid, "eventbus.path must be a plain path such as /kubeedge"};
  }
  out.rule_namespace = settings.text("eventbus.namespace");
  out.down_path = settings.text("eventbus.down_path");
  if (out.down_path.starts_with('/') || !is_path(out.down_path)) {
    return Error{ErrorCode::invalid,
                 "eventbus.down_path must be a path without a '/' in front, such as godwit/down"};
  }
  out.master_key_file = settings.text("eventbus.master_key_file");
  out.keys_dir = settings.text("eventbus.keys_dir");
  if (out.master_key_file.empty() && out.keys_dir.empty()) {
    return Error{ErrorCode::invalid,
                 "eventbus.router_url needs eventbus.master_key_file or eventbus.keys_dir: without "
                 "a key nobody could tell who speaks"};
  }
  out.manage_rules = settings.flag("eventbus.manage_rules");
  out.up_topic = settings.text("eventbus.up_topic");
  out.target_url = settings.text("eventbus.target_url");
  if (!out.target_url.empty()) {
    if (Status status = check_http_url(out.target_url); !status) {
      return status.error().with_prefix("eventbus.target_url");
    }
  }
  out.connections = static_cast<std::size_t>(settings.integer("eventbus.connections"));
  return out;
}

NodeKey node_keys(const EventbusSettings& settings) {
  return [master = settings.master_key_file,
          dir = settings.keys_dir](std::string_view node) -> Result<std::string> {
    if (!dir.empty()) {
      const std::string path = concat(dir, "/", node);
      auto key = usable_key(read_secret_file(path), path);
      if (key || master.empty()) return key;
    }
    const auto key = usable_key(read_secret_file(master), master);
    if (!key) return key.error();
    return derive_node_key(*key, node);
  };
}

}  // namespace godwit
