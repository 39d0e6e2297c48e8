#include "test/support/mosquitto.h"

#include <stdexcept>

#include <signal.h>

namespace godwit::test {

Mosquitto::Mosquitto(std::string config) : config_(std::move(config)) {
  // Another program may take the free port before mosquitto does.
  for (int attempt = 0;; ++attempt) {
    port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == 3) throw;
    }
  }
}

std::string Mosquitto::url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }

std::string Mosquitto::log() const { return read_file(folder_.file("log")); }

void Mosquitto::stop() { process_.reset(); }

void Mosquitto::start() {
  write_file(folder_.file("mosquitto.conf"),
             "listener " + std::to_string(port_) +
                 " 127.0.0.1\npersistence false\nuser root\nset_tcp_nodelay true\n" + config_);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{"mosquitto", "-c", folder_.file("mosquitto.conf")},
      folder_.file("log"));
  const bool listening = eventually([this] { return !process_->running() || port_open(port_); }) &&
                         process_->running();
  if (!listening) throw std::runtime_error("mosquitto does not start: " + log());
}

void Mosquitto::restart() {
  stop();
  start();
}

void Mosquitto::freeze() const {
  if (process_) process_->send_signal(SIGSTOP);
}

void Mosquitto::thaw() const {
  if (process_) process_->send_signal(SIGCONT);
}

}  // namespace godwit::test
