#include "cloud/web_agent.h"

#include "cloud/api_model.h"
#include "cloud/web_summary.h"
#include "transport/text.h"

namespace godwit {

void WebAgent::add(const Reading& reading) {
  const std::string_view name = reading.series->name;
  if (name.starts_with("godwit_collector_")) {
    add_collector(reading);
  } else if (name.starts_with("godwit_buffer_") || name.starts_with("godwit_link_")) {
    add_figure(reading);
  } else if (name.ends_with("_info")) {
    add_versions(reading);
  }
}

// The status is the older of the two: who reads again has no trouble any more.
void WebAgent::add(const CollectorTrouble& trouble) {
  Collector& one = collectors_[trouble.name];
  if (one.state == "ok") return;
  one.state = trouble.absent ? "absent" : "failing";
  one.message = trouble.message;
}

void WebAgent::write_collectors(JsonWriter& json) const {
  json.begin_array();
  for (const auto& [name, one] : collectors_) {
    json.begin_object();
    json.member("name", name);
    json.member("state", one.state);
    json.member("message", one.message);
    write_rounded(json, "duration_s", one.duration_s, 4);
    json.end_object();
  }
  json.end_array();
}

void WebAgent::write_figures(JsonWriter& json, std::string_view prefix) const {
  for (const auto& [name, value] : figures_) {
    if (name.starts_with(prefix)) {
      write_rounded(json, std::string_view(name).substr(prefix.size()), value, 4);
    }
  }
  for (const auto& [name, word] : words_) {
    if (name.starts_with(prefix)) json.member(name.substr(prefix.size()), word);
  }
}

void WebAgent::write_versions(JsonWriter& json) const {
  for (const auto& [name, version] : versions_) json.member(name, version.first);
}

void WebAgent::add_collector(const Reading& reading) {
  const Series& series = *reading.series;
  Collector& one = collectors_[label_value(series, "collector")];
  if (series.name == "godwit_collector_duration_seconds") one.duration_s = reading.value;
  if (series.name == "godwit_collector_success") one.state = reading.value == 1 ? "ok" : "failing";
}

void WebAgent::add_figure(const Reading& reading) {
  const Series& series = *reading.series;
  if (series.labels.empty()) {
    figures_[series.name] = reading.value;
    return;
  }
  const auto direction = label_value(series, "direction");
  if (!direction.empty()) figures_[concat(series.name, "_", direction)] = reading.value;
  if (series.name == "godwit_link_budget_state" && reading.value == 1) {
    words_["godwit_link_budget"] = label_value(series, "state");
  }
  if (series.name == "godwit_buffer_durability") {
    words_["godwit_buffer_durability"] = label_value(series, "mode");
  }
}

void WebAgent::add_versions(const Reading& reading) {
  const Series& series = *reading.series;
  const auto tell = [&](std::string_view name, std::string_view label) {
    const auto text = label_value(series, label);
    auto& known = versions_[name];
    if (text.empty() ? known.first.empty() : reading.time_ms >= known.second) {
      known = {text, reading.time_ms};
    }
    if (known.first.empty()) versions_.erase(name);
  };
  if (series.name == "godwit_agent_info") tell("agent", "version");
  if (series.name == "godwit_jtop_info") tell("jtop", "version");
  if (series.name == "node_uname_info") tell("kernel", "release");
  if (series.name == "node_os_info") tell("os", "pretty_name");
  if (series.name == "godwit_nvpmodel_info") tell("power_mode", "mode");
  if (series.name == "hw_gpu_info" || series.name == "hw_npu_info") {
    tell("driver", "hw_driver_version");
    tell("npu_smi", "npu_smi_version");
  }
  if (series.name != "godwit_board_info") return;
  for (const std::string_view label : {"l4t", "jetpack", "soc", "module", "model"}) {
    tell(label, label);
  }
}

}  // namespace godwit
