#include "transport/topics.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_node_bytes = 253;
constexpr std::size_t max_collector_bytes = 64;

std::string node_topic(std::string_view node, std::string_view rest) {
  return concat(topics::root, node, rest);
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_collector_name(std::string_view name) {
  return !name.empty() && name.size() <= max_collector_bytes &&
         std::all_of(name.begin(), name.end(), is_name_char);
}

}  // namespace

namespace topics {

std::string up(std::string_view node) { return node_topic(node, "/up"); }
std::string down(std::string_view node) { return node_topic(node, "/down"); }
std::string status(std::string_view node) { return node_topic(node, "/status"); }

std::string schema(std::string_view node, SchemaId id) {
  return node_topic(node, "/schema/") + format_schema_id(id);
}

std::string latest(std::string_view node, std::string_view collector) {
  return concat(root, node, "/latest/", collector);
}

std::string shared(std::string_view group, std::string_view filter) {
  return concat("$share/", group, "/", filter);
}

}  // namespace topics

Status check_node_name(std::string_view name) {
  if (name.empty() || name.size() > max_node_bytes) {
    return Error{ErrorCode::invalid,
                 concat("a node name has 1 to ", max_node_bytes, " characters, not ", name.size())};
  }
  if (!std::all_of(name.begin(), name.end(), is_name_char)) {
    return Error{ErrorCode::invalid,
                 concat("node name '", quote_for_message(name),
                        "' has other characters than letters, digits, '.', '-' and '_'")};
  }
  if (name == "relay") {
    return Error{ErrorCode::invalid, "a node cannot be called 'relay': that topic is the relay's"};
  }
  return {};
}

std::optional<NodeTopic> parse_topic(std::string_view topic) {
  if (!topic.starts_with(topics::root)) return std::nullopt;
  topic.remove_prefix(topics::root.size());
  const auto slash = topic.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view node = topic.substr(0, slash);
  const std::string_view rest = topic.substr(slash + 1);
  if (!check_node_name(node)) return std::nullopt;
  if (rest == "up") return NodeTopic{node, TopicKind::up, {}};
  if (rest == "down") return NodeTopic{node, TopicKind::down, {}};
  if (rest == "status") return NodeTopic{node, TopicKind::status, {}};
  constexpr std::string_view schema = "schema/";
  constexpr std::string_view latest = "latest/";
  if (rest.starts_with(schema)) {
    const std::string_view hash = rest.substr(schema.size());
    if (parse_schema_id(hash)) return NodeTopic{node, TopicKind::schema, hash};
  } else if (rest.starts_with(latest)) {
    const std::string_view collector = rest.substr(latest.size());
    if (is_collector_name(collector)) return NodeTopic{node, TopicKind::latest, collector};
  }
  return std::nullopt;
}

}  // namespace godwit
