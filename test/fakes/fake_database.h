// A database behind an HttpPost that behaves as Prometheus does without an out-of-order window: the
// first bad sample rolls the whole request back with 400. Faults are injected through the public
// fields; set them before the first post or while no post runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "cloud/http_client.h"
#include "test/support/remote_write_decoder.h"
#include "transport/text.h"

namespace godwit::test {

class FakeDatabase {
 public:
  using Samples = std::map<std::int64_t, std::uint64_t>;

  // Decides about one sample; the status that refuses it, or 0.
  std::function<int(const DecodedSeries&, std::int64_t time)> judge;
  // Answers for whole requests, taken one by one before anything is looked at.
  std::deque<HttpReply> script;
  std::function<void()> before_answer;  // on the poster's thread
  bool unreachable = false;
  std::int64_t too_old_before_ms = INT64_MIN;  // refused with 500, as Prometheus 2.42 does
  bool in_order = true;  // refuse what is older than the last sample of its series

  HttpPost post() {
    return [this](const HttpPostRequest& request) { return answer(request); };
  }

  // Its query API: whatever is asked, all that is stored. Empty as long as `answers_queries` is
  // false, which is a query_url that leads nowhere.
  HttpGet get() {
    return [this](std::string_view target) { return answer_query(target); };
  }
  bool answers_queries = true;
  std::map<std::string, HttpReply> pages;  // what else it answers, by path
  // Changes the public fields while posts and queries run.
  void with_lock(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
  }
  [[nodiscard]] std::vector<std::string> queries() const {
    const std::lock_guard lock(mutex_);
    return queries_;
  }

  [[nodiscard]] std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::vector<std::string> headers() const {
    const std::lock_guard lock(mutex_);
    return headers_;
  }
  // By instance and metric name.
  [[nodiscard]] Samples samples(const std::string& instance, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = stored_.find(instance + "/" + name);
    return found == stored_.end() ? Samples{} : found->second;
  }
  [[nodiscard]] std::size_t stored() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [key, samples] : stored_) count += samples.size();
    return count;
  }

 private:
  Result<HttpReply> answer(const HttpPostRequest& request) {
    if (before_answer) before_answer();
    const std::lock_guard lock(mutex_);
    ++requests_;
    headers_ = request.headers;
    if (unreachable) return Error{ErrorCode::unavailable, "connection refused"};
    if (!script.empty()) {
      HttpReply reply = script.front();
      script.pop_front();
      if (reply.status != 200) return reply;
    }
    auto next = stored_;
    auto labels = labels_;
    for (const auto& series : decode_compressed(request.body)) {
      const std::string key = series.label("instance") + "/" + series.label("__name__");
      labels[key] = series.labels;
      auto& samples = next[key];
      for (const auto& [time, bits] : series.samples) {
        if (const int status = judge ? judge(series, time) : 0; status != 0) {
          return HttpReply{status, "judged", ""};
        }
        if (time < too_old_before_ms) return HttpReply{500, "too old sample\n", ""};
        if (in_order && !samples.empty()) {
          const auto& [last_time, last_bits] = *samples.rbegin();
          if (time < last_time) return HttpReply{400, "out of order sample", ""};
          if (time == last_time && bits != last_bits) {
            return HttpReply{400, "duplicate sample for timestamp", ""};
          }
        }
        samples[time] = bits;
      }
    }
    stored_ = std::move(next);
    labels_ = std::move(labels);
    return HttpReply{204, "", ""};
  }

  Result<HttpReply> answer_query(std::string_view target) {
    const std::lock_guard lock(mutex_);
    if (!target.starts_with("/api/v1/query?")) {
      const auto page = pages.find(std::string(target));
      return page == pages.end() ? HttpReply{404, "nothing here"} : page->second;
    }
    queries_.emplace_back(target);
    if (!answers_queries) return HttpReply{404, "nothing here", ""};
    nlohmann::json result = nlohmann::json::array();
    for (const auto& [key, samples] : stored_) {
      nlohmann::json one = {{"metric", nlohmann::json::object()},
                            {"values", nlohmann::json::array()}};
      for (const auto& [name, value] : labels_.at(key)) one["metric"][name] = value;
      for (const auto& [time, bits] : samples) {
        one["values"].push_back(
            {static_cast<double>(time) / 1000, concat(std::bit_cast<double>(bits))});
      }
      result.push_back(std::move(one));
    }
    const nlohmann::json all = {{"data", {{"result", std::move(result)}}}};
    return HttpReply{200, all.dump(), ""};
  }

  mutable std::mutex mutex_;
  // State below is protected by mutex_.
  std::size_t requests_ = 0;
  std::vector<std::string> headers_;
  std::vector<std::string> queries_;
  std::map<std::string, Samples> stored_;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> labels_;
};

}  // namespace godwit::test
