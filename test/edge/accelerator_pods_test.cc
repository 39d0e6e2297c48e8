#include "edge/accelerator_pods.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

const std::string camera_id(64, 'a');
const std::string other_id(64, 'b');

std::string given(std::string_view hw_id, std::string_view type, std::string_view pod) {
  return concat("godwit_accelerator_pod_info{container=\"main\",hw_id=\"", hw_id, "\",hw_type=\"",
                type, "\",namespace=\"lab\",pod=\"", pod, "\"}");
}

// A node, and what its collectors say.
struct Node {
  test::TempDir root;
  Host host{root.path().string()};
  AcceleratorPods pods{host};
  std::int64_t now_ms = 1000;

  void process(int pid, const std::string& container) const {
    test::write_file(root.file(concat("proc/", pid, "/cgroup")),
                     concat("0::/kubepods/pod0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/", container));
  }

  // Returns what is left of the readings.
  std::vector<Sample> say(std::string_view collector, Batch batch, const Status& status = {}) {
    pods.observe(collector, status, batch, now_ms);
    return batch.samples();
  }

  void jetson(const std::vector<int>& pids) {
    Batch batch;
    batch.add_info("hw_gpu_info", {{"hw_id", "ga10b"}, {"hw_type", "gpu"}});
    for (const int pid : pids) {
      batch.add("godwit_accelerator_process_memory_bytes",
                {{"hw_id", "ga10b"}, {"hw_type", "gpu"}, {"pid", std::to_string(pid)}}, 1);
    }
    readings["jtop"] = batch;
  }

  void containers(const std::vector<std::pair<std::string, std::string>>& pods_and_ids) {
    Batch batch;
    for (const auto& [pod, id] : pods_and_ids) {
      batch.add_info(
          "kube_pod_container_info",
          {{"namespace", "lab"}, {"pod", pod}, {"container", "main"}, {"container_id", id}});
    }
    CHECK(say("pods", std::move(batch)).empty());  // they serve only here
  }

  void devices(const std::vector<std::tuple<std::string, std::string, std::string>>& given) {
    Batch batch;
    for (const auto& [resource, device, pod] : given) {
      batch.add_info("kube_pod_container_device_info", {{"resource", resource},
                                                        {"device", device},
                                                        {"namespace", "lab"},
                                                        {"pod", pod},
                                                        {"container", "main"}});
    }
    CHECK(say("pod_resources", std::move(batch)).empty());
  }

  // Who uses what, in the next readings of the accelerators.
  std::vector<std::string> seen() {
    now_ms += 1000;
    std::vector<std::string> out;
    for (const auto& [collector, batch] : readings) {
      const Status status = failing ? Status(Error{ErrorCode::timeout, "no answer"}) : Status();
      for (const auto& sample : say(collector, failing ? Batch() : batch, status)) {
        if (sample.series.name != "godwit_accelerator_pod_info") continue;
        out.push_back((is_stale_marker(sample.value) ? "-" : "") + format_series(sample.series));
      }
    }
    return out;
  }

  std::map<std::string, Batch> readings;  // by collector
  bool failing = false;
};

using Seen = std::vector<std::string>;

TEST_CASE("accelerator pods: by the processes, where no kubelet tells") {
  Node node;
  node.process(10, camera_id);
  node.process(11, other_id);
  node.process(12, std::string(64, 'f'));                        // no pod's
  test::write_file(node.root.file("proc/13/cgroup"), "0::/\n");  // the node's own
  node.jetson({10, 12, 13, 14});                                 // 14 has ended
  CHECK(node.seen().empty());
  node.containers({{"camera", camera_id}, {"web", other_id}});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera")});
  node.jetson({10, 11});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera"), given("ga10b", "gpu", "web")});
  node.jetson({11});
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "camera"), given("ga10b", "gpu", "web")});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "web")});
}

TEST_CASE("accelerator pods: other readings that are told of the accelerator, too") {
  Node node;
  node.process(11, camera_id);
  node.containers({{"camera", camera_id}});
  node.jetson({11});
  REQUIRE(node.seen() == Seen{given("ga10b", "gpu", "camera")});
  const auto joined = [&](std::string_view collector, Batch batch) {
    node.pods.join(collector, batch);
    return batch.size();
  };
  Batch memory;
  memory.add("node_memory_MemTotal_bytes", 1);
  CHECK(joined("memory", memory) == 2);
  CHECK(joined("xid", memory) == 1);  // a Jetson has none
  CHECK(joined("cpu", memory) == 1);
  CHECK(joined("memory", {}) == 0);
}

TEST_CASE("accelerator pods: the kubelet's word, by every form of a device's id") {
  Node node;
  Batch gpus;
  for (const auto* const number : {"0", "1"}) {
    gpus.add_info("hw_gpu_info", {{"hw_id", concat("0000:0", number, ":00")},
                                  {"hw_type", "gpu"},
                                  {"index", number},
                                  {"hw_name", concat("nvidia", number)},
                                  {"uuid", concat("GPU-1234-", number)}});
  }
  node.readings["nvidia_smi"] = std::move(gpus);
  Batch npus;
  for (const auto* const number : {"4", "14"}) {
    npus.add_info("hw_npu_info",
                  {{"hw_id", concat(number, "-0")}, {"hw_type", "npu"}, {"phy_id", number}});
  }
  node.readings["npu_smi"] = std::move(npus);
  node.jetson({});
  const std::string first = "0000:00:00", second = "0000:01:00";
  const std::vector<std::tuple<std::string, std::string, std::string>> forms = {
      {"nvidia.com/gpu", "GPU-1234-1", given(second, "gpu", "a")},
      {"nvidia.com/gpu.shared", "GPU-1234-0::3", given(first, "gpu", "a")},
      {"nvidia.com/mig-1g.5gb", "MIG-GPU-1234-1/7/0", given(second, "gpu", "a")},
      {"nvidia.com/gpu", "nvidia0/vgpu1", given(first, "gpu", "a")},
      {"nvidia.com/gpu", "1", given(second, "gpu", "a")},
      {"nvidia.com/gpu", "tegra", given("ga10b", "gpu", "a")},
      {"nvidia.com/gpu", "tegra::0", given("ga10b", "gpu", "a")},
      {"huawei.com/Ascend310P", "Ascend310P-4", given("4-0", "npu", "a")},
      {"huawei.com/Ascend910", "Ascend910-14", given("14-0", "npu", "a")},
      {"huawei.com/Ascend310P-2c", "Ascend310P-2c-104-14", given("14-0", "npu", "a")},
      {"nvidia.com/gpu", "GPU-1234", ""},
      {"nvidia.com/gpu", "MIG-5678", ""},
      {"nvidia.com/gpu", "::3", ""},
      {"huawei.com/Ascend310P", "Ascend310P-", ""},
      {"huawei.com/Ascend310P", "tegra", ""},
      {"huawei.com/Ascend310P", "GPU-1234-1", ""},
  };
  for (const auto& [resource, device, expected] : forms) {
    INFO(resource << " " << device);
    node.devices({{resource, device, "a"}});
    CHECK(node.seen() == (expected.empty() ? Seen{} : Seen{expected}));
    node.devices({});
    (void)node.seen();  // the end
  }
}

TEST_CASE("accelerator pods: the kubelet first, processes for what it gave to nobody") {
  Node node;
  node.process(10, other_id);
  node.jetson({10});
  node.containers({{"web", other_id}});
  node.devices({{"nvidia.com/gpu", "tegra::0", "camera"}, {"nvidia.com/gpu", "tegra::1", "radar"}});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera"), given("ga10b", "gpu", "radar")});
  node.devices(
      {{"nvidia.com/gpu", "tegra::0", "camera"}, {"nvidia.com/gpu", "tegra::1", "camera"}});
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "radar"), given("ga10b", "gpu", "camera")});
  node.devices({});
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "camera"), given("ga10b", "gpu", "web")});
}

TEST_CASE("accelerator pods: what was told holds through a restart of the kubelet, not for ever") {
  const Error gone{ErrorCode::no_data, "no such socket"};
  Node node;
  node.jetson({});
  node.devices({{"nvidia.com/gpu", "tegra", "camera"}});
  node.now_ms += 60'000;
  (void)node.say("pod_resources", {}, gone);
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera")});
  node.now_ms += 60'000;
  (void)node.say("pod_resources", {}, gone);
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "camera")});
  node.devices({{"nvidia.com/gpu", "tegra", "camera"}});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera")});
  // The accelerator itself is silent, then gone.
  node.failing = true;
  CHECK(node.seen().empty());
  node.now_ms += 120'000;
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "camera")});
  CHECK(node.seen().empty());
}

TEST_CASE("accelerator pods: a process's number that another one has got") {
  Node node;
  node.process(10, camera_id);
  node.jetson({10});
  node.containers({{"camera", camera_id}, {"web", other_id}});
  CHECK(node.seen() == Seen{given("ga10b", "gpu", "camera")});
  node.process(10, other_id);
  node.now_ms += 60'000;
  CHECK(node.seen() == Seen{"-" + given("ga10b", "gpu", "camera"), given("ga10b", "gpu", "web")});
}

TEST_CASE("accelerator pods: bounded, whatever is told") {
  Node node;
  Batch gpus;
  for (int i = 0; i < 1000; ++i) {
    gpus.add_info("hw_gpu_info",
                  {{"hw_id", std::to_string(i)}, {"hw_type", "gpu"}, {"uuid", "GPU-0"}});
  }
  node.readings["nvidia_smi"] = std::move(gpus);
  std::vector<std::tuple<std::string, std::string, std::string>> all;
  for (int i = 0; i < 100; ++i) all.emplace_back("nvidia.com/gpu", "GPU-0", concat("pod-", i));
  node.devices(all);
  CHECK(node.seen().size() == AcceleratorPods::max_series);
}

}  // namespace
}  // namespace godwit
