// KubernetesApi: as much of an API server as Godwit talks to, strict about paths and content types,
// in memory. Fails on demand.
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

  // Asked before each request: a status other than 0 is the answer; -1 for none at all.
  std::function<int(const std::string& method, const std::string& path)> fault;
  std::size_t page_items = 500;
  std::size_t requests = 0;

 private:
  HttpReply answer(const HttpCallRequest& request);
  HttpReply list(const std::string& path, const std::string& query);

  std::map<std::string, std::map<std::string, nlohmann::json>> collections_;
};

}  // namespace godwit::test
