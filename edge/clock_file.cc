#include "edge/clock_file.h"

#include <fstream>
#include <mutex>
#include <sstream>
#include <tuple>
#include <utility>

#include <sys/stat.h>

#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

Result<ClockScript> read_script(const std::string& path) {
  const std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return Error{ErrorCode::io, concat("clock_file ", path, " cannot be read")};
  auto script = parse_clock_script(text.str());
  if (!script) return script.error().with_prefix(concat("clock_file ", path));
  return script;
}

}  // namespace

Result<ClockScript> parse_clock_script(std::string_view text) {
  ClockScript script;
  for (const auto line : split_lines(text)) {
    const auto fields = split_blanks(line.substr(0, line.find('#')));
    if (fields.empty()) continue;
    const Error bad{ErrorCode::invalid, concat("bad line: ", quote_for_message(line))};
    if (fields.size() != 2) return bad;
    const auto number = parse_int(fields[1]);
    if (fields[0] == "boot_id") {
      script.boot_id = fields[1];
    } else if (fields[0] == "synchronised" && (fields[1] == "yes" || fields[1] == "no")) {
      script.synchronised = fields[1] == "yes";
    } else if (fields[0] == "boot_offset_ms" && number) {
      script.boot_offset_ms = *number;
    } else if (fields[0] == "wall_offset_ms" && number) {
      script.wall_offset_ms = *number;
    } else if (fields[0] == "wall_at_boot_ms" && number) {
      script.wall_at_boot_ms = *number;
    } else {
      return bad;
    }
  }
  return script;
}

struct ClockFile::State {
  std::string path;
  Clock base;
  std::mutex mutex;
  // Protected by it.
  ClockScript script;
  using Version = std::tuple<ino_t, off_t, time_t, long, time_t, long>;
  Version version;

  ClockScript current() {
    const std::lock_guard lock(mutex);
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) return script;
    const Version now{file.st_ino,          file.st_size,        file.st_mtim.tv_sec,
                      file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
    if (now == version) return script;
    version = now;
    auto read = read_script(path);
    if (read) {
      script = std::move(*read);
    } else {
      log::error("clock", read.error().message);
    }
    return script;
  }
};

Result<ClockFile> ClockFile::open(const std::string& path, Clock base) {
  auto script = read_script(path);
  if (!script) return script.error();
  auto state = std::make_shared<State>();
  state->path = path;
  state->base = std::move(base);
  state->script = std::move(*script);
  return ClockFile(std::move(state));
}

const std::string& ClockFile::boot_id() const { return state_->script.boot_id; }

Clock ClockFile::clock() const {
  return [state = state_] {
    const ClockScript script = state->current();
    TimePoint now = state->base();
    now.boot_ms += script.boot_offset_ms;
    now.wall_ms = script.wall_at_boot_ms ? *script.wall_at_boot_ms + now.boot_ms
                                         : now.wall_ms + script.wall_offset_ms;
    return now;
  };
}

std::function<bool()> ClockFile::synchronised() const {
  return [state = state_] { return state->current().synchronised; };
}

}  // namespace godwit
