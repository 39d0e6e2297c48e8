#include "edge/collectors/textfile.h"

#include <map>
#include <set>
#include <string>

#include <sys/stat.h>

#include "edge/collectors/foreign_series.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_file_bytes = 1U << 20;
constexpr std::size_t max_files = 256;

class Textfile final : public Collector {
 public:
  Textfile(const Host& host, const CollectorSettings& settings)
      : host_(host), directories_(settings.directories), series_(settings.max_series) {}

  Status collect(Batch& out) override {
    series_.begin(host_.now().boot_ms);
    problem_.clear();
    seen_.clear();
    for (const auto& directory : directories_) read_directory(directory, out);
    const auto& counts = series_.dropped();
    const std::uint64_t dropped = counts.max_series + counts.invalid + counts.same_series;
    series_.finish(out);
    std::erase_if(errors_, [&](const auto& entry) { return !seen_.contains(entry.first); });
    out.add("node_textfile_scrape_error", problem_.empty() ? 0 : 1);
    out.add("godwit_textfile_dropped_samples_total", static_cast<double>(dropped));
    for (const auto& [file, count] : errors_) {
      out.add("godwit_textfile_errors_total", {{"file", file}}, static_cast<double>(count));
    }
    if (problem_.empty()) return {};
    return Error{ErrorCode::invalid, problem_};
  }

 private:
  void read_directory(const std::string& directory, Batch& out) {
    const auto names = host_.list(directory);
    if (!names) return blame(directory, names.error().message);
    for (const auto& name : *names) {
      if (!name.ends_with(".prom")) continue;
      const std::string file = concat(directory, directory.ends_with('/') ? "" : "/", name);
      if (seen_.size() == max_files) {
        return blame(directory, concat(directory, ": more than ", max_files, " files"));
      }
      seen_.insert(file);
      if (const Status status = read_file(file, out); !status) {
        series_.drop_part();
        blame(file, status.error().message);
      }
    }
  }

  // The first problem is the one that people see; each counts.
  void blame(const std::string& file, const std::string& what) {
    if (problem_.empty()) problem_ = what;
    seen_.insert(file);
    ++errors_[file];
  }

  Status read_file(const std::string& file, Batch& out) {
    const std::string path = host_.path(file);
    struct stat info {};
    // Anything but a file may never end.
    if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return Error{ErrorCode::invalid, concat(path, ": no regular file")};
    }
    const auto text = host_.read_file(file, max_file_bytes);
    if (!text) return text.error();
    bool has_times = false;
    ExpositionParser parser(ExpositionParser::Format::prometheus, [&](ExposedSample&& sample) {
      has_times = has_times || sample.has_time;
      series_.gather(std::move(sample));
      return Status();
    });
    Status status = parser.feed(*text);
    if (status) status = parser.finish();
    if (!status) return status.error().with_prefix(path);
    if (has_times) {
      return Error{ErrorCode::invalid, concat(path, ": has timestamps, which are not supported")};
    }
    series_.keep_part();
    const std::int64_t mtime_ms = info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    out.add("node_textfile_mtime_seconds", {{"file", file}}, static_cast<double>(mtime_ms) / 1000);
    return {};
  }

  const Host host_;
  const std::vector<std::string> directories_;
  ForeignSeries series_;
  std::string problem_;         // of this reading
  std::set<std::string> seen_;  // in this reading
  std::map<std::string, std::uint64_t> errors_;
};

}  // namespace

std::unique_ptr<Collector> make_textfile(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<Textfile>(host, settings);
}

}  // namespace godwit
