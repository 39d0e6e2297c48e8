#include "cloud/eventbus_gateway.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "transport/clock.h"
#include "transport/latest.h"
#include "transport/log.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::int64_t longest_sweep_interval_ms = 5000;
constexpr std::int64_t complaint_interval_ms = 10'000;
constexpr std::int64_t first_retry_ms = 500;
constexpr int max_tries = 4;
constexpr std::uint64_t window = 64;

HttpResponse reply(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text), true};
}

// What may come up in an envelope, as an MQTT topic.
std::optional<std::string> up_topic(const std::string& node, const std::string& rest) {
  std::string topic = concat(topics::root, node, "/", rest);
  const auto parsed = parse_topic(topic);
  if (!parsed) return std::nullopt;
  const bool up = parsed->kind == TopicKind::up || parsed->kind == TopicKind::status ||
                  parsed->kind == TopicKind::schema;
  return up ? std::optional(std::move(topic)) : std::nullopt;
}

}  // namespace

EventbusGateway::EventbusGateway(EventbusSettings settings, NodeKey key_of,
                                 std::vector<HttpCall> calls)
    : settings_(std::move(settings)), key_of_(std::move(key_of)), calls_(std::move(calls)) {}

void EventbusGateway::start(Link::Handler handler) {
  handler_ = std::move(handler);
  for (const auto& call : calls_) threads_.emplace_back([this, &call] { run(call); });
}

void EventbusGateway::stop(std::int64_t drain_ms) {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    idle_.wait_for(lock, std::chrono::milliseconds(threads_.empty() ? 0 : drain_ms),
                   [this] { return queue_.empty() && under_way_ == 0; });
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

HttpResponse EventbusGateway::post(const HttpRequest& request) {
  if (request.method != "POST") return reply(405, "POST envelopes here\n");
  auto envelope = open_envelope(trim(request.body), Envelope::Direction::up, key_of_);
  std::vector<Message> messages;
  {
    const std::lock_guard lock(mutex_);
    if (!envelope) {
      ++stats_.refused;
      complain("an envelope was refused", envelope.error().message);
      const bool forged = envelope.error().code == ErrorCode::permission;
      return reply(forged ? 403 : 400, concat(envelope.error().message, "\n"));
    }
    if (closed_ || !handler_) return reply(503, "stopping\n");
    if (!admit(*envelope)) return reply(200, "known\n");
    Node& node = nodes_.find(envelope->node)->second;
    for (auto& part : envelope->parts) {
      auto topic = up_topic(envelope->node, part.topic);
      if (!topic) continue;
      if (part.topic == "status") {
        const auto status = decode_status(part.payload);
        node.status = status && status->online ? part.payload : "";
        node.wants_state = !node.status.empty();
      }
      messages.push_back({std::move(*topic), std::move(part.payload), false});
    }
  }
  for (auto& message : messages) {
    handler_(LinkEvent{LinkEvent::Type::message, std::move(message), {}});
  }
  return reply(200, "taken\n");
}

// False for one that came before. A node that starts anew begins a new session.
bool EventbusGateway::admit(const Envelope& envelope) {
  auto found = nodes_.find(envelope.node);
  if (found == nodes_.end()) {
    if (nodes_.size() >= max_nodes) nodes_.erase(nodes_.begin());
    found = nodes_.emplace(envelope.node, Node{}).first;
  }
  Node& node = found->second;
  if (node.session != envelope.session || node.boot_id != envelope.boot_id) {
    node.boot_id = envelope.boot_id;
    node.session = envelope.session;
    node.highest_seq = 0;
    node.seen = 0;
    node.waiting.clear();
  }
  if (envelope.seq > node.highest_seq) {
    const std::uint64_t ahead = envelope.seq - node.highest_seq;
    node.seen = ahead < window ? node.seen << ahead : 0;
    node.seen |= 1;
    node.highest_seq = envelope.seq;
  } else {
    const std::uint64_t behind = node.highest_seq - envelope.seq;
    const std::uint64_t bit = behind < window ? std::uint64_t{1} << behind : 0;
    if (bit == 0 || (node.seen & bit) != 0) {
      ++stats_.repeated;
      return false;
    }
    node.seen |= bit;
  }
  node.heard_ms = steady_ms();
  ++stats_.envelopes;
  return true;
}

bool EventbusGateway::serves(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  return nodes_.find(node) != nodes_.end();
}

void EventbusGateway::forget(std::string_view node) {
  const std::lock_guard lock(mutex_);
  if (const auto found = nodes_.find(node); found != nodes_.end()) nodes_.erase(found);
}

bool EventbusGateway::answer(std::string_view name, std::string_view ack) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return false;
  found->second.waiting["down"] = ack;
  found->second.failures = 0;
  queue(found->first, found->second, 0);
  return true;
}

void EventbusGateway::tell_state(std::string_view state) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, node] : nodes_) {
    if (!std::exchange(node.wants_state, false)) continue;
    node.waiting["relay"] = state;
    queue(name, node, 0);
  }
}

EventbusStats EventbusGateway::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void EventbusGateway::queue(const std::string& name, Node& node, std::int64_t send_at_ms) {
  node.send_at_ms = send_at_ms;
  if (!std::exchange(node.queued, true)) queue_.push_back(name);
  changed_.notify_one();
}

// Takes the first node out of the queue whose time has come; end() for none.
EventbusGateway::Nodes::iterator EventbusGateway::next_due(std::int64_t now_ms) {
  for (std::size_t looked = queue_.size(); looked > 0; --looked) {
    const auto found = nodes_.find(queue_.front());
    const std::string name = std::move(queue_.front());
    queue_.pop_front();
    if (found == nodes_.end() || !found->second.queued) continue;
    if (found->second.send_at_ms <= now_ms) {
      found->second.queued = false;
      return found;
    }
    queue_.push_back(name);
  }
  return nodes_.end();
}

void EventbusGateway::send(std::unique_lock<std::mutex>& lock, Nodes::iterator at,
                           const HttpCall& call) {
  const std::string name = at->first;
  Node& node = at->second;
  Envelope envelope;
  envelope.direction = Envelope::Direction::down;
  envelope.node = name;
  envelope.boot_id = node.boot_id;
  envelope.session = node.session;
  envelope.seq = node.highest_seq;
  auto parts = std::exchange(node.waiting, {});
  if (parts.empty()) return;
  for (const auto& [topic, payload] : parts) envelope.parts.push_back({topic, payload});

  lock.unlock();
  const auto key = key_of_(name);
  bool taken = false;
  std::string trouble;
  if (!key) {
    trouble = key.error().message;
  } else {
    const std::string body = seal_envelope(envelope, *key);
    const std::string url = concat(settings_.router_url, "/", name, "/", settings_.rule_namespace,
                                   "/", settings_.down_path);
    const auto reply = call({"POST", url, {"Content-Type: text/plain"}, body});
    taken = reply && reply->status / 100 == 2;
    if (!reply) trouble = reply.error().message;
    if (reply && !taken) trouble = concat(url, ": ", reply->status, " ", trim(reply->body));
  }
  lock.lock();
  if (!taken) complain("KubeEdge's Router does not take an answer", trouble);
  settle(name, std::move(parts), taken);
}

void EventbusGateway::settle(const std::string& name, std::map<std::string, std::string>&& parts,
                             bool taken) {
  if (taken) ++stats_.answers;
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return;
  Node& node = found->second;
  if (taken) {
    node.failures = 0;
    return;
  }
  if (++node.failures >= max_tries) {
    // The node asks again by sending again.
    ++stats_.unanswered;
    node.failures = 0;
    return;
  }
  node.waiting.merge(parts);  // newer ones stay
  queue(name, node, steady_ms() + (first_retry_ms << (node.failures - 1)));
}

// The last words that a broker would have published for nodes that say nothing any more.
std::vector<Message> EventbusGateway::take_silent(std::int64_t now_ms) {
  std::vector<Message> deaths;
  if (now_ms < next_sweep_ms_) return deaths;
  next_sweep_ms_ = now_ms + std::min(longest_sweep_interval_ms, settings_.silence_ms / 2);
  for (auto& [name, node] : nodes_) {
    if (node.status.empty() || now_ms - node.heard_ms < settings_.silence_ms) continue;
    if (auto status = decode_status(node.status)) {
      status->online = false;
      deaths.push_back({topics::status(name), encode_status(*status), false});
    }
    node.status.clear();
  }
  return deaths;
}

void EventbusGateway::run(const HttpCall& call) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::int64_t now_ms = steady_ms();
    if (auto deaths = take_silent(now_ms); !deaths.empty()) {
      lock.unlock();
      for (auto& death : deaths) {
        handler_(LinkEvent{LinkEvent::Type::message, std::move(death), {}});
      }
      lock.lock();
      continue;
    }
    if (const auto due = next_due(now_ms); due != nodes_.end()) {
      ++under_way_;
      send(lock, due, call);
      --under_way_;
      idle_.notify_all();
      continue;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(queue_.empty() ? 1000 : 100));
  }
}

void EventbusGateway::complain(std::string_view what, const std::string& reason) {
  if (steady_ms() < next_complaint_ms_) return;
  next_complaint_ms_ = steady_ms() + complaint_interval_ms;
  log::warning("eventbus", what, {{"reason", reason}});
}

}  // namespace godwit
