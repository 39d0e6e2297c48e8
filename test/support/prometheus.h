// Real databases on free ports of 127.0.0.1 with storage of their own: Prometheus with its
// remote-write receiver, or VictoriaMetrics.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/certificates.h"
#include "test/support/support.h"

namespace godwit::test {

struct StoredSeries {
  std::map<std::string, std::string> labels;
  std::vector<std::pair<std::int64_t, double>> samples;  // milliseconds, value
};

class Database {
 public:
  enum class Kind { prometheus, victoria_metrics };

  // `out_of_order_window`: of Prometheus, e.g. "10m"; empty for none. `certificates`: it speaks TLS
  // and wants a client's certificate (Prometheus only); they outlive it.
  explicit Database(Kind kind, std::string out_of_order_window = "",
                    const Certificates* certificates = nullptr);

  [[nodiscard]] std::string write_url() const { return url() + "/api/v1/write"; }
  // The raw samples of a selector in the hour before `end_ms`.
  [[nodiscard]] std::vector<StoredSeries> samples(const std::string& selector,
                                                  std::int64_t end_ms) const;
  // All samples of the selector, over its series.
  [[nodiscard]] std::size_t count(const std::string& selector, std::int64_t end_ms) const;
  [[nodiscard]] std::string log() const;

  void stop() { process_.reset(); }
  void start();

 private:
  [[nodiscard]] std::string url() const {
    return (certificates_ == nullptr ? "http://127.0.0.1:" : "https://localhost:") +
           std::to_string(port_);
  }
  // Body of a 200 answer, "" for anything else.
  [[nodiscard]] std::string get(const std::string& path) const;

  TempDir folder_;
  Kind kind_;
  const Certificates* certificates_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace godwit::test
