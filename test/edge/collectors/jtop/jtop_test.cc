// The collector against test/peers/jtop_sim.py, which the real jtop clients cannot tell from the
// real service: all boards, dialects and faults, and what the session owes the service.
#include "edge/collectors/jtop/jtop.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/collectors/jtop/manager.h"
#include "edge/collectors/jtop/session.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

using namespace godwit;
using nlohmann::json;

namespace {

// The simulator with its socket, log and truth file in one folder.
class Service {
 public:
  explicit Service(const std::string& profile, std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {"python3",   test::test_path("peers/jtop_sim.py"),
                                     "--socket",  dir_.file("jtop.sock"),
                                     "--profile", profile,
                                     "--truth",   dir_.file("truth.jsonl")};
    argv.insert(argv.end(), more.begin(), more.end());
    process_ = std::make_unique<test::ChildProcess>(argv, dir_.file("log"));
    // It says so when it listens; the socket file is there a moment earlier.
    REQUIRE(test::eventually([&] { return log().find("handshake, on ") != std::string::npos; }));
  }
  std::string log() const { return process_->output(); }
  std::string socket() const { return dir_.file("jtop.sock"); }
  const std::filesystem::path& root() const { return dir_.path(); }
  test::ChildProcess& process() { return *process_; }

  // Every update that the service made, by number.
  std::vector<json> truth() const {
    std::vector<json> out;
    std::ifstream in(dir_.file("truth.jsonl"));
    for (std::string line; std::getline(in, line);) {
      if (auto update = json::parse(line, nullptr, false); !update.is_discarded()) {
        out.push_back(update["data"]);
      }
    }
    return out;
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<test::ChildProcess> process_;
};

std::unique_ptr<Collector> collector(const Service& service, int interval_ms = 1000) {
  CollectorSettings settings;
  settings.interval = std::chrono::milliseconds(interval_ms);
  settings.deadline = std::chrono::milliseconds(5000);
  settings.socket = "/jtop.sock";
  return make_jtop(Host(service.root().string()), settings);
}

std::map<std::string, double> collected(Collector& jtop) {
  Batch batch;
  const Status status = jtop.collect(batch);
  INFO((status ? "ok" : status.error().message));
  CHECK(status);
  std::map<std::string, double> out;
  for (const auto& sample : batch.samples()) {
    const std::string name = format_series(sample.series);
    INFO(name);
    CHECK(out.emplace(name, sample.value).second);  // no series twice
  }
  return out;
}

// Polls as the agent would, faster; true when one succeeds.
bool recovers(Collector& jtop, std::chrono::seconds limit = std::chrono::seconds(12)) {
  return test::eventually(
      [&] {
        Batch batch;
        const bool ok = jtop.collect(batch).ok();
        if (!ok) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return ok;
      },
      limit);
}

// First error of at most a few polls; an empty text when there was none.
Error first_error(Collector& jtop, int polls = 40) {
  for (int i = 0; i < polls; ++i) {
    Batch batch;
    if (const Status status = jtop.collect(batch); !status) return status.error();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return {ErrorCode::internal, ""};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

double value_of(const std::map<std::string, double>& series, const std::string& name) {
  INFO(name);
  REQUIRE(series.count(name) == 1);
  return series.at(name);
}

// What is on the queue after everybody has left: a fresh client looks.
std::int64_t left_on_queue(const Service& service) {
  const std::int64_t deadline = steady_ms() + 5000;
  auto first = JtopConnection::open(service.socket(), jtop_key, deadline, system_random());
  REQUIRE(first);
  auto made = jtop_call(*first, "", "create", pickle_tuple({pickle_text("get_queue")}), deadline);
  REQUIRE(made);
  const std::string queue(made->root().at(1).at(0).text());
  auto second = JtopConnection::open(service.socket(), jtop_key, deadline, system_random());
  REQUIRE(second);
  REQUIRE(jtop_call(*second, "", "accept_connection", pickle_tuple({pickle_text("t")}), deadline));
  std::int64_t most = 0;
  for (int i = 0; i < 20; ++i) {
    auto size = jtop_call(*second, queue, "qsize", pickle_tuple({}), deadline);
    REQUIRE(size);
    most = std::max(most, size->root().at(1).integer().value_or(0));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return most;
}

// The truth with this uptime, or (older services have none) the last one.
json truth_like(const Service& service, double temperature, const std::string& sensor) {
  for (const auto& data : service.truth()) {
    const auto& found = data["temperature"][sensor];
    const double t = found.is_object() ? found["temp"].get<double>() : found.get<double>();
    if (t == temperature) return data;
  }
  return {};
}

}  // namespace

TEST_CASE("jtop: every board in its own dialect gives what the service collected") {
  struct Board {
    const char *profile, *gpu, *sensor;
    std::size_t cores;
  };
  const auto board =
      GENERATE(Board{"xavier-nx-4.2.7", "gv11b", "CPU", 6}, Board{"orin-nx-4.3", "gpu", "tj", 8},
               Board{"orin-nx-7.2", "gpu", "tj", 8}, Board{"thor-7.2", "Thor", "tj", 14},
               Board{"nano-4.2.7", "gpu", "CPU", 4}, Board{"xavier-nx-4.1.5", "gpu", "CPU", 6},
               Board{"nano-3.1.4", "gpu", "CPU", 4});
  INFO(board.profile);
  Service service(board.profile);
  auto jtop = collector(service);
  const auto series = collected(*jtop);
  const double temperature = value_of(series, concat("hw_temperature_celsius{hw_id=\"",
                                                     board.sensor, "\",hw_type=\"temperature\"}"));
  json truth;
  REQUIRE(test::eventually([&] {
    truth = truth_like(service, temperature, board.sensor);
    return !truth.is_null();
  }));
  const std::string gpu = concat("{hw_id=\"", board.gpu, "\",hw_type=\"gpu\"}");
  const bool modern = truth.contains("mem");
  json g = truth["gpu"];
  if (modern) g = g[board.gpu];
  if (!modern && g.contains("1")) g = g["1"];
  const double load = modern ? g["status"]["load"].get<double>() : g["val"].get<double>();
  const double kilohertz = modern ? g["freq"]["cur"].get<double>() : g["frq"].get<double>();
  CHECK(value_of(series, "hw_gpu_utilization_ratio" + gpu) == Approx(load / 100));
  CHECK(value_of(series, "godwit_clock_hertz" + gpu) == Approx(kilohertz * 1000));
  const double emc =
      modern ? truth["mem"]["EMC"]["val"].get<double>() : truth["emc"]["val"].get<double>();
  CHECK(value_of(series,
                 R"(godwit_memory_controller_utilization_ratio{hw_id="emc",hw_type="memory"})") ==
        Approx(emc / 100));
  const auto online = std::count_if(series.begin(), series.end(), [](const auto& s) {
    return s.first.starts_with("godwit_cpu_online");
  });
  CHECK(online == static_cast<std::ptrdiff_t>(board.cores));
  double watts = 0;
  if (modern) {
    watts = truth["power"]["tot"]["power"].get<double>() / 1000;
  } else {
    const json& rails = truth["power"]["power"];
    watts =
        (rails.contains("IN") ? rails["IN"] : truth["power"]["all"])["cur"].get<double>() / 1000;
  }
  CHECK(value_of(series, "hw_host_power_watts") == Approx(watts));
  CHECK(value_of(series, "godwit_jtop_interval_seconds") == 1);
  CHECK(value_of(series, "godwit_jtop_sample_age_seconds") < 2);
  for (const auto& [name, value] : series)
    CHECK(name.find("14210") == std::string::npos);  // serial
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
}

TEST_CASE("jtop: every dialect of the wire") {
  const auto python = GENERATE(as<std::string>(), "3.6", "3.8", "3.10", "3.12", "3.13", "3.14");
  INFO(python);
  Service service("orin-nx-4.3", {"--python", python});
  auto jtop = collector(service);
  CHECK(collected(*jtop).size() > 100);
}

TEST_CASE("jtop: a host that forbids MD5, and the key of Python 2") {
  Service fips("orin-nx-7.2", {"--fips"});
  CHECK(collected(*collector(fips)).size() > 100);
  Service old("nano-3.1.4", {"--authkey", "UmFmZmFlbGxvIEJvbmdoaQ=="});
  CHECK(collected(*collector(old)).size() > 40);
}

TEST_CASE("jtop: faults that only hinder") {
  const auto fault =
      GENERATE(as<std::string>(), "slow:20", "trickle", "longform", "steal", "holes");
  INFO(fault);
  Service service("xavier-nx-4.2.7", {"--fault", fault});
  auto jtop = collector(service);
  CHECK(recovers(*jtop));
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    collected(*jtop);
  }
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
  // A message handed back to a queue that still holds it brings a second answer: found and taken.
  if (fault != "steal") CHECK(service.log().find("ORPHAN") == std::string::npos);
}

TEST_CASE("jtop: faults before there is data are told, in time, and nothing is published") {
  struct Fault {
    const char* name;
    ErrorCode code;
  };
  const auto fault =
      GENERATE(Fault{"wrong-key", ErrorCode::rejected}, Fault{"bad-proof", ErrorCode::rejected},
               Fault{"close-on-accept", ErrorCode::unavailable},
               Fault{"stall-auth", ErrorCode::timeout}, Fault{"empty", ErrorCode::unavailable});
  INFO(fault.name);
  Service service("xavier-nx-4.2.7", {"--fault", fault.name});
  auto jtop = collector(service);
  Batch batch;
  const std::int64_t start = steady_ms();
  const Status status = jtop->collect(batch);
  REQUIRE_FALSE(status);
  INFO(status.error().message);
  CHECK(status.error().code == fault.code);
  CHECK(batch.empty());
  CHECK(steady_ms() - start < 9000);
  jtop.reset();
  if (std::string_view(fault.name) == "empty") CHECK(left_on_queue(service) == 0);
}

TEST_CASE("jtop: faults in mid-stream end the connection, not the collector") {
  struct Fault {
    const char* name;
    ErrorCode code;
  };
  const auto fault = GENERATE(
      Fault{"close-mid-frame:2", ErrorCode::unavailable}, Fault{"stall:2", ErrorCode::timeout},
      Fault{"oversize:2", ErrorCode::invalid}, Fault{"negative:2", ErrorCode::invalid},
      Fault{"garbage:2", ErrorCode::invalid}, Fault{"truncated-pickle:2", ErrorCode::invalid},
      Fault{"nest:2", ErrorCode::invalid}, Fault{"memo:2", ErrorCode::invalid},
      Fault{"error:2", ErrorCode::rejected}, Fault{"traceback:2", ErrorCode::rejected});
  INFO(fault.name);
  Service service("xavier-nx-4.2.7", {"--fault", fault.name});
  auto jtop = collector(service);
  const Error error = first_error(*jtop);
  INFO(error.message);
  CHECK(error.code == fault.code);
  Batch batch;  // the next poll repeats the error at once: no storm of connections
  const std::int64_t start = steady_ms();
  CHECK_FALSE(jtop->collect(batch));
  CHECK(steady_ms() - start < 500);
  CHECK(batch.empty());
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
  CHECK(service.log().find("ORPHAN") == std::string::npos);
}

TEST_CASE("jtop: a reply that would run code is only a value without data") {
  Service service("xavier-nx-4.2.7", {"--fault", "evil:1"});
  auto jtop = collector(service);
  CHECK(first_error(*jtop, 90).code == ErrorCode::unavailable);
}

TEST_CASE("jtop: frozen data is asked for once more, then reported, and never published as fresh") {
  Service service("xavier-nx-4.2.7", {"--fault", "frozen:3"});
  auto jtop = collector(service);
  Error error;
  CHECK(test::eventually(
      [&] {
        Batch batch;
        const Status status = jtop->collect(batch);
        if (!status) {
          error = status.error();
          for (const auto& sample : batch.samples()) {
            CHECK_THAT(sample.series.name, Catch::StartsWith("godwit_jtop_"));
          }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        return error.message.find("frozen") != std::string::npos;
      },
      std::chrono::seconds(30)));
  INFO(error.message);
  CHECK_THAT(error.message, Catch::Contains("systemctl restart jtop"));
  // Left alone, the service goes idle: nobody asks any more, and the watching does not keep it up.
  CHECK(test::eventually(
      [&] {
        Batch batch;
        CHECK_FALSE(jtop->collect(batch));
        return service.log().find("timer stopped") != std::string::npos;
      },
      std::chrono::seconds(10)));
  CHECK(count(service.log(), "timer started") == 1);
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
}

TEST_CASE("jtop: the service restarts") {
  Service service("orin-nx-7.2", {"--fault", "restart:1.5"});
  auto jtop = collector(service);
  CHECK(recovers(*jtop));
  CHECK(first_error(*jtop, 200).message != "");
  CHECK(recovers(*jtop));
  CHECK(count(service.log(), "timer started") == 2);
  CHECK(service.log().find("ORPHAN") == std::string::npos);
}

TEST_CASE("jtop: no service, then one, then none") {
  test::TempDir dir;
  CollectorSettings settings;
  settings.socket = "/jtop.sock";
  auto jtop = make_jtop(Host(dir.path().string()), settings);
  Batch batch;
  Status status = jtop->collect(batch);
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::no_data);
  CHECK_THAT(status.error().message, Catch::Contains("/jtop.sock") && Catch::Contains("tegra"));
  {
    test::ChildProcess sim(
        {"python3", test::test_path("peers/jtop_sim.py"), "--socket", dir.file("jtop.sock")},
        dir.file("log"));
    CHECK(recovers(*jtop));
    sim.terminate();
  }
  CHECK(test::eventually([&] {
    Batch more;
    const Status gone = jtop->collect(more);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return !gone && gone.error().code == ErrorCode::no_data;
  }));
}

TEST_CASE("jtop: a long interval keeps the service collecting") {
  Service service("xavier-nx-4.2.7");
  auto jtop = collector(service, 60'000);
  collected(*jtop);
  std::this_thread::sleep_for(std::chrono::milliseconds(5500));
  CHECK(service.log().find("timer stopped") == std::string::npos);
  const auto series = collected(*jtop);
  CHECK(value_of(series, "godwit_jtop_interval_seconds") == 2);
  CHECK(value_of(series, "godwit_jtop_sample_age_seconds") < 2.5);
  CHECK(series.count(R"(godwit_cpu_utilization_ratio{cpu="0"})") == 1);
}

TEST_CASE("jtop: after a pause the service is asked again, once, and old data is not published") {
  Service service("xavier-nx-4.2.7");
  auto jtop = collector(service);
  collected(*jtop);
  REQUIRE(
      test::eventually([&] { return service.log().find("timer stopped") != std::string::npos; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  const auto series = collected(*jtop);
  CHECK(value_of(series, "godwit_jtop_sample_age_seconds") < 1.5);
  CHECK(count(service.log(), "timer started") == 2);
  CHECK(left_on_queue(service) == 0);
}

TEST_CASE("jtop: a client that is killed at any moment leaves the service healthy") {
  Service service("xavier-nx-4.2.7");
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      CollectorSettings settings;
      settings.socket = "/jtop.sock";
      auto jtop = make_jtop(Host(service.root().string()), settings);
      for (;;) {
        Batch batch;
        (void)jtop->collect(batch).ok();
        usleep(10'000);
      }
    }
    // The exchange itself takes under a millisecond; kills land before and after it.
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + 17 * round));
    kill(child, SIGKILL);
    int ignored = 0;
    waitpid(child, &ignored, 0);
  }
  auto jtop = collector(service);
  CHECK(recovers(*jtop));
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
}

TEST_CASE("jtop: an answer that another client left behind is taken off the queue") {
  Service service("xavier-nx-4.2.7");
  test::ChildProcess careless(
      {"python3", test::test_path("peers/jtop_careless.py"), service.socket()},
      service.root() / "careless.log");
  REQUIRE(careless.wait() == 0);
  REQUIRE(left_on_queue(service) > 0);
  auto jtop = collector(service);
  CHECK(collected(*jtop).size() > 100);
  jtop.reset();
  CHECK(left_on_queue(service) == 0);
}
