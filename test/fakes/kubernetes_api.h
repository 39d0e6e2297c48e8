// KubernetesApi: as much of an API server as Godwit talks to, in memory: lists, objects, patches
// (strategic_merge.h) of Nodes and Events, the status subresource, resourceVersion and its
// conflicts. Strict about paths, content types, texts and times. Fails on demand.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cloud/http_client.h"

namespace godwit::test {

class KubernetesApi {
 public:
  // Collections that exist: "/api/v1/nodes", "/apis/…/rules". Others answer 404.
  void add_collection(const std::string& path) { collections_[path]; }
  void put(const std::string& path, nlohmann::json object);
  [[nodiscard]] std::map<std::string, nlohmann::json>& objects(const std::string& path) {
    return collections_.at(path);
  }

  [[nodiscard]] HttpCall call();
  HttpReply answer(const HttpCallRequest& request);

  // Asked before each request: a status other than 0 is the answer; -1 for none at all. May
  // change objects.
  std::function<int(const std::string& method, const std::string& path)> fault;
  std::string retry_after;  // of the answers that `fault` asks for
  std::size_t page_items = 500;
  std::size_t requests = 0;
  std::size_t patches = 0;  // that changed something

 private:
  HttpReply list(const std::string& path, const std::string& query);
  HttpReply create(const std::string& path, const HttpCallRequest& request);
  HttpReply patch(nlohmann::json& object, const HttpCallRequest& request, bool is_status);

  std::map<std::string, std::map<std::string, nlohmann::json>> collections_;
  std::uint64_t version_ = 0;
};

}  // namespace godwit::test
