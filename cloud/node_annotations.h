// Node annotations about NPUs, as k8s-monitor reads them from a Node object: ten npu.huawei.com/*
// texts of the whole node, and k8s-monitor.io/npu-metrics with every chip. Pure.
//
// The readers are strict where one would not expect it: temperature, power and counts must be
// integers or they are ignored; one float among the JSON's integers makes them ignore all of it;
// a chip is healthy only as "OK"; and a node without a word on health is shown as healthy.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/npu_report.h"

namespace godwit {

namespace annotation {
inline constexpr std::string_view prefix = "npu.huawei.com/";
inline constexpr std::string_view health = "npu.huawei.com/health";
inline constexpr std::string_view updated = "npu.huawei.com/metrics-updated";
inline constexpr std::string_view chips = "k8s-monitor.io/npu-metrics";
}  // namespace annotation

// nullopt: the key is to be absent. Every key of ours is there.
using Annotations = std::map<std::string, std::optional<std::string>, std::less<>>;

// Mean of the utilisation, highest temperature, sums of power, memory and faults, worst health.
// What the report does not tell is absent. Memory is HBM; of chips that have none, DDR.
Annotations annotate(const NpuReport& report);

// For a node whose last report, of `time_ms`, is too old: Unhealthy, and no figures.
Annotations annotate_stale(std::int64_t time_ms);

// "2026-11-21T03:14:15Z", as both kinds of time in a Node object.
std::string format_seconds(std::int64_t wall_ms);
// Of that form exactly, in milliseconds since 1970.
std::optional<std::int64_t> parse_seconds(std::string_view text);

}  // namespace godwit
