// godwit: the tool for people. `tail` prints live readings from the broker; `decode` shows one
// message as JSON. Exit codes: 0, 1 (cannot go on), 78 (settings are wrong, EX_CONFIG).
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cloud/decode.h"
#include "cloud/relay_settings.h"
#include "cloud/tail.h"
#include "transport/inbox.h"
#include "transport/text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_config = 78;

std::atomic<bool> stop_requested = false;
void on_signal(int) { stop_requested = true; }

int fail(const Error& error, int code = exit_failure) {
  std::fprintf(stderr, "godwit: %s\n", error.message.c_str());
  return code;
}

struct BrokerArguments {
  std::string config, url, username, password_file, ca, cert, key;
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
  return finalise_mqtt(*settings, unique_client_id("godwit-tail"));
}

int run_tail(const BrokerArguments& arguments, const TailOptions& chosen) {
  if (!chosen.node.empty()) {
    if (Status status = check_node_name(chosen.node); !status)
      return fail(status.error(), exit_config);
  }
  auto options = broker_options(arguments);
  if (!options) return fail(options.error(), exit_config);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);

  Tail tail(chosen);
  Inbox<LinkEvent> inbox(500);
  const auto link = make_mqtt_link(std::move(*options));
  if (Status status = tail.subscribe(*link); !status) return fail(status.error());
  if (Status status = link->start([&](LinkEvent&& event) { inbox.push(std::move(event)); });
      !status) {
    return fail(status.error());
  }
  bool output_open = true;
  std::string told;  // why there is no connection
  while (!stop_requested && output_open) {
    for (const auto& event : inbox.wait(200)) {
      if (event.type == LinkEvent::Type::disconnected) {
        if (event.reason != told) {
          std::fprintf(stderr, "godwit: %s; trying again\n", event.reason.c_str());
        }
        told = event.reason;
      }
      if (event.type != LinkEvent::Type::message) continue;
      const std::string lines = tail.on_message(event.message);
      if (lines.empty()) continue;
      output_open = std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() &&
                    std::fflush(stdout) == 0;
    }
  }
  link->stop(0);
  return 0;
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
  if (!message) return fail(message.error());
  std::vector<std::string> schemas;
  for (const auto& schema_path : schema_paths) {
    auto schema = read_message(schema_path);
    if (!schema) return fail(schema.error());
    schemas.push_back(std::move(*schema));
  }
  const auto text = describe_message(*message, schemas);
  if (!text) return fail(text.error().with_prefix(path));
  std::puts(text->c_str());
  return 0;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  using namespace godwit;
  CLI::App app("Looks at what godwit-agents send.", "godwit");
  app.set_version_flag("--version", std::string("godwit ") + GODWIT_VERSION);
  app.require_subcommand(1);

  auto* tail = app.add_subcommand("tail", "Print live readings: time, node, series, value");
  BrokerArguments broker;
  TailOptions options;
  add_broker_options(*tail, broker);
  tail->add_option("--node", options.node, "Only this node");
  tail->add_option("--metric", options.metric, "Only metrics whose name matches, e.g. 'hw_*'");
  tail->add_flag("--json", options.json, "One JSON object per line");

  auto* decode = app.add_subcommand("decode", "Show a message (frame, schema, ack, ...) as JSON");
  std::string file;
  std::vector<std::string> schemas;
  decode->add_option("file", file, "The payload, as received")->required();
  decode->add_option("--schema", schemas, "Schema messages that a frame needs, with parents");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_config;
  }

  return tail->parsed() ? run_tail(broker, options) : run_decode(file, schemas);
}
