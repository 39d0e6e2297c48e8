// What an agent says of itself, for the page: collectors, buffer, link, versions (WEB.md). Made of
// readings that outlive it. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cloud/latest_view.h"
#include "transport/json_writer.h"
#include "transport/latest.h"

namespace godwit {

class WebAgent {
 public:
  // Passes over what is not the agent's.
  void add(const Reading& reading);

  // What the node's status says of a collector that reads nothing; outlives it.
  void add(const CollectorTrouble& trouble);

  void write_collectors(JsonWriter& json) const;
  // Members: its figures of that prefix, under the rest of their names, in base units.
  void write_figures(JsonWriter& json, std::string_view prefix) const;
  void write_versions(JsonWriter& json) const;

 private:
  struct Collector {
    std::string_view state, message;
    std::optional<double> duration_s;
  };

  void add_collector(const Reading& reading);
  void add_figure(const Reading& reading);
  void add_versions(const Reading& reading);

  std::map<std::string_view, Collector> collectors_;
  std::map<std::string, double> figures_;
  std::map<std::string_view, std::string_view> words_;
  std::map<std::string_view, std::pair<std::string_view, std::int64_t>> versions_;  // text, time
};

}  // namespace godwit
