// KubernetesClient: requests to a Kubernetes API server with JSON in and out. Blocks; one thread.
// Used by whoever keeps objects there: kubeedge_rules.h, node_patcher.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cloud/http_client.h"
#include "transport/settings.h"

namespace godwit {

struct KubernetesSettings {
  std::string url;  // "https://10.96.0.1:443"; empty: there is no cluster
  std::string token_file;
  std::string ca_file;
  // Of a kubeconfig alone.
  std::string token{};
  std::string cert_file{}, key_file{};
  std::string ca_pem{}, cert_pem{}, key_pem{};
  bool insecure = false;
};

std::vector<Setting> kubernetes_settings_table();
// In a pod the variables that Kubernetes sets say where the API server is.
Result<KubernetesSettings> finalise_kubernetes(const Settings& settings);

HttpClientOptions kubernetes_http_options(const KubernetesSettings& settings);

class KubernetesClient {
 public:
  KubernetesClient(std::string url, HttpCall call) : url_(std::move(url)), call_(std::move(call)) {}

  // All errors carry what the server said. no_data: 404. rejected: 409, or the request is wrong.
  // permission: 401, 403. unavailable: 429, 5xx, no answer; worth another try.
  Result<nlohmann::json> get(std::string_view path);
  // The items of a list, page by page, at most `max`; each has a metadata.name.
  Result<std::vector<nlohmann::json>> list(std::string_view path, std::string_view label_selector,
                                           std::size_t max);
  Status create(std::string_view path, const nlohmann::json& object);
  // The object as it is now. `patch_type`: "strategic-merge-patch", "merge-patch".
  Result<nlohmann::json> patch(std::string_view path, std::string_view patch_type,
                               const nlohmann::json& change);
  Status remove(std::string_view path);

  // Of the last request: HTTP status, 0 for no answer at all.
  [[nodiscard]] int last_status() const { return status_; }
  // How long the server wanted to be left alone in its last answer; 0: it did not say.
  [[nodiscard]] std::int64_t retry_after_ms() const { return retry_after_ms_; }

 private:
  Result<nlohmann::json> request(std::string_view method, std::string_view path,
                                 std::string_view content_type, const std::string& body);

  std::string url_;
  HttpCall call_;
  int status_ = 0;
  std::int64_t retry_after_ms_ = 0;
};

}  // namespace godwit
