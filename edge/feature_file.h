// FeatureFile: what the node's accelerators are, for node-feature-discovery (NFD): a file in its
// features.d, which NFD's worker makes labels of the node from, so that the agent needs no access
// to Kubernetes. Keys: collectors/README.md. Fed with the result of each collector's run; one
// thread.
//
// Format: lines "key=value"; NFD puts feature.node.kubernetes.io/ before the key. No comments,
// which older versions take for labels. Files with a leading '.' are not read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transport/metric.h"
#include "transport/result.h"

namespace godwit {

using Features = std::map<std::string, std::string>;

class FeatureFile {
 public:
  // `path` "": there is none. Nothing is written before each of `sources` (collectors) has told
  // once what it reads or that it does not exist, so that a restart takes no label away.
  FeatureFile(std::string path, std::vector<std::string> sources);

  // What a source that fails said last stays, one that does not exist here takes it back. Writes
  // when something changed; without any features the file goes.
  void observe(std::string_view collector, const Status& status, const Batch& batch,
               std::int64_t now_ms);

 private:
  void store();

  const std::string path_;
  std::vector<std::string> awaited_;
  struct Told {
    Features features;
    std::int64_t at_ms = 0;
  };
  std::map<std::string, Told, std::less<>> told_;  // by collector
  std::string text_;                               // of the file
  bool failed_ = false;
};

// The features of an accelerator source's readings.
Features features_of(const Batch& batch);
// `text` as a label's value: at most 63 of A-Za-z0-9-_. with a letter or digit at both ends;
// blanks become '-', other characters go.
std::string label_value(std::string_view text);

}  // namespace godwit
