// godwit-agent: the command line. What the commands do is in agent.h and commands.h.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>
#include <thread>

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "edge/agent.h"
#include "edge/clock_file.h"
#include "edge/commands.h"
#include "edge/doctor.h"
#include "edge/npd_check.h"
#include "edge/prepare_spool.h"
#include "edge/start_up_pages.h"
#include "transport/log.h"
#include "transport/terminal_text.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr std::time_t start_up_s = 20;
constexpr std::time_t seldom_s = 3600;

struct Options {
  std::string config;
  SettingOverrides overrides;
  std::string format = "table";
  std::string collector;
  std::string color = "auto";
  std::string spool_path;
  std::string parse_kind, parse_file;
  std::string condition;
  bool as_json = false;
  SpoolOwner spool_owner;
};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unnamed";
  return to_lower(name.data());
}

std::uint64_t random_session() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

Result<AgentSettings> load(const Options& options) {
  std::string path = options.config;
  if (path.empty() && access(default_agent_config, R_OK) == 0) path = default_agent_config;
  return load_agent_settings(path, with_overrides(process_environment(), options.overrides),
                             collector_registry(), host_name());
}

int complain(const Error& error) {
  for (const auto line : split_lines(error.message)) std::cerr << "godwit-agent: " << line << '\n';
  return exit_config;
}

// Uses the time until a signal comes to let go, after the start and then now and again, of pages.
int wait_for_signal(const sigset_t& signals) {
  timespec patience{start_up_s, 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal > 0) return signal;
    if (errno != EAGAIN) continue;
#ifdef GODWIT_STATIC
    let_go_of_start_up_pages();
#endif
    patience.tv_sec = seldom_s;
  }
}

// SIGTERM and SIGINT come to one thread, which waits for them: the first ends the agent in an
// orderly way, the second at once.
void watch_signals(Agent& agent, const sigset_t& signals) {
  std::thread([&agent, signals] {
    log::info("agent", "stopping", {{"signal", wait_for_signal(signals)}});
    agent.stop();
    int signal = 0;
    sigwait(&signals, &signal);
    _exit(exit_failure);
  }).detach();
}

Result<AgentParts> machine_parts(const std::string& clock_file) {
  AgentParts parts;
  parts.boot_id = read_boot_id();
  parts.session = random_session();
  if (clock_file.empty()) return parts;
  const auto file = ClockFile::open(clock_file);
  if (!file) return file.error();
  parts.clock = file->clock();
  parts.clock_synchronised = file->synchronised();
  if (!file->boot_id().empty()) parts.boot_id = file->boot_id();
  return parts;
}

int run(AgentSettings settings) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // Before any thread, so that all inherit it.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto machine = machine_parts(settings.clock_file);
  if (!machine) return complain(machine.error());
  AgentParts parts = std::move(*machine);
  if (settings.link_enabled) {
    NodeStatus death;
    death.boot_id = parts.boot_id;
    death.session = parts.session;
    death.version = GODWIT_VERSION;
    parts.link = make_link(settings.way,
                           {settings.node, parts.boot_id, parts.session,
                            Message{topics::status(settings.node), encode_status(death), true}});
  }
  log::info("agent", "started",
            {{"version", GODWIT_VERSION},
             {"node", settings.node},
             {"collectors", settings.collectors.size()},
             {"buffer", settings.buffer_path},
             {"link", settings.link_enabled ? settings.way.describe() : std::string("none")}});
  // Lives until the process ends: the signal thread may still refer to it, and a collector that
  // hangs would keep its destructor waiting.
  auto* const agent = new Agent(std::move(settings), std::move(parts));
  watch_signals(*agent, signals);
  if (const Status status = agent->run(); !status) {
    log::error("agent", status.error().message);
    _exit(exit_failure);
  }
  _exit(exit_ok);
}

TableStyle table_style(const Options& options) {
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  const ColorChoice choice = options.color == "always"  ? ColorChoice::always
                             : options.color == "never" ? ColorChoice::never
                                                        : ColorChoice::automatic;
  winsize size{};
  const bool is_known = is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return {is_known ? size.ws_col : std::size_t{0},
          wants_color(choice, is_terminal, process_environment())};
}

int once(const AgentSettings& settings, const Options& options) {
  const OnceFormat format = options.format == "json"   ? OnceFormat::json
                            : options.format == "prom" ? OnceFormat::prom
                                                       : OnceFormat::table;
  const int code =
      once_command(settings, format, options.collector, std::cout, std::cerr, table_style(options));
  std::cout.flush();
  // A collector that hangs must not keep the command waiting.
  _exit(code);
}

struct Commands {
  CLI::App *run, *once, *check, *settings, *spool, *prepare, *doctor, *npd_check, *parse;
};

Commands declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", concat("godwit-agent ", GODWIT_VERSION));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--config", options.config, concat("settings; default ", default_agent_config));
  app.add_option("--root", options.overrides.root, "where the host's /proc and /sys hang");
  app.add_option("--log-level", options.overrides.log_level, "debug, info, warning, error, off");
  app.add_option("--log-format", options.overrides.log_format, "text, json");
  Commands on{};
  on.run = app.add_subcommand("run", "collect, store and deliver");
  on.run->add_option("--listen", options.overrides.listen, "http.listen, e.g. :9998");
  on.run->add_option("--naming", options.overrides.naming, "http.naming, e.g. jetson_gpu,node");
  on.once = app.add_subcommand("once", "read everything once and print it");
  on.once->add_option("--format", options.format, "table, prom or json")
      ->check(CLI::IsMember({"table", "prom", "json"}));
  on.once->add_option("--collector", options.collector, "only this one");
  on.once->add_option("--color", options.color, "always, never, or auto: on a terminal")
      ->check(CLI::IsMember({"always", "never", "auto"}));
  on.check = app.add_subcommand("check", "check the settings");
  on.settings = app.add_subcommand("settings", "print every setting as Markdown");
  on.spool = app.add_subcommand("spool", "show what the buffer holds");
  on.spool->add_option("--path", options.spool_path, "buffer file; default: buffer.path");
  on.spool->add_flag("--json", options.as_json, "one JSON object, for programs");
  on.prepare =
      app.add_subcommand("prepare-spool", "make the buffer's folder and give it to a user");
  on.prepare->add_option("--uid", options.spool_owner.uid, "user the agent runs as")->required();
  on.prepare->add_option("--gid", options.spool_owner.gid, "its group")->required();
  on.prepare->add_flag("--public", options.spool_owner.is_public, "others may look into it");
  on.prepare->add_option("folder", options.spool_path, "folder of buffer.path")->required();
  on.doctor = app.add_subcommand("doctor", "try all that this node gives, and say what is wrong");
  on.doctor->add_flag("--json", options.as_json, "for programs");
  on.npd_check = app.add_subcommand(
      "npd-check", "one condition, as a custom plugin of node-problem-detector: exit code 0, 1, 2");
  on.npd_check->add_option("type", options.condition,
                           "GPUHealthy, NPUUnhealthy, ...; default: the worst");
  on.parse = app.add_subcommand("parse", "show what is understood of a capture");
  on.parse->add_option("kind", options.parse_kind, "npu-smi or jtop")
      ->required()
      ->check(CLI::IsMember({"npu-smi", "jtop"}));
  on.parse->add_option("file", options.parse_file, "the captured output")->required();
  return on;
}

int prepare(const Options& options) {
  const Status status = prepare_spool(options.spool_path, options.spool_owner);
  if (status) return exit_ok;
  std::cerr << "godwit-agent: " << status.error().message << '\n';
  return exit_failure;
}

int dispatch(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Reads accelerators and host, stores the readings, and delivers them to "
      "godwit-relay.",
      "godwit-agent");
  const Commands on = declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_config;
  }
  if (on.parse->parsed()) {
    return parse_command(options.parse_kind, options.parse_file, std::cout, std::cerr);
  }
  if (on.prepare->parsed()) return prepare(options);
  if (on.settings->parsed()) {
    std::cout << describe_settings(agent_settings_table(collector_registry()));
    return exit_ok;
  }
  auto settings = load(options);
  if (!settings) return complain(settings.error());
  log::start(settings->log_level, settings->log_format);
  if (on.run->parsed()) return run(std::move(*settings));
  if (on.once->parsed()) return once(*settings, options);
  if (on.doctor->parsed()) {
    const int code = doctor_command(*settings, options.as_json, std::cout);
    std::cout.flush();
    _exit(code);  // a collector that hangs must not keep the command waiting
  }
  if (on.npd_check->parsed()) {
    const int code = npd_check_command(*settings, options.condition, std::cout);
    std::cout.flush();
    _exit(code);
  }
  if (on.spool->parsed()) {
    const std::string path =
        options.spool_path.empty() ? settings->buffer_path : options.spool_path;
    return spool_command({path, settings->buffer.max_bytes, options.as_json}, std::cout, std::cerr);
  }
  if (on.check->parsed()) std::cout << "settings are valid\n";
  return exit_ok;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  // Several threads that allocate little: one arena, and freed memory goes back.
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread yet.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  // NOLINTEND(concurrency-mt-unsafe)
  try {
    return godwit::dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "godwit-agent: " << error.what() << '\n';
    return godwit::exit_failure;
  }
}
