#include "test/support/prometheus.h"

#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

namespace godwit::test {
namespace {

std::size_t append(const char* data, std::size_t, std::size_t size, void* out) {
  static_cast<std::string*>(out)->append(data, size);
  return size;
}

std::string escape(const std::string& text) {
  char* escaped = curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  std::string result = escaped;
  curl_free(escaped);
  return result;
}

}  // namespace

Database::Database(Kind kind, std::string out_of_order_window, const Certificates* certificates)
    : kind_(kind), certificates_(certificates), port_(free_port()) {
  std::string config = "scrape_configs: []\n";
  if (!out_of_order_window.empty()) {
    config += "storage: {tsdb: {out_of_order_time_window: " + out_of_order_window + "}}\n";
  }
  write_file(folder_.file("prometheus.yml"), config);
  if (certificates_ != nullptr) {
    write_file(folder_.file("web.yml"),
               "tls_server_config:\n  cert_file: " + certificates_->server_cert() +
                   "\n  key_file: " + certificates_->server_key() +
                   "\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: " +
                   certificates_->ca() + "\n");
  }
  start();
}

void Database::start() {
  const std::string address = "127.0.0.1:" + std::to_string(port_);
  std::vector<std::string> argv;
  if (kind_ == Kind::prometheus) {
    argv = {"prometheus",
            "--config.file=" + folder_.file("prometheus.yml"),
            "--storage.tsdb.path=" + folder_.file("data"),
            "--web.listen-address=" + address,
            "--web.enable-remote-write-receiver",
            "--log.level=debug"};
    if (certificates_ != nullptr) {
      argv.push_back("--web.config.file=" + folder_.file("web.yml"));
    }
  } else {
    argv = {"victoria-metrics",
            "-httpListenAddr=" + address,
            "-storageDataPath=" + folder_.file("data"),
            "-search.latencyOffset=1ms",
            "-search.disableCache",
            "-retentionPeriod=100y"};
  }
  process_ = std::make_unique<ChildProcess>(argv, folder_.file("log"));
  const std::string ready = kind_ == Kind::prometheus ? "/-/ready" : "/health";
  const bool up = eventually([&] { return !process_->running() || !get(ready).empty(); },
                             std::chrono::seconds(30)) &&
                  process_->running();
  if (!up) throw std::runtime_error("the database does not start: " + log());
}

std::string Database::log() const { return read_file(folder_.file("log")); }

std::string Database::get(const std::string& path) const {
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  std::string body;
  curl_easy_setopt(handle.get(), CURLOPT_URL, (url() + path).c_str());
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, 20L);
  if (certificates_ != nullptr) {
    curl_easy_setopt(handle.get(), CURLOPT_CAINFO, certificates_->ca().c_str());
    curl_easy_setopt(handle.get(), CURLOPT_SSLCERT, certificates_->client_cert().c_str());
    curl_easy_setopt(handle.get(), CURLOPT_SSLKEY, certificates_->client_key().c_str());
  }
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&body));
  long status = 0;
  if (curl_easy_perform(handle.get()) != CURLE_OK) return "";
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  return status == 200 ? body : "";
}

std::vector<StoredSeries> Database::samples(const std::string& selector,
                                            std::int64_t end_ms) const {
  // Just written samples of VictoriaMetrics become visible after a second otherwise.
  if (kind_ == Kind::victoria_metrics) static_cast<void>(get("/internal/force_flush"));
  const std::string time =
      std::to_string(end_ms / 1000) + "." + std::to_string(end_ms % 1000 + 1000).substr(1);
  const std::string body =
      get("/api/v1/query?query=" + escape(selector + "[1h]") + "&time=" + time);
  if (body.empty()) return {};
  std::vector<StoredSeries> all;
  const auto answer = nlohmann::json::parse(body);
  for (const auto& result : answer.at("data").at("result")) {
    StoredSeries series;
    series.labels = result.at("metric").get<std::map<std::string, std::string>>();
    for (const auto& value : result.at("values")) {
      series.samples.emplace_back(std::llround(value.at(0).get<double>() * 1000),
                                  std::strtod(value.at(1).get<std::string>().c_str(), nullptr));
    }
    all.push_back(std::move(series));
  }
  return all;
}

std::size_t Database::count(const std::string& selector, std::int64_t end_ms) const {
  std::size_t count = 0;
  for (const auto& series : samples(selector, end_ms)) count += series.samples.size();
  return count;
}

}  // namespace godwit::test
