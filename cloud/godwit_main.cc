// godwit: the tool for people. `tail` prints live readings from the broker, `nodes` lists the
// fleet; `decode` shows one message as JSON. Exit codes: 0, 1 (cannot go on), 2 (`nodes --check`),
// 78 (settings are wrong, EX_CONFIG).
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cloud/broker_watch.h"
#include "cloud/completion.h"
#include "cloud/decode.h"
#include "cloud/metrics_reference.h"
#include "cloud/nodes.h"
#include "cloud/relay_settings.h"
#include "cloud/tail.h"
#include "cloud/top.h"
#include "transport/terminal_text.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

struct BrokerArguments {
  std::string config, url, username, password_file, ca, cert, key;
};

struct Arguments {
  BrokerArguments broker;
  TailOptions tail;
  NodesOptions nodes;
  std::string color = "auto", listen = "0s", timeout = "10s";
  std::string file;
  std::vector<std::string> schemas;
  std::string shell;
};

void add_broker_options(CLI::App& command, BrokerArguments& arguments) {
  command.add_option("--config", arguments.config, "YAML file with mqtt.* settings");
  command.add_option("--broker", arguments.url, "mqtt:// or mqtts:// host:port");
  command.add_option("--username", arguments.username, "User at the broker");
  command.add_option("--password-file", arguments.password_file, "File with the password");
  command.add_option("--ca", arguments.ca, "CA certificates (PEM)");
  command.add_option("--cert", arguments.cert, "Client certificate (PEM)");
  command.add_option("--key", arguments.key, "Client key (PEM)");
}

// The command line wins over the environment, which wins over the file.
Result<MqttOptions> broker_options(const BrokerArguments& arguments) {
  const auto environment = process_environment();
  const std::pair<std::string, std::string> given[] = {
      {"GODWIT_MQTT_URL", arguments.url},
      {"GODWIT_MQTT_USERNAME", arguments.username},
      {"GODWIT_MQTT_PASSWORD_FILE", arguments.password_file},
      {"GODWIT_MQTT_TLS_CA", arguments.ca},
      {"GODWIT_MQTT_TLS_CERT", arguments.cert},
      {"GODWIT_MQTT_TLS_KEY", arguments.key},
  };
  const Environment merged = [&](const std::string& name) -> std::optional<std::string> {
    for (const auto& [variable, value] : given) {
      if (variable == name && !value.empty()) return value;
    }
    return environment(name);
  };
  const auto settings = Settings::load(cloud_mqtt_settings(), arguments.config, merged);
  if (!settings) return settings.error();
  return finalise_mqtt(*settings, unique_client_id("godwit"));
}

Status check_names(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (Status status = check_node_name(name); !status) return status;
  }
  return {};
}

ColorChoice color_choice(const std::string& text) {
  return text == "always"  ? ColorChoice::always
         : text == "never" ? ColorChoice::never
                           : ColorChoice::automatic;
}

// Whether what goes to standard output is coloured.
bool has_color(const std::string& choice) {
  return wants_color(color_choice(choice), isatty(STDOUT_FILENO) == 1, process_environment());
}

int run_tail(const Arguments& given) {
  TailOptions options = given.tail;
  if (!options.node.empty()) {
    if (Status status = check_node_name(options.node); !status) {
      return complain(status.error(), exit_config);
    }
  }
  options.color = has_color(given.color);
  auto broker = broker_options(given.broker);
  if (!broker) return complain(broker.error(), exit_config);
  return tail_command(std::move(*broker), options);
}

int run_nodes(const Arguments& given) {
  NodesOptions options = given.nodes;
  if (Status status = check_names(options.names); !status) {
    return complain(status.error(), exit_config);
  }
  const auto listen = parse_duration(given.listen);
  const auto timeout = parse_duration(given.timeout);
  if (!listen || !timeout) {
    return complain({ErrorCode::invalid, "--listen and --timeout want a time such as 15s or 2m"},
                    exit_config);
  }
  options.listen_ms = *listen;
  options.timeout_ms = *timeout;
  options.color = has_color(given.color);
  auto broker = broker_options(given.broker);
  if (!broker) return complain(broker.error(), exit_config);
  return nodes_command(std::move(*broker), options);
}

int run_top(const Arguments& given) {
  auto broker = broker_options(given.broker);
  if (!broker) return complain(broker.error(), exit_config);
  return top_command(std::move(*broker), has_color(given.color));
}

Result<std::string> read_message(const std::string& path) {
  constexpr std::size_t max_bytes = 16U << 20;
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::no_data, concat("cannot open ", path)};
  std::string bytes(max_bytes + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (bytes.size() > max_bytes) {
    return Error{ErrorCode::invalid, concat(path, " is larger than any message")};
  }
  return bytes;
}

int run_decode(const std::string& path, const std::vector<std::string>& schema_paths) {
  const auto message = read_message(path);
  if (!message) return complain(message.error());
  std::vector<std::string> schemas;
  for (const auto& schema_path : schema_paths) {
    auto schema = read_message(schema_path);
    if (!schema) return complain(schema.error());
    schemas.push_back(std::move(*schema));
  }
  const auto text = describe_message(*message, schemas);
  if (!text) return complain(text.error().with_prefix(path));
  std::puts(text->c_str());
  return 0;
}

struct Commands {
  CLI::App *tail, *nodes, *top, *decode, *metrics, *completion;
};

void add_color_option(CLI::App& command, std::string& color) {
  command.add_option("--color", color, "always, never, or auto: on a terminal without NO_COLOR")
      ->check(CLI::IsMember({"always", "never", "auto"}));
}

Commands declare(CLI::App& app, Arguments& given) {
  app.set_version_flag("--version", std::string("godwit ") + GODWIT_VERSION);
  app.require_subcommand(1);
  Commands on{};
  on.tail = app.add_subcommand("tail", "Print live readings: time, node, series, value");
  add_broker_options(*on.tail, given.broker);
  on.tail->add_option("--node", given.tail.node, "Only this node");
  on.tail->add_option("--metric", given.tail.metric,
                      "Only metrics whose name matches, e.g. 'hw_*'");
  on.tail->add_flag("--json", given.tail.json, "One JSON object per line");
  add_color_option(*on.tail, given.color);

  on.nodes = app.add_subcommand("nodes", "List the nodes and how they are");
  add_broker_options(*on.nodes, given.broker);
  on.nodes->add_option("node", given.nodes.names, "Only these; default: all");
  on.nodes->add_option("--listen", given.listen,
                       "Also wait for readings of nodes that keep none at the broker, e.g. 15s");
  on.nodes->add_option("--timeout", given.timeout, "How long to wait for the broker; default 10s");
  on.nodes->add_flag("--check", given.nodes.check,
                     "Exit code 2 when a node is offline or not healthy");
  on.nodes->add_flag("--json", given.nodes.json, "One JSON array, for programs");
  add_color_option(*on.nodes, given.color);

  on.top = app.add_subcommand("top", "Show the fleet on the whole terminal; ? lists the keys");
  add_broker_options(*on.top, given.broker);
  add_color_option(*on.top, given.color);

  on.decode = app.add_subcommand("decode", "Show a message (frame, schema, ack, ...) as JSON");
  on.decode->add_option("file", given.file, "The payload, as received")->required();
  on.decode->add_option("--schema", given.schemas,
                        "Schema messages that a frame needs, with parents");

  on.metrics = app.add_subcommand("metrics", "Print every metric of Godwit as Markdown");
  on.completion = app.add_subcommand(
      "completion", "Print completion of godwit, godwit-agent and godwit-relay for a shell");
  on.completion->add_option("shell", given.shell, "bash: source <(godwit completion bash)")
      ->required()
      ->check(CLI::IsMember({"bash"}));
  return on;
}

int dispatch(int argc, char** argv) {
  Arguments given;
  CLI::App app("Looks at what godwit-agents send.", "godwit");
  const Commands on = declare(app, given);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_config;
  }
  if (on.tail->parsed()) return run_tail(given);
  if (on.nodes->parsed()) return run_nodes(given);
  if (on.top->parsed()) return run_top(given);
  if (on.decode->parsed()) return run_decode(given.file, given.schemas);
  const std::string text =
      on.metrics->parsed() ? describe_catalog() : std::string(bash_completion());
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : exit_failure;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) { return godwit::dispatch(argc, argv); }
