#include "edge/collectors/pod_resources/pod_resources.h"

#include <utility>

#include "edge/collectors/pod_resources/devices.h"
#include "edge/grpc_client.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view method = "/v1.PodResourcesLister/List";

// No fault: most nodes have no such kubelet, and for users other than root it is as if there were
// none, since they cannot look into its folder.
Error refusal(const Error& error) {
  if (error.code != ErrorCode::no_data && error.code != ErrorCode::permission) return error;
  const bool hidden = error.code == ErrorCode::permission;
  return {ErrorCode::no_data,
          concat(error.message, hidden ? " (only root may ask)" : "",
                 ": no kubelet tells which container has which device; processes do instead")};
}

class PodResources final : public Collector {
 public:
  PodResources(const Host& host, CollectorSettings settings)
      : host_(host), settings_(std::move(settings)) {}

  // A connection of its own each time: a kubelet that was restarted has made a new socket.
  Status collect(Batch& out) override {
    GrpcCallOptions options;
    options.deadline = settings_.deadline;
    const auto answer = grpc_call(host_.path(settings_.socket), method, "", options);
    if (!answer) return refusal(answer.error());
    const auto devices = parse_pod_devices(*answer);
    if (!devices) return devices.error().with_prefix(host_.path(settings_.socket));
    for (const auto& one : *devices) {
      out.add_info("kube_pod_container_device_info", {{"resource", one.resource},
                                                      {"device", one.id},
                                                      {"namespace", one.name_space},
                                                      {"pod", one.pod},
                                                      {"container", one.container}});
    }
    return {};
  }

 private:
  const Host& host_;
  const CollectorSettings settings_;
};

}  // namespace

CollectorSettings pod_resources_defaults() {
  CollectorSettings settings;
  settings.interval = std::chrono::seconds(30);
  settings.deadline = std::chrono::seconds(5);
  settings.socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
  return settings;
}

std::unique_ptr<Collector> make_pod_resources(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<PodResources>(host, settings);
}

}  // namespace godwit
