#include <utility>

#include "edge/collectors/pods/pod_facts.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_key_bytes = 64;

Error bad_list(std::string_view what) { return {ErrorCode::invalid, concat("pod list: ", what)}; }

}  // namespace

Status PodListReader::feed(std::string_view piece) {
  for (const char c : piece) {
    if (Status status = step(c); !status) return status;
  }
  return {};
}

Status PodListReader::step(char c) {
  const bool in_item = depth_ > 2 && in_items_;
  if (in_item) {
    if (item_.size() >= max_pod_bytes) return bad_list("a pod is too large");
    item_ += c;
  }
  if (in_string_) {
    const bool ends = c == '"' && !escaped_;
    escaped_ = c == '\\' && !escaped_;
    if (ends) in_string_ = false;
    if (!ends && depth_ == 1 && key_.size() < max_key_bytes) key_ += c;
    return {};
  }
  if (complete_) return {};
  if (c == '"') {
    in_string_ = true;
    if (depth_ == 1) key_.clear();
  } else if (c == '{' || c == '[') {
    return open(c);
  } else if (c == '}' || c == ']') {
    return close();
  } else if (depth_ == 0 && c > ' ') {
    return bad_list("no JSON object");
  }
  return {};
}

Status PodListReader::open(char c) {
  if (depth_ == 0 && c != '{') return bad_list("no JSON object");
  if (depth_ == 1) in_items_ = c == '[' && key_ == "items";
  if (depth_ == 2 && in_items_) item_ = c;
  ++depth_;
  return {};
}

Status PodListReader::close() {
  if (depth_ == 0) return bad_list("no JSON");
  --depth_;
  complete_ = depth_ == 0;
  if (depth_ != 2 || !in_items_ || pods_.size() >= max_pods) return {};
  auto pod = parse_pod(item_);
  if (!pod) return pod.error().with_prefix("pod list");
  pods_.push_back(std::move(*pod));
  return {};
}

Result<std::vector<PodFacts>> PodListReader::take() {
  if (!complete_) return bad_list("it breaks off");
  return std::move(pods_);
}

std::optional<double> parse_quantity(std::string_view text) {
  static constexpr std::pair<std::string_view, double> units[] = {
      {"Ki", 1024.0},
      {"Mi", 1048576.0},
      {"Gi", 1073741824.0},
      {"Ti", 1099511627776.0},
      {"Pi", 1125899906842624.0},
      {"n", 1e-9},
      {"u", 1e-6},
      {"m", 1e-3},
      {"k", 1e3},
      {"M", 1e6},
      {"G", 1e9},
      {"T", 1e12},
      {"P", 1e15},
  };
  double factor = 1;
  for (const auto& [unit, value] : units) {
    if (!text.ends_with(unit)) continue;
    factor = value;
    text.remove_suffix(unit.size());
    break;
  }
  const auto number = parse_double(text);
  if (!number || !(*number >= 0) || *number * factor > 1e18) return std::nullopt;
  // Thousandths are meant exactly: 100m is 0.1.
  return factor < 1 ? *number / (1 / factor) : *number * factor;
}

}  // namespace godwit
