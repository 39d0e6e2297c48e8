#include "edge/collectors/jtop/jtop.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "edge/collectors/jetson_software.h"
#include "edge/collectors/jtop/session.h"
#include "transport/clock.h"
#include "transport/json_writer.h"

namespace godwit {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds keep_alive_period{1000};  // the service waits 3 s at least
constexpr milliseconds spare_time{300};          // between our own deadline and the agent's

class Jtop final : public Collector {
 public:
  Jtop(const Host& host, const CollectorSettings& settings)
      : host_(host), settings_(settings), session_(session_options(host, settings)) {
    if (settings.interval >= 2 * keep_alive_period) {
      keeper_ = std::thread([this] { keep_alive(); });
    }
  }

  ~Jtop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (keeper_.joinable()) keeper_.join();
  }

  Status collect(Batch& out) override {
    const std::int64_t deadline =
        steady_ms() + std::max(settings_.deadline - spare_time, milliseconds(500)).count();
    const std::lock_guard lock(mutex_);
    Status status = session_.poll(deadline);
    if (const JtopInit* service = session_.service(); service != nullptr && session_.sample_age()) {
      out.add_info("godwit_jtop_info", {{"version", service->version}});
      out.add("godwit_jtop_sample_age_seconds", *session_.sample_age());
      if (service->interval_s) out.add("godwit_jtop_interval_seconds", *service->interval_s);
    }
    if (status) {
      add_jetson_readings(session_.readings(), settings_.max_processes, out);
      add_jetson_energy(session_.readings(), energy_, host_.now().boot_ms, out);
    }
    return status;
  }

 private:
  static JtopSession::Options session_options(const Host& host, const CollectorSettings& settings) {
    JtopSession::Options options;
    options.cuda = installed_cuda(host);
    options.path = host.path(settings.socket.empty() ? "/run/jtop.sock" : settings.socket);
    // Everybody on the node gets the period that the first client asks for: a colleague's screen
    // should not crawl, and the service should not run hot.
    options.interval_s =
        std::chrono::duration<double>(
            std::clamp<milliseconds>(settings.interval, milliseconds(1000), milliseconds(2000)))
            .count();
    options.clock = [host] { return host.now(); };
    options.same_machine = host.is_real();
    options.random = system_random();
    return options;
  }

  // The keeper's thread. Exists only when collect() comes too rarely for the service.
  void keep_alive() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, keep_alive_period, [this] { return stopping_; })) {
      session_.keep_alive();
    }
  }

  const Host host_;
  const CollectorSettings settings_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  JtopSession session_;
  EnergyMeter energy_;
  std::thread keeper_;
};

}  // namespace

std::unique_ptr<Collector> make_jtop(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<Jtop>(host, settings);
}

Result<std::string> parse_jtop_file(std::string_view pickle_bytes) {
  auto pickle = Pickle::decode(std::string(pickle_bytes));
  if (!pickle) return pickle.error();
  PickleValue data = pickle->root();
  if (data.is(PickleType::tuple) && data.at(0).text().starts_with('#')) data = data.at(1);
  JetsonReadings readings = parse_jtop_data(data);
  if (const PickleValue init = data["init"]) readings.board = parse_jtop_init(init).board;
  Batch batch;
  add_jetson_readings(readings, CollectorSettings().max_processes, batch);

  JsonWriter json(2);
  json.begin_object();
  json.key("data");
  write_json(data, json);
  json.key("series");
  json.begin_object();
  for (const auto& sample : batch.samples()) {
    json.member(format_series(sample.series), sample.value);
  }
  json.end_object();
  json.end_object();
  return json.text();
}

}  // namespace godwit
