#include "edge/feature_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "edge/accelerators.h"
#include "edge/host.h"
#include "edge/replace_file.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_value_bytes = 63;  // Kubernetes' limit
constexpr std::size_t max_file_bytes = 16U << 10;
constexpr std::int64_t interval_ms = 30'000;
constexpr double mebibyte = 1 << 20;

// Which label of an info is which feature; the first that is there.
struct Fact {
  std::string_view info, label, key;
};
constexpr Fact facts[] = {
    {"hw_gpu_info", "hw_model", "godwit-gpu.product"},
    {"hw_gpu_info", "hw_driver_version", "godwit-gpu.driver"},
    {"hw_gpu_info", "cuda_version", "godwit-cuda.version"},
    {"hw_npu_info", "hw_name", "godwit-npu.product"},
    {"hw_npu_info", "hw_driver_version", "godwit-npu.driver"},
    {"godwit_board_info", "module", "godwit-gpu.product"},
    {"godwit_board_info", "module", "godwit-jetson.module"},
    {"godwit_board_info", "soc", "godwit-jetson.soc"},
    {"godwit_board_info", "l4t", "godwit-jetson.l4t"},
    {"godwit_board_info", "jetpack", "godwit-jetson.jetpack"},
    {"godwit_board_info", "cuda_version", "godwit-cuda.version"},
    {"godwit_board_info", "cuda_arch_bin", "godwit-cuda.arch"},
};

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

void add_facts(const Series& series, Features& out) {
  for (const auto& fact : facts) {
    if (series.name != fact.info) continue;
    for (const auto& label : series.labels) {
      if (label.name != fact.label) continue;
      std::string value = label_value(label.value);
      if (!value.empty()) out.try_emplace(std::string(fact.key), std::move(value));
    }
  }
}

}  // namespace

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alphanumeric(c) || c == '-' || c == '_' || c == '.') out += c;
    if (c == ' ' && !out.empty() && out.back() != '-') out += '-';
  }
  out.erase(0, static_cast<std::size_t>(std::find_if(out.begin(), out.end(), is_alphanumeric) -
                                        out.begin()));
  if (out.size() > max_value_bytes) out.resize(max_value_bytes);
  while (!out.empty() && !is_alphanumeric(out.back())) out.pop_back();
  return out;
}

Features features_of(const Batch& batch) {
  Features out;
  int gpus = 0, npus = 0;
  double gpu_bytes = 0, npu_bytes = 0;  // of the one that has most
  for (const auto& [series, value] : batch.samples()) {
    if (is_stale_marker(value)) continue;
    add_facts(series, out);
    if (series.name == "hw_gpu_info") ++gpus;
    if (series.name == "hw_npu_info") ++npus;
    if (series.name == "hw_gpu_memory_limit_bytes") gpu_bytes = std::max(gpu_bytes, value);
    if (series.name == "hw_npu_memory_limit_bytes") npu_bytes = std::max(npu_bytes, value);
  }
  const auto add_sums = [&](const std::string& kind, int count, double bytes) {
    if (count == 0) return;
    out[kind + ".present"] = "true";
    out[kind + ".count"] = std::to_string(count);
    if (bytes > 0) out[kind + ".memory"] = format_number(std::floor(bytes / mebibyte));
  };
  add_sums("godwit-gpu", gpus, gpu_bytes);
  add_sums("godwit-npu", npus, npu_bytes);
  if (gpus == 0) out.erase("godwit-gpu.product");
  return out;
}

FeatureFile::FeatureFile(std::string path, std::vector<std::string> sources)
    : path_(std::move(path)), awaited_(std::move(sources)) {
  if (path_.empty()) return;
  // Not a file of the host under `root`.
  if (auto text = Host().read_file(path_, max_file_bytes)) text_ = std::move(*text);
}

void FeatureFile::observe(std::string_view collector, const Status& status, const Batch& batch,
                          std::int64_t now_ms) {
  if (path_.empty() || !is_accelerator_source(collector)) return;
  if (!status && status.error().code != ErrorCode::no_data) return;
  const bool is_first = std::erase(awaited_, collector) > 0;
  Told& told = told_[std::string(collector)];
  if (!is_first && now_ms - told.at_ms < interval_ms) return;
  told.at_ms = now_ms;
  told.features = features_of(batch);
  if (awaited_.empty()) store();
}

void FeatureFile::store() {
  Features all;
  for (const auto& [collector, told] : told_) {
    all.insert(told.features.begin(), told.features.end());
  }
  std::string text;
  for (const auto& [key, value] : all) text += concat(key, "=", value, "\n");
  if (text == text_) return;
  const std::size_t name = path_.rfind('/') + 1;
  Status status;
  if (!text.empty()) {
    const std::string made = concat(path_.substr(0, name), ".", path_.substr(name), ".new");
    status = replace_file(path_, made, text, 0644);
  } else if (unlink(path_.c_str()) != 0 && errno != ENOENT) {
    status = Error{ErrorCode::io, concat(path_, ": ", std::generic_category().message(errno))};
  }
  if (status) {
    text_ = std::move(text);
    log::info("nfd", "wrote the features of the node's accelerators", {{"features", all.size()}});
  } else if (!failed_) {
    log::warning("nfd", status.error().message);
  }
  failed_ = !status;
}

}  // namespace godwit
