// The stand-in of an API server as a program, for tests that run real programs:
//   kubernetes-api N NODE...
// has these Nodes, answers on N ports of 127.0.0.1, prints them on one line, and ends with its
// standard input. POST /fault?STATUS (0: none) makes it answer PATCH and POST so from then on.
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>

#include "test/fakes/http_receiver.h"
#include "test/fakes/kubernetes_api.h"
#include "transport/text.h"

using namespace godwit;
using namespace godwit::test;

namespace {

class Server {
 public:
  explicit Server(const std::vector<std::string>& nodes) {
    for (const char* path : {"/api/v1/nodes", "/api/v1/namespaces/default/events"}) {
      api_.add_collection(path);
    }
    for (const auto& node : nodes) {
      api_.put("/api/v1/nodes", {{"apiVersion", "v1"},
                                 {"kind", "Node"},
                                 {"metadata", {{"name", node}, {"annotations", {{"a", "b"}}}}},
                                 {"status", {{"conditions", nlohmann::json::array()}}}});
    }
    api_.fault = [this](const std::string& method, const std::string&) {
      return method == "GET" ? 0 : fault_.load();
    };
  }

  std::string serve(const HttpReceiver::Request& request) {
    if (request.path.starts_with("/fault?")) {
      fault_ = parse_int<int>(request.path.substr(7)).value_or(0);
      return http_answer(200);
    }
    HttpCallRequest call{request.method, "http://127.0.0.1" + request.path, {}, request.body};
    const auto type = request.headers.find("content-type");
    if (type != request.headers.end()) call.headers.push_back("Content-Type: " + type->second);
    const std::lock_guard lock(mutex_);
    const auto reply = api_.call()(call);
    return reply ? http_answer(reply->status, reply->body) : "";
  }

 private:
  std::mutex mutex_;
  KubernetesApi api_;
  std::atomic<int> fault_{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Server server(std::vector<std::string>(argv + 2, argv + argc));
  std::vector<std::unique_ptr<HttpReceiver>> ports;
  for (int i = 0; i < parse_int<int>(argv[1]).value_or(1); ++i) {
    ports.push_back(std::make_unique<HttpReceiver>(
        [&server](const HttpReceiver::Request& request) { return server.serve(request); }));
    std::printf("%d ", ports.back()->port());
  }
  std::printf("\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
