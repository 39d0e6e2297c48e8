#include "edge/commands.h"

#include <filesystem>
#include <vector>

#include "edge/accelerator_pods.h"
#include "edge/accelerators.h"
#include "edge/collectors/jtop/jtop.h"
#include "edge/collectors/npu_smi/parse.h"
#include "edge/health.h"
#include "edge/read_all.h"
#include "transport/exposition.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

void print_json(const std::vector<Reading>& readings, std::ostream& out) {
  JsonWriter json(2);
  json.begin_object();
  for (const auto& reading : readings) {
    json.key(reading.name);
    json.begin_object();
    json.member("seconds", reading.seconds);
    if (!reading.status) json.member("problem", reading.status.error().message);
    json.key("readings");
    json.begin_object();
    for (const auto& sample : reading.samples) {
      json.member(format_series(sample.series), sample.value);
    }
    json.end_object();
    json.end_object();
  }
  json.end_object();
  out << json.text() << '\n';
}

void print_prom(const std::vector<Reading>& readings, std::ostream& out) {
  std::vector<Sample> all;
  for (const auto& reading : readings) {
    all.insert(all.end(), reading.samples.begin(), reading.samples.end());
  }
  out << expose(all);
}

// What the agent makes of the readings together: who uses the accelerators, and how they are.
void add_judgements(const AgentSettings& settings, const Host& host,
                    std::vector<Reading>& readings) {
  AcceleratorPods pods(host);
  Health health(settings.health);
  const std::int64_t now_ms = host.now().boot_ms;
  for (const bool accelerators : {false, true}) {
    for (auto& reading : readings) {
      if (is_accelerator_source(reading.collector) != accelerators) continue;
      Batch batch;
      for (auto& it : reading.samples) batch.add_foreign(std::move(it.series), it.value);
      health.observe(reading.name, reading.status, batch, {now_ms, {}});
      pods.observe(reading.collector, reading.status, batch, now_ms);
      reading.samples = batch.take();
    }
  }
  Reading judged{"health", "health", health.take_series({now_ms, {}}).take(), {}, 0};
  if (!judged.samples.empty()) readings.push_back(std::move(judged));
}

}  // namespace

int once_command(const AgentSettings& settings, OnceFormat format, const std::string& collector,
                 std::ostream& out, std::ostream& errors, TableStyle style) {
  std::vector<const AgentSettings::Choice*> choices;
  for (const auto& choice : settings.collectors) {
    const bool chosen = collector.empty() || choice.spec->name == collector ||
                        collector_name(*choice.spec, choice.settings) == collector;
    if (chosen) choices.push_back(&choice);
  }
  if (choices.empty()) {
    errors << "godwit-agent: no collector "
           << (collector.empty() ? "is enabled" : concat("called ", quote_for_message(collector)))
           << "; enabled are:";
    for (const auto& choice : settings.collectors) {
      errors << ' ' << collector_name(*choice.spec, choice.settings);
    }
    errors << '\n';
    return exit_config;
  }
  const Host host(settings.root);
  std::vector<Reading> readings = read_all(choices, host);
  add_judgements(settings, host, readings);
  if (format == OnceFormat::table) print_table(readings, style, out);
  if (format == OnceFormat::prom) print_prom(readings, out);
  if (format == OnceFormat::json) print_json(readings, out);
  bool any = false;
  for (const auto& reading : readings) {
    any = any || (!reading.samples.empty() && reading.collector != "health");
    if (!reading.status) {
      errors << reading.name << ": " << reading.status.error().message << '\n';
    } else if (reading.samples.empty()) {
      errors << reading.name << ": nothing to read on this node\n";
    }
  }
  return any ? exit_ok : exit_failure;
}

int parse_command(const std::string& kind, const std::string& file, std::ostream& out,
                  std::ostream& errors) {
  // A file of the user's, not of the host under --root.
  const auto content = Host().read_file(std::filesystem::absolute(file).string(), 16U << 20);
  const auto parsed = !content            ? Result<std::string>(content.error())
                      : kind == "npu-smi" ? parse_npu_smi_file(*content, file)
                                          : parse_jtop_file(*content);
  if (!parsed) {
    const std::string& message = parsed.error().message;
    const bool names_file = message.find(file) != std::string::npos;
    errors << "godwit-agent: " << (names_file ? "" : file + ": ") << message << '\n';
    return exit_failure;
  }
  out << *parsed << (parsed->ends_with('\n') ? "" : "\n");
  return exit_ok;
}

}  // namespace godwit
