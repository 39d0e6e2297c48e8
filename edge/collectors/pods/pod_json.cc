#include <utility>

#include "edge/collectors/pods/json_cursor.h"
#include "edge/collectors/pods/pod_facts.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_label_bytes = 253;  // of names in Kubernetes

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= max_label_bytes && is_utf8(text);
}

void read_resources(JsonCursor& json, Resources& out) {
  std::string key;
  if (!json.enter_object()) return;
  while (json.next_member(key)) {
    if (key != "cpu" && key != "memory") {
      json.skip();
      continue;
    }
    const auto amount = parse_quantity(json.text().value_or(""));
    (key == "cpu" ? out.cpu : out.memory) = amount;
  }
}

ContainerFacts& find_or_add(std::vector<ContainerFacts>& containers, std::string_view name) {
  for (auto& container : containers) {
    if (container.name == name) return container;
  }
  containers.push_back({});
  containers.back().name = name;
  return containers.back();
}

void merge(ContainerFacts&& part, PodFacts& pod) {
  if (!is_label(part.name) || pod.containers.size() >= max_pod_containers) return;
  ContainerFacts& known = find_or_add(pod.containers, part.name);
  if (!part.id.empty()) known.id = std::move(part.id);
  if (part.restarts) known.restarts = part.restarts;
  if (part.requests.cpu || part.requests.memory) known.requests = part.requests;
  if (part.limits.cpu || part.limits.memory) known.limits = part.limits;
}

// An item of spec.containers or of status.containerStatuses.
void read_container(JsonCursor& json, PodFacts& pod) {
  ContainerFacts container;
  std::string key;
  if (!json.enter_object()) return;
  while (json.next_member(key)) {
    if (key == "name") {
      container.name = json.text().value_or("");
    } else if (key == "containerID") {  // "containerd://<id>"
      const std::string id = json.text().value_or("");
      container.id = id.substr(id.rfind('/') + 1);
    } else if (key == "restartCount") {
      container.restarts = json.number();
    } else if (key == "resources" && json.enter_object()) {
      while (json.next_member(key)) {
        if (key == "requests" || key == "limits") {
          read_resources(json, key == "limits" ? container.limits : container.requests);
        } else {
          json.skip();
        }
      }
    } else if (key != "resources") {
      json.skip();
    }
  }
  merge(std::move(container), pod);
}

void read_containers(JsonCursor& json, PodFacts& pod) {
  if (!json.enter_array()) return;
  while (json.next_item()) read_container(json, pod);
}

void read_conditions(JsonCursor& json, PodFacts& pod) {
  if (!json.enter_array()) return;
  while (json.next_item()) {
    std::string key;
    std::string type;
    std::string status;
    if (!json.enter_object()) continue;
    while (json.next_member(key)) {
      if (key == "type") {
        type = json.text().value_or("");
      } else if (key == "status") {
        status = json.text().value_or("");
      } else {
        json.skip();
      }
    }
    if (type == "Ready") pod.ready = status == "True";
  }
}

void read_metadata(JsonCursor& json, PodFacts& pod) {
  std::string key;
  if (!json.enter_object()) return;
  while (json.next_member(key)) {
    if (key == "name") {
      pod.name = json.text().value_or("");
    } else if (key == "namespace") {
      pod.name_space = json.text().value_or("");
    } else if (key == "uid") {
      pod.uid = json.text().value_or("");
    } else if (key == "annotations" && json.enter_object()) {
      while (json.next_member(key)) {
        if (key == "kubernetes.io/config.hash") {
          pod.cgroup_uid = json.text().value_or("");
        } else {
          json.skip();
        }
      }
    } else if (key != "annotations") {
      json.skip();
    }
  }
}

void read_status(JsonCursor& json, PodFacts& pod) {
  std::string key;
  if (!json.enter_object()) return;
  while (json.next_member(key)) {
    if (key == "phase") {
      pod.phase = json.text().value_or("");
    } else if (key == "startTime") {
      const auto start_ms = parse_rfc3339(json.text().value_or(""));
      if (start_ms) pod.start_s = static_cast<double>(*start_ms) / 1000;
    } else if (key == "conditions") {
      read_conditions(json, pod);
    } else if (key == "containerStatuses") {
      read_containers(json, pod);
    } else {
      json.skip();
    }
  }
}

void read_spec(JsonCursor& json, PodFacts& pod) {
  std::string key;
  if (!json.enter_object()) return;
  while (json.next_member(key)) {
    if (key == "containers") {
      read_containers(json, pod);
    } else if (key == "nodeName") {
      pod.node = json.text().value_or("");
    } else {
      json.skip();
    }
  }
}

}  // namespace

Result<PodFacts> parse_pod(std::string_view text) {
  PodFacts pod;
  JsonCursor json(text);
  std::string key;
  if (!json.enter_object()) return Error{ErrorCode::invalid, "a pod that is no object"};
  while (json.next_member(key)) {
    if (key == "metadata") {
      read_metadata(json, pod);
    } else if (key == "spec") {
      read_spec(json, pod);
    } else if (key == "status") {
      read_status(json, pod);
    } else {
      json.skip();
    }
  }
  if (json.failed()) return Error{ErrorCode::invalid, "a pod that is no JSON"};
  if (pod.cgroup_uid.empty()) pod.cgroup_uid = pod.uid;
  if (!is_label(pod.name_space) || !is_label(pod.name) || !is_label(pod.uid)) {
    return Error{ErrorCode::invalid, "a pod without namespace, name or uid"};
  }
  return pod;
}

}  // namespace godwit
