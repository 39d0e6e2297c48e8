#include "test/transport/link_contract.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/support/certificates.h"
#include "test/support/mosquitto.h"
#include "test/support/tcp.h"
#include "transport/mqtt_link.h"
#include "transport/text.h"

using namespace godwit;
using namespace godwit::test;

namespace {

class LoopbackWorld final : public LinkWorld {
 public:
  std::unique_ptr<Link> make_link(const LinkSpec& spec) override { return broker_.make_link(spec); }
  void down() override { broker_.down(); }
  void up() override { broker_.up(); }
  void freeze() override { broker_.freeze(); }
  void thaw() override { broker_.thaw(); }
  void cut(const std::string& client_id) override { broker_.cut(client_id); }

 private:
  LoopbackBroker broker_;
};

// Each link goes through a proxy of its own, which can cut it.
class MqttWorld final : public LinkWorld {
 public:
  explicit MqttWorld(int version, const Certificates* certificates = nullptr)
      : version_(version), certificates_(certificates), broker_(config(certificates)) {}
  ~MqttWorld() override { broker_.thaw(); }

  std::unique_ptr<Link> make_link(const LinkSpec& spec) override {
    auto& proxy = proxies_[spec.client_id];
    proxy = std::make_unique<TcpProxy>(broker_.port());
    MqttOptions options;
    options.port = proxy->port();
    options.version = version_;
    options.client_id = spec.client_id;
    options.will = spec.will;
    options.max_in_flight = spec.max_in_flight;
    options.max_message_bytes = spec.max_message_bytes;
    options.reconnect.min_ms = 20;
    options.reconnect.max_ms = 200;
    if (certificates_ != nullptr) {
      options.tls.enabled = true;
      options.tls.ca_file = certificates_->ca();
      options.tls.cert_file = certificates_->client_cert();
      options.tls.key_file = certificates_->client_key();
    }
    return make_mqtt_link(options);
  }
  void down() override { broker_.stop(); }
  void up() override { broker_.start(); }
  void freeze() override { broker_.freeze(); }
  void thaw() override { broker_.thaw(); }
  void cut(const std::string& client_id) override { proxies_.at(client_id)->cut(); }

 private:
  static std::string config(const Certificates* certificates) {
    if (certificates == nullptr) return Mosquitto::open_to_all;
    return concat(Mosquitto::open_to_all, "cafile ", certificates->ca(), "\ncertfile ",
                  certificates->server_cert(), "\nkeyfile ", certificates->server_key(),
                  "\nrequire_certificate true\n");
  }

  int version_;
  const Certificates* certificates_;
  Mosquitto broker_;
  std::map<std::string, std::unique_ptr<TcpProxy>> proxies_;
};

}  // namespace

TEST_CASE("the loopback link keeps the contract") {
  check_link_contract([] { return std::make_unique<LoopbackWorld>(); });
}

TEST_CASE("the MQTT 5 link keeps the contract") {
  check_link_contract([] { return std::make_unique<MqttWorld>(5); });
}

TEST_CASE("the MQTT 3.1.1 link keeps the contract") {
  check_link_contract([] { return std::make_unique<MqttWorld>(4); });
}

TEST_CASE("the MQTT 5 link with mutual TLS keeps the contract") {
  static const Certificates certificates;
  check_link_contract([] { return std::make_unique<MqttWorld>(5, &certificates); });
}

TEST_CASE("the MQTT 3.1.1 link with mutual TLS keeps the contract") {
  static const Certificates certificates;
  check_link_contract([] { return std::make_unique<MqttWorld>(4, &certificates); });
}
