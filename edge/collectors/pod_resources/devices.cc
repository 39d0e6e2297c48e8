#include "edge/collectors/pod_resources/devices.h"

#include <exception>

#include <protozero/pbf_reader.hpp>

#include "transport/text.h"

namespace godwit {
namespace {

using protozero::pbf_reader;

// Names of Kubernetes are at most as long.
constexpr std::size_t max_text_bytes = 253;

// The next field with bytes in it; false: the end.
bool next_bytes(pbf_reader& reader) {
  while (reader.next()) {
    if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) return true;
    reader.skip();
  }
  return false;
}

// Empty: it can be no label.
std::string text_of(pbf_reader& reader) {
  const auto view = reader.get_view();
  const std::string_view text(view.data(), view.size());
  return text.size() <= max_text_bytes && is_utf8(text) ? std::string(text) : std::string();
}

bool is_accelerator(std::string_view resource) {
  return resource.starts_with("nvidia.com/") || resource.starts_with("huawei.com/");
}

void read_devices(pbf_reader message, const PodDevice& owner, std::vector<PodDevice>& out) {
  PodDevice device = owner;
  std::vector<std::string> ids;
  while (next_bytes(message)) {
    if (message.tag() == 1) {
      device.resource = text_of(message);
    } else if (message.tag() == 2 && out.size() + ids.size() < max_pod_devices) {
      ids.push_back(text_of(message));
    } else {
      message.skip();
    }
  }
  if (!is_accelerator(device.resource)) return;
  for (auto& id : ids) {
    if (id.empty()) continue;
    device.id = std::move(id);
    out.push_back(device);
  }
}

void read_container(pbf_reader message, PodDevice owner, std::vector<PodDevice>& out) {
  std::vector<pbf_reader> devices;
  while (next_bytes(message)) {
    if (message.tag() == 1) {
      owner.container = text_of(message);
    } else if (message.tag() == 2 && devices.size() < max_pod_devices) {
      devices.push_back(message.get_message());
    } else {
      message.skip();
    }
  }
  if (owner.container.empty()) return;
  for (const auto& device : devices) read_devices(device, owner, out);
}

void read_pod(pbf_reader message, std::vector<PodDevice>& out) {
  PodDevice owner;
  std::vector<pbf_reader> containers;
  while (next_bytes(message)) {
    if (message.tag() == 1) {
      owner.pod = text_of(message);
    } else if (message.tag() == 2) {
      owner.name_space = text_of(message);
    } else if (message.tag() == 3 && containers.size() < max_pod_devices) {
      containers.push_back(message.get_message());
    } else {
      message.skip();
    }
  }
  if (owner.pod.empty() || owner.name_space.empty()) return;
  for (const auto& container : containers) read_container(container, owner, out);
}

}  // namespace

Result<std::vector<PodDevice>> parse_pod_devices(std::string_view answer) {
  try {
    std::vector<PodDevice> out;
    pbf_reader message(answer.data(), answer.size());
    while (next_bytes(message)) {
      if (message.tag() == 1) {
        read_pod(message.get_message(), out);
      } else {
        message.skip();
      }
    }
    return out;
  } catch (const std::exception& error) {  // protozero's, of damaged messages
    return Error{ErrorCode::invalid, concat("no list of pod resources: ", error.what())};
  }
}

}  // namespace godwit
