// The collector on whole trees: cgroup v2 with the systemd driver and v1 with cgroupfs, named by
// log directories; KubeEdge's edged below a cgroupRoot on a kernel without memory controller, named
// by a MetaServer.
#include "edge/collectors/pods/pods.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "edge/collectors/pods/json_cursor.h"
#include "edge/collectors/pods/pod_cgroups.h"
#include "edge/collectors/pods/pod_facts.h"
#include "test/fakes/raw_server.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::RawServer;

CollectorSettings settings_with(const std::string& url) {
  CollectorSettings settings = pods_defaults();
  settings.url = url;
  settings.node = "edge-1";
  return settings;
}

std::string lines(const Batch& batch) {
  std::vector<std::string> all;
  for (const auto& sample : batch.samples()) {
    all.push_back(concat(format_series(sample.series), " ", sample.value, "\n"));
  }
  std::sort(all.begin(), all.end());
  std::string out;
  for (const auto& line : all) out += line;
  return out;
}

std::string answer(const std::string& body) {
  return concat("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
                body.size(), "\r\n\r\n", body);
}

TEST_CASE("pods: trees of the kubelet, named by the log directories") {
  for (const std::string name : {"v1", "v2"}) {
    INFO(name);
    const Host host(test::fixture("pods/" + name));
    const auto pods = make_pods(host, settings_with(""));
    Batch out;
    REQUIRE(pods->collect(out).ok());
    CHECK(test::is_golden(concat("pods/", name, ".prom"), lines(out)));
  }
}

TEST_CASE("pods: edged's tree, named by the MetaServer") {
  std::string asked;
  const std::string list = test::read_file(test::fixture("pods/metaserver.json"));
  const RawServer server([&](int fd, const std::string& request) {
    asked = request;
    RawServer::say(fd, answer(list));
  });
  const Host host(test::fixture("pods/edged"));
  const auto pods = make_pods(host, settings_with(server.url("")));
  Batch out;
  REQUIRE(pods->collect(out).ok());
  CHECK(asked.starts_with("GET /api/v1/pods?fieldSelector=spec.nodeName%3Dedge-1 "));
  CHECK(test::is_golden("pods/edged.prom", lines(out)));

  // Nothing new: the server is left alone.
  asked.clear();
  Batch again;
  REQUIRE(pods->collect(again).ok());
  CHECK(asked.empty());
  CHECK(lines(again) == lines(out));
}

TEST_CASE("pods: what the names say is asked anew when a pod comes or goes") {
  const test::TempDir root;
  std::filesystem::copy(test::fixture("pods/v2"), root.path(),
                        std::filesystem::copy_options::recursive);
  const Host host(root.path().string());
  const auto pods = make_pods(host, settings_with(""));
  Batch out;
  REQUIRE(pods->collect(out).ok());
  CHECK(lines(out).find("camera-7d4f") != std::string::npos);
  std::filesystem::remove_all(root.path() /
                              "sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice");
  out.clear();
  REQUIRE(pods->collect(out).ok());
  CHECK(lines(out).find("camera-7d4f") == std::string::npos);
  CHECK(lines(out).find("agent-x1") != std::string::npos);

  std::filesystem::remove_all(root.path() / "var/log/pods");
  std::filesystem::create_directory(root.path() / "var/log/pods");
  std::filesystem::create_directory(root.path() / "sys/fs/cgroup/kubepods.slice" /
                                    "kubepods-pod0123456789abcdef0123456789abcdef.slice");
  out.clear();
  const Status unnamed = pods->collect(out);
  REQUIRE_FALSE(unnamed.ok());
  CHECK(unnamed.error().message == "2 of 2 pods have no name in /var/log/pods");
}

TEST_CASE("pods: a node without pods, and a server that talks nonsense") {
  const test::TempDir empty;
  const Host bare(empty.path().string());
  Batch out;
  const Status none = make_pods(bare, settings_with(""))->collect(out);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::no_data);

  const RawServer server([&](int fd, const std::string&) {
    RawServer::say(fd, answer("{\"items\":[{\"metadata\":3}]}"));
  });
  const Host host(test::fixture("pods/v2"));
  REQUIRE(make_pods(host, settings_with(server.url("")))->collect(out).ok());
  CHECK(lines(out).find("camera-7d4f") != std::string::npos);
}

TEST_CASE("pods: a list in pieces is the same list") {
  const std::string list = test::read_file(test::fixture("pods/metaserver.json"));
  PodListReader reader;
  for (const char c : list) REQUIRE(reader.feed(std::string_view(&c, 1)).ok());
  const auto pods = reader.take();
  REQUIRE(pods.ok());
  REQUIRE(pods->size() == 4);
  CHECK((*pods)[1].cgroup_uid == "0123456789abcdef0123456789abcdef");
  CHECK((*pods)[0].containers.at(0).limits.cpu == 1.5);

  PodListReader half;
  REQUIRE(half.feed(std::string_view(list).substr(0, list.size() / 2)).ok());
  CHECK_FALSE(half.take().ok());
  PodListReader huge;
  const std::string pad(PodListReader::max_pod_bytes, ' ');
  CHECK_FALSE(huge.feed(concat("{\"items\":[{", pad, "}]}")).ok());
}

TEST_CASE("pods: more pods than the bound are left out") {
  std::string list = "{\"items\":[";
  for (std::size_t i = 0; i < max_pods + 10; ++i) {
    list += concat(i == 0 ? "" : ",", "{\"metadata\":{\"name\":\"p", i,
                   "\",\"namespace\":\"n\",\"uid\":\"u\"}}");
  }
  PodListReader reader;
  REQUIRE(reader.feed(list + "]}").ok());
  CHECK(reader.take()->size() == max_pods);
}

TEST_CASE("pods: quantities and times of Kubernetes") {
  CHECK(parse_quantity("100m") == 0.1);
  CHECK(parse_quantity("2") == 2);
  CHECK(parse_quantity("128Mi") == 134217728);
  CHECK(parse_quantity("1e3") == 1000);
  CHECK(parse_quantity("1.5G") == 1.5e9);
  CHECK_FALSE(parse_quantity("").has_value());
  CHECK_FALSE(parse_quantity("-1").has_value());
  CHECK_FALSE(parse_quantity("12x").has_value());
}

TEST_CASE("pods: names of control groups") {
  const std::string uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
  CHECK(pod_uid_of("kubepods-burstable-pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice") == uid);
  CHECK(pod_uid_of("kubelet-kubepods-pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice") == uid);
  CHECK(pod_uid_of("pod" + uid) == uid);
  CHECK(pod_uid_of("podinfo").empty());
  CHECK(pod_uid_of("kubepods-burstable.slice").empty());
  const std::string id(64, 'a');
  CHECK(container_id_of("cri-containerd-" + id + ".scope") == id);
  CHECK(container_id_of("docker-" + id + ".scope") == id);
  CHECK(container_id_of(id) == id);
  CHECK(container_id_of("crio-conmon-" + id + ".scope").empty());
  CHECK(container_id_of("crio-" + id) == id);
  CHECK(container_id_of("cgroup.procs").empty());
}

TEST_CASE("pods: the container of a process, by its control groups") {
  const std::string id(64, 'c');
  const std::string other(64, 'd');
  const std::string uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
  const std::string slice = "kubepods-burstable-pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice";
  const std::string in_slice = "/kubepods.slice/kubepods-burstable.slice/" + slice;
  for (const auto& path :
       {// v2, systemd and cgroupfs drivers: containerd, docker, CRI-O.
        "0::" + in_slice + "/cri-containerd-" + id + ".scope",
        "0::" + in_slice + "/docker-" + id + ".scope", "0::" + in_slice + "/crio-" + id + ".scope",
        "0::/kubepods/burstable/pod" + uid + "/" + id,
        "0::/kubepods/burstable/pod" + uid + "/crio-" + id,
        // What runs in it has made groups of its own, or is docker in a pod.
        "0::" + in_slice + "/crio-" + id + ".scope/container",
        "0::" + in_slice + "/cri-containerd-" + id + ".scope/system.slice/docker-" + other +
            ".scope",
        // As a reader in another control group namespace sees it: another pod; its own.
        "0::/../../" + slice + "/cri-containerd-" + id + ".scope",
        "0::/../cri-containerd-" + id + ".scope",
        // containerd without its systemd driver, below a kubelet with it.
        "0::/system.slice/containerd.service/" + slice + ":cri-containerd:" + id,
        // edged with a cgroupRoot.
        "0::/edge/kubepods/besteffort/pod" + uid + "/" + id,
        // v1, and both at once.
        "12:pids:" + in_slice + "/docker-" + id + ".scope\n11:cpu,cpuacct:" + in_slice +
            "/docker-" + id + ".scope\n1:name=systemd:" + in_slice + "/docker-" + id + ".scope",
        "11:devices:/kubepods/besteffort/pod" + uid + "/" + id + "\n0::/",
        "3:rdma:/\n2:cpuset:/kubepods/pod" + uid + "/" + id +
            "\n0::/system.slice/containerd.service"}) {
    INFO(path);
    CHECK(container_of_process(path + "\n") == id);
  }
  for (const auto* path : {"", "\n", "0::/\n", "0::/init.scope\n", "0::/user.slice/a.scope\n",
                           "0::/kubepods.slice\n", "12:pids\n", "::::\n", "0::/../../..\n"}) {
    INFO(path);
    CHECK(container_of_process(path).empty());
  }
}

TEST_CASE("pods: JSON that is broken or hostile ends in failed()") {
  const auto skips = [](std::string_view text) {
    JsonCursor json(text);
    json.skip();
    return !json.failed();
  };
  CHECK(skips(R"({"a":[1,-2.5e3,{"b":null}],"c":"\u00e9\ud83d\ude00","d":[],"e":{}})"));
  for (const std::string_view text :
       {"", "{", "{]", "[1,]", "[1 2]", R"({"a" 1})", R"({"a":1,})", "nul", R"("\x")",
        R"("\ud800")", "\"\x01\"", "[1}", "{1:2}", "-"}) {
    INFO(text);
    CHECK_FALSE(skips(text));
  }
  CHECK_FALSE(skips(std::string(100'000, '[')));
  JsonCursor json(R"("\u00e9\ud83d\ude00\n")");
  CHECK(json.text() == "\xc3\xa9\xf0\x9f\x98\x80\n");
}

}  // namespace
}  // namespace godwit
