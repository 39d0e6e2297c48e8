// fleet_bench [NODES [FRAMES [SAMPLES_PER_SECOND]]]: a region comes back after an outage. All nodes
// drain their backlog through one relay into a database that takes so many samples a second. Nodes
// behave as agents do: one frame in flight, sent again after five seconds, or when they are told
// to. The relay, its queue and its threads are real; link and database are within the process. Ends
// with 1 when a frame is missing, came twice, or was written out of order.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <queue>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cloud/relay.h"
#include "test/fakes/loopback_link.h"
#include "test/support/remote_write_decoder.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

using namespace godwit;

namespace {

constexpr std::size_t width = 50;
constexpr std::size_t ticks = 40;
constexpr std::size_t samples_per_frame = width * ticks;
constexpr std::int64_t start_ms = 1'795'000'000'000;
constexpr std::int64_t resend_ms = 5000;

// Takes `rate` samples a second over all connections, and keeps the newest time of each node.
class SlowDatabase {
 public:
  explicit SlowDatabase(double rate) : rate_(rate) {}

  HttpPost post() {
    return [this](const HttpPostRequest& request) -> Result<HttpReply> {
      std::size_t samples = 0;
      {
        const std::lock_guard lock(mutex_);
        for (const auto& series : test::decode_compressed(request.body)) {
          samples += series.samples.size();
          if (series.label("__name__") != "m0") continue;
          auto& newest_ms = newest_ms_[series.label("instance")];
          if (series.samples.front().first <= newest_ms) ++out_of_order_;
          newest_ms = series.samples.back().first;
        }
        samples_ += samples;
        const double begin_ms = std::max(free_at_ms_.load(), static_cast<double>(steady_ms()));
        free_at_ms_ = begin_ms + 1000 * static_cast<double>(samples) / rate_;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(
          std::max<std::int64_t>(0, static_cast<std::int64_t>(free_at_ms_) - steady_ms())));
      return HttpReply{204};
    };
  }
  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] std::size_t out_of_order() const { return out_of_order_; }

 private:
  const double rate_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> newest_ms_;  // guarded by mutex_
  std::atomic<double> free_at_ms_ = 0;
  std::atomic<std::size_t> samples_ = 0;
  std::atomic<std::size_t> out_of_order_ = 0;
};

struct Node {
  std::string name;
  std::size_t frame = 0;  // in flight
  std::uint64_t turn = 0;
  std::int64_t first_ms = 0;  // since the begin, as the next
  std::int64_t last_ms = 0;
};

class Region {
 public:
  Region(test::LoopbackBroker& broker, std::size_t nodes, std::size_t frames)
      : link_(broker.make_link({.client_id = "fleet", .max_in_flight = SIZE_MAX})) {
    std::vector<Series> series;
    for (std::size_t i = 0; i < width; ++i) {
      series.push_back({concat("m", i), {}, Kind::gauge});
    }
    schema_ = encode_schema(std::nullopt, series);
    for (std::size_t f = 0; f < frames; ++f) payloads_.push_back(make_payload(f));
    for (std::size_t n = 0; n < nodes; ++n) {
      nodes_.push_back({concat("node-", n)});
      by_name_[nodes_.back().name] = n;
    }
    static_cast<void>(link_->subscribe(concat(topics::root, "+/down"), Qos::at_least_once));
    static_cast<void>(link_->start([this](LinkEvent&& event) { on_event(event); }));
  }

  void run() {
    begin_ms_ = steady_ms();
    const SchemaId id = schema_id_of(schema_);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      static_cast<void>(
          link_->publish(topics::schema(nodes_[n].name, id), schema_, Qos::at_least_once, true));
      plan(n, static_cast<std::int64_t>(random_() % 2000));  // full jitter of the reconnect
    }
    while (done_ < nodes_.size() && steady_ms() - begin_ms_ < 600'000) {
      take_acks();
      while (!due_.empty() && due_.top().at_ms <= steady_ms()) {
        const Due due = due_.top();
        due_.pop();
        if (nodes_[due.node].turn == due.turn) send(due.node);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    link_->stop(0);
  }

  void report(const SlowDatabase& database, double rate) const {
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> last;
    for (const auto& node : nodes_) {
      first.push_back(node.first_ms);
      last.push_back(node.last_ms);
    }
    std::sort(first.begin(), first.end());
    std::sort(last.begin(), last.end());
    const std::size_t frames = nodes_.size() * payloads_.size();
    const double ideal = static_cast<double>(frames * samples_per_frame) / rate;
    const auto seconds = [](std::int64_t ms) { return static_cast<double>(ms) / 1000; };
    std::printf("%zu nodes, %zu frames of %zu samples each, a database of %.1f M samples/s\n",
                nodes_.size(), payloads_.size(), samples_per_frame, rate / 1e6);
    std::printf("all stored after %.1f s (the database alone needs %.1f s)\n", seconds(last.back()),
                ideal);
    std::printf("first frame of a node stored: half of the nodes %.1f s, the last %.1f s\n",
                seconds(first[first.size() / 2]), seconds(first.back()));
    std::printf(
        "frames sent per frame stored: %.2f (%llu put off, %llu without an answer in time)\n",
        static_cast<double>(sent_) / static_cast<double>(frames),
        static_cast<unsigned long long>(put_off_),
        static_cast<unsigned long long>(sent_ - put_off_ - frames));
    std::printf("samples stored %zu of %zu, frames out of order or twice: %zu\n",
                database.samples(), frames * samples_per_frame, database.out_of_order());
  }
  [[nodiscard]] std::size_t expected_samples() const {
    return nodes_.size() * payloads_.size() * samples_per_frame;
  }

 private:
  struct Due {
    std::int64_t at_ms = 0;
    std::size_t node = 0;
    std::uint64_t turn = 0;
    bool operator<(const Due& other) const { return at_ms > other.at_ms; }
  };

  std::string make_payload(std::size_t number) const {
    Frame frame;
    frame.stream = 7;
    frame.schema = schema_id_of(schema_);
    frame.history = true;
    frame.columns.resize(width);
    for (std::size_t t = number * ticks; t < (number + 1) * ticks; ++t) {
      frame.seqs.push_back(t + 1);
      frame.times_ms.push_back(start_ms + static_cast<std::int64_t>(t) * 1000);
      for (std::size_t c = 0; c < width; ++c) {
        frame.columns[c].push_back(static_cast<double>((t * 31 + c * 7) % 1000) / 10);
      }
    }
    return encode_frame(frame);
  }

  void on_event(const LinkEvent& event) {
    if (event.type != LinkEvent::Type::message) return;
    const std::lock_guard lock(mutex_);
    inbox_.push_back(event.message);
  }

  void plan(std::size_t node, std::int64_t in_ms) {
    due_.push({steady_ms() + in_ms, node, ++nodes_[node].turn});
  }

  void send(std::size_t node) {
    ++sent_;
    static_cast<void>(link_->publish(topics::up(nodes_[node].name), payloads_[nodes_[node].frame],
                                     Qos::at_least_once, false));
    plan(node, resend_ms + static_cast<std::int64_t>(random_() % resend_ms));
  }

  void take_acks() {
    std::vector<Message> taken;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(inbox_);
    }
    for (const auto& message : taken) {
      const auto topic = parse_topic(message.topic);
      const auto ack = decode_ack(message.payload);
      if (!topic || !ack) continue;
      const std::size_t n = by_name_.at(std::string(topic->node));
      Node& node = nodes_[n];
      if (node.frame == payloads_.size() || ack->seq != (node.frame + 1) * ticks) continue;
      if (ack->verdict == Verdict::retry_after) {
        ++put_off_;
        plan(n, ack->retry_after_ms);
      } else if (ack->verdict == Verdict::stored) {
        if (node.frame == 0) node.first_ms = steady_ms() - begin_ms_;
        node.last_ms = steady_ms() - begin_ms_;
        if (++node.frame == payloads_.size()) {
          ++done_;
          ++node.turn;  // nothing is due any more
        } else {
          plan(n, 0);
        }
      }
    }
  }

  std::unique_ptr<Link> link_;
  std::string schema_;
  std::vector<std::string> payloads_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::priority_queue<Due> due_;
  std::mt19937 random_{1};
  std::int64_t begin_ms_ = 0;
  std::size_t done_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t put_off_ = 0;
  std::mutex mutex_;
  std::vector<Message> inbox_;  // guarded by mutex_
};

std::string peak_memory() {
  const std::string status = test::read_file("/proc/self/status");
  for (const auto line : split_lines(status)) {
    if (line.starts_with("VmHWM:")) return std::string(trim(line.substr(6)));
  }
  return "?";
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, double fallback) {
    return argc > i ? std::strtod(argv[i], nullptr) : fallback;
  };
  const auto nodes = static_cast<std::size_t>(argument(1, 10'000));
  const auto frames = static_cast<std::size_t>(argument(2, 4));
  const double rate = argument(3, 1e6);
  log::start(log::Level::error, log::Format::text);

  test::LoopbackBroker broker;
  SlowDatabase database(rate);
  RelaySettings settings;
  settings.name = "relay";
  settings.share_group = "relay";
  settings.target = {"godwit", {}};
  const auto link = broker.make_link({.client_id = "relay"});
  std::atomic<bool> cancel = false;
  std::atomic<bool> stopping = false;
  Relay relay(settings, *link, {database.post(), database.post(), database.post(), database.post()},
              HttpGet(), cancel, [] {
                return TimePoint{start_ms + 3'600'000, 0};
              });
  if (!relay.start()) return 1;
  std::thread owner([&] {
    while (!stopping) relay.step(20);
  });
  Region region(broker, nodes, frames);
  region.run();
  stopping = true;
  owner.join();
  relay.stop(1000);
  region.report(database, rate);
  std::printf("memory of relay, nodes and database together: %s at most\n", peak_memory().c_str());
  return database.samples() == region.expected_samples() && database.out_of_order() == 0 ? 0 : 1;
}
