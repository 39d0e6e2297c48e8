// A real mosquitto on a free port of 127.0.0.1, for tests of everything that speaks MQTT.
#pragma once

#include <memory>
#include <string>

#include "test/support/support.h"

namespace godwit::test {

class Mosquitto {
 public:
  static constexpr const char* open_to_all = "allow_anonymous true\n";

  // Starts it and waits until it listens. `config` is added behind the listener line, so that TLS
  // and password lines apply to that listener.
  explicit Mosquitto(std::string config = open_to_all);

  [[nodiscard]] int port() const { return port_; }
  // mqtt://127.0.0.1:<port>
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::string log() const;

  // It forgets everything: persistence is off.
  void stop();
  // On the same port, with the same configuration.
  void start();
  void restart();
  // Alive for TCP, deaf for MQTT.
  void freeze() const;
  void thaw() const;

 private:
  TempDir folder_;
  std::string config_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace godwit::test
