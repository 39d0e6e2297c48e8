// The collector against a socket that speaks gRPC, one that is stale and one that says nothing; the
// answer's bytes. A kubelet in Go's place is a real grpcio server: test/e2e/pod_resources_test.py.
#include "edge/collectors/pod_resources/pod_resources.h"

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/collectors/pod_resources/devices.h"
#include "edge/grpc_client.h"
#include "edge/grpc_server.h"
#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

// A field of bytes.
std::string field(int number, std::string_view bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  std::size_t length = bytes.size();
  for (; length > 127; length >>= 7) out += static_cast<char>(length | 128);
  return concat(out, std::string(1, static_cast<char>(length)), bytes);
}

std::string pod(std::string_view name, std::string_view resource,
                const std::vector<std::string>& ids) {
  std::string devices = field(1, resource);
  for (const auto& id : ids) devices += field(2, id);
  devices += field(3, field(1, std::string("\x08\x00", 2)));  // topology
  const std::string numbers("\x18\x01\x18\x02", 4);           // cpu_ids
  return field(1, concat(field(1, name), field(2, "lab"),
                         field(3, concat(field(1, "main"), field(2, devices), numbers))));
}

std::vector<std::string> parsed(const std::string& bytes) {
  const auto devices = parse_pod_devices(bytes);
  REQUIRE(devices.ok());
  std::vector<std::string> out;
  for (const auto& one : *devices) {
    out.push_back(
        concat(one.name_space, "/", one.pod, "/", one.container, " ", one.resource, " ", one.id));
  }
  return out;
}

using Lines = std::vector<std::string>;

UniqueFd silent_listener(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(fd.get(), 1) == 0);
  return fd;
}

TEST_CASE("pod resources: devices of accelerators, with their containers") {
  CHECK(parsed("").empty());
  CHECK(parsed(pod("web", "example.com/camera", {"0"})).empty());
  CHECK(parsed(pod("a", "nvidia.com/gpu", {"tegra::0", "tegra::1"}) + pod("b", "cpu", {}) +
               pod("c", "huawei.com/Ascend310P", {"Ascend310P-0"})) ==
        Lines{"lab/a/main nvidia.com/gpu tegra::0", "lab/a/main nvidia.com/gpu tegra::1",
              "lab/c/main huawei.com/Ascend310P Ascend310P-0"});
  // What can be no label: too long, no UTF-8, nothing.
  CHECK(parsed(pod("a", "nvidia.com/gpu", {std::string(300, 'x'), "\xff", "", "ok"})) ==
        Lines{"lab/a/main nvidia.com/gpu ok"});
  CHECK(parsed(pod("", "nvidia.com/gpu", {"tegra"})).empty());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += pod("a", "nvidia.com/gpu", {"tegra", "tegra"});
  CHECK(parsed(many).size() == max_pod_devices);
  for (const std::string_view bytes : {"\x0a", "\x0a\x7f", "\x0a\x02\x0a\x05", "hello"}) {
    CHECK_FALSE(parse_pod_devices(bytes).ok());
  }
}

TEST_CASE("pod resources: one call, its answer, its refusal") {
  const test::TempDir root;
  const std::string path = root.file("kubelet.sock");
  std::string big(3U << 20, 'x');
  const auto server = GrpcServer::start(path, [&](std::string_view method, std::string_view data) {
    if (method == "/a.B/Big") return GrpcReply{GrpcCode::ok, {}, big};
    if (method != "/a.B/C") return GrpcReply{GrpcCode::unimplemented, "no such method", {}};
    return GrpcReply{GrpcCode::ok, {}, concat("said ", data)};
  });
  REQUIRE(server.ok());
  const auto answer = grpc_call(path, "/a.B/C", "hello");
  REQUIRE(answer.ok());
  CHECK(*answer == "said hello");
  const auto large = grpc_call(path, "/a.B/Big", "");
  REQUIRE(large.ok());
  CHECK(*large == big);
  big.resize(5U << 20, 'x');
  const auto huge = grpc_call(path, "/a.B/Big", "");
  REQUIRE_FALSE(huge.ok());
  CHECK(huge.error().message == path + ": the answer has more than 4194304 bytes");
  const auto refused = grpc_call(path, "/a.B/D", "");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unavailable);
  CHECK(refused.error().message == path + ": refused with code \"12\": \"no such method\"");
}

TEST_CASE("pod resources: a kubelet that is not there, is gone, or says nothing") {
  const test::TempDir root;
  std::filesystem::create_directory(root.file("run"));
  CollectorSettings settings = pod_resources_defaults();
  settings.socket = "/run/kubelet.sock";
  settings.deadline = std::chrono::milliseconds(200);
  const Host host(root.path().string());
  const auto collector = make_pod_resources(host, settings);
  Batch out;
  const Status absent = collector->collect(out);
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().code == ErrorCode::no_data);
  CHECK(absent.error().message.find("No such file or directory") != std::string::npos);
  if (geteuid() != 0) {
    std::filesystem::permissions(root.file("run"), std::filesystem::perms::none);
    const Status hidden = collector->collect(out);
    std::filesystem::permissions(root.file("run"), std::filesystem::perms::owner_all);
    REQUIRE_FALSE(hidden.ok());
    CHECK(hidden.error().code == ErrorCode::no_data);
    CHECK(hidden.error().message.find("only root may ask") != std::string::npos);
  }
  {
    const UniqueFd silent = silent_listener(root.file("run/kubelet.sock"));
    const Status status = collector->collect(out);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::timeout);
  }
  const Status stale = collector->collect(out);  // the file is there, nobody listens
  REQUIRE_FALSE(stale.ok());
  CHECK(stale.error().code == ErrorCode::no_data);
  // Started anew.
  std::string list = pod("camera", "nvidia.com/gpu", {"tegra"});
  const auto server = GrpcServer::start(root.file("run/kubelet.sock"),
                                        [&](std::string_view method, std::string_view) {
                                          CHECK(method == "/v1.PodResourcesLister/List");
                                          return GrpcReply{GrpcCode::ok, {}, list};
                                        });
  REQUIRE(server.ok());
  REQUIRE(collector->collect(out).ok());
  REQUIRE(out.size() == 1);
  CHECK(format_series(out.samples()[0].series) ==
        R"(kube_pod_container_device_info{container="main",device="tegra",namespace="lab",)"
        R"(pod="camera",resource="nvidia.com/gpu"})");
  list = "\x0a\x7f";
  const Status broken = collector->collect(out);
  REQUIRE_FALSE(broken.ok());
  CHECK(broken.error().code == ErrorCode::invalid);
}

TEST_CASE("pod resources: what is no HTTP/2, and a server that never ends") {
  GrpcCall plain("/a.B/C", "", 100);
  std::string out;
  (void)plain.receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  plain.take_output(out, 1000);
  CHECK(plain.finished());
  CHECK_FALSE(plain.take().ok());
  GrpcCall talked_at("/a.B/C", "", 100);
  const std::string settings("\0\0\0\x04\0\0\0\0\0", 9);
  Status status = talked_at.receive(settings);
  for (int i = 0; i < 100'000 && status; ++i) {
    status = talked_at.receive(std::string("\0\0\0\x4f\0\0\0\0\0", 9));  // a frame of no known type
    talked_at.take_output(out, 1000);
  }
  REQUIRE_FALSE(status.ok());
  CHECK_FALSE(talked_at.take().ok());
}

}  // namespace
}  // namespace godwit
