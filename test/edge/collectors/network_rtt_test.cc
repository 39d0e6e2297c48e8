#include "edge/collectors/network_rtt.h"

#include <map>

#include <catch2/catch.hpp>

#include "test/fakes/raw_server.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::RawServer;

std::map<std::string, double> collect(const CollectorSettings& settings, int times = 1) {
  const Host host;
  const auto collector = make_network_rtt(host, settings);
  Batch out;
  for (int i = 0; i < times; ++i) {
    out.clear();
    REQUIRE(collector->collect(out).ok());
  }
  std::map<std::string, double> values;
  for (const auto& sample : out.samples()) values[format_series(sample.series)] = sample.value;
  return values;
}

std::string port_of(const RawServer& server) {
  const std::string url = server.url("");
  return url.substr(url.rfind(':') + 1);
}

TEST_CASE("network_rtt: targets that answer have a time, others a loss") {
  const RawServer server([](int, const std::string&) {});
  CollectorSettings settings = network_rtt_defaults();
  settings.targets = {"broker", concat("up=localhost:", port_of(server)),
                      concat("down=127.0.0.1:", test::free_port())};
  settings.broker = concat("127.0.0.1:", port_of(server));
  const auto values = collect(settings, 2);
  CHECK(values.at("godwit_network_loss_ratio{target=\"broker\"}") == 0);
  CHECK(values.at("godwit_network_loss_ratio{target=\"up\"}") == 0);
  CHECK(values.at("godwit_network_loss_ratio{target=\"down\"}") == 1);
  CHECK(values.at("godwit_network_rtt_seconds{target=\"broker\"}") > 0);
  CHECK(values.at("godwit_network_rtt_seconds{target=\"up\"}") < 6);
  CHECK(values.count("godwit_network_rtt_seconds{target=\"down\"}") == 0);
}

TEST_CASE("network_rtt: a target that never answers costs the deadline and no more") {
  // The backlog of a listener that nobody accepts from fills up: further connects wait.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(listen(listener, 0) == 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    static_cast<void>(connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), length));
  }
  CollectorSettings settings = network_rtt_defaults();
  settings.deadline = std::chrono::milliseconds(600);
  settings.targets = {concat("127.0.0.1:", ntohs(address.sin_port))};
  const std::int64_t begun_ms = steady_ms();
  const auto values = collect(settings);
  CHECK(steady_ms() - begun_ms >= 400);
  CHECK(values.begin()->second == 1);
  CHECK(values.size() == 1);
  for (const int fd : fillers) close(fd);
  close(listener);
}

TEST_CASE("network_rtt: targets are checked, and there may be none") {
  CHECK(parse_rtt_target("cloud=[2001:db8::1]:8883")->host == "2001:db8::1");
  CHECK(parse_rtt_target("a.example:443")->name == "a.example:443");
  for (const std::string_view text : {"", "host", "host:", ":80", "host:0", "host:70000", "=h:1"}) {
    INFO(text);
    CHECK_FALSE(parse_rtt_target(text).ok());
  }
  CollectorSettings settings = network_rtt_defaults();
  CHECK(check_network_rtt(settings).ok());
  const Host host;
  Batch out;
  const Status none = make_network_rtt(host, settings)->collect(out);  // no broker
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::no_data);
  settings.targets = {"a:1", "a=b:2", "a=c:3"};
  CHECK_FALSE(check_network_rtt(settings).ok());
  settings.targets.assign(17, "a:1");
  CHECK_FALSE(check_network_rtt(settings).ok());
}

}  // namespace
}  // namespace godwit
