#include "edge/collectors/npu_smi/npu_smi.h"

#include <algorithm>
#include <array>
#include <set>

#include "edge/collectors/fault_pause.h"
#include "edge/collectors/npu_smi/fault.h"
#include "edge/collectors/npu_smi/parse.h"
#include "edge/collectors/npu_smi/series.h"
#include "transport/text.h"

namespace godwit {
namespace {

using namespace npu_smi;
using std::chrono::milliseconds;

constexpr std::size_t output_cap = 1U << 20;
constexpr std::int64_t least_time_for_more_ms = 2'000;
constexpr std::int64_t card_power_period_ms = 30'000;
constexpr std::int64_t card_power_life_ms = 120'000;
constexpr std::int64_t fault_codes_period_ms = 60'000;
constexpr std::int64_t unanswered_pause_ms = 600'000;
constexpr std::size_t max_fault_codes = 16;

struct Question {
  std::vector<std::string> arguments;
  std::string subject;  // what is_due() remembers
  std::int64_t period_ms = 0;
};

std::int64_t id_or(const std::optional<std::int64_t>& id, std::int64_t other) {
  return id.value_or(other);
}

bool is_ok(const Chip& chip) { return to_lower(chip.health) == "ok"; }

class NpuSmi final : public Collector {
 public:
  NpuSmi(const Host& host, const CollectorSettings& settings)
      : host_(host), settings_(settings), programs_(candidates()) {}

  Status collect(Batch& out) override;

 private:
  [[nodiscard]] std::vector<std::string> candidates() const;
  std::variant<InfoTable, Fault> read_table(std::int64_t end_ms);
  Result<CommandOutput> run(const std::vector<std::string>& arguments, std::int64_t end_ms);
  Error pause_after(Fault fault);

  void ask_more(const InfoTable& table, std::int64_t end_ms);
  [[nodiscard]] std::optional<Question> next_question(const InfoTable& table) const;
  [[nodiscard]] bool is_due(const std::string& subject) const;
  bool take_answer(const Question& question, const Report& report);
  bool take_mapping(const Mapping& mapping);
  bool take_faults(const Question& question, const KeyValues& report);
  bool take_card_power(std::int64_t npu, const KeyValues& report);
  void forget_old(const InfoTable& table);

  const Host host_;
  const CollectorSettings settings_;
  const std::vector<std::string> programs_;
  std::size_t program_ = 0;  // the one that was found

  std::optional<Fault> fault_;  // of the last run
  FaultPause pause_;

  Extras extras_;
  std::set<std::string> mapped_;                        // chips that were there when -m was asked
  std::map<std::string, std::int64_t> due_at_ms_;       // by subject
  std::map<std::int64_t, std::int64_t> power_read_ms_;  // by card
};

// A bare name is searched in PATH on the real machine; under another root only below that root.
std::vector<std::string> NpuSmi::candidates() const {
  const std::string& command = settings_.command;
  if (command.find('/') != std::string::npos) return {command};
  std::vector<std::string> result;
  if (host_.is_real()) result.push_back(command);
  for (const std::string_view folder : {"/usr/local/bin/", "/usr/local/sbin/"}) {
    result.push_back(host_.path(concat(folder, command)));
  }
  return result;
}

Result<CommandOutput> NpuSmi::run(const std::vector<std::string>& arguments, std::int64_t end_ms) {
  std::vector<std::string> argv = {programs_[program_]};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_command(argv, milliseconds(std::max<std::int64_t>(end_ms - steady_ms(), 1)),
                     output_cap);
}

std::variant<InfoTable, Fault> NpuSmi::read_table(std::int64_t end_ms) {
  Result<CommandOutput> output = run({"info"}, end_ms);
  for (std::size_t i = 0; i < programs_.size() && !output; ++i) {
    if (output.error().code != ErrorCode::no_data) break;
    program_ = i;
    output = run({"info"}, end_ms);
  }
  if (!output) return fault_of_run(output.error(), settings_.command);
  if (output->truncated) {
    return fault_of_output(concat("its output has no end within ", output_cap, " bytes"),
                           output->exit_status);
  }
  // The loader and the shell write to standard error, the tool itself to standard output.
  const std::string_view text =
      trim(output->text).empty() ? std::string_view(output->error_text) : output->text;
  auto report = parse_report(text);
  if (!report) return fault_of_output(report.error().message, output->exit_status);
  if (const auto* message = std::get_if<Message>(&*report)) return fault_of_message(*message);
  auto* table = std::get_if<InfoTable>(&*report);
  if (table == nullptr) return fault_of_output("its output is no table", output->exit_status);
  if (table->chips.empty()) return fault_of_output("its table has no chips", output->exit_status);
  return std::move(*table);
}

Error NpuSmi::pause_after(Fault fault) {
  pause_.start(host_.now().boot_ms);
  fault_ = std::move(fault);
  extras_ = {};
  due_at_ms_.clear();
  return fault_->error;
}

Status NpuSmi::collect(Batch& out) {
  const std::int64_t end_ms = steady_ms() + settings_.deadline.count();
  Error error;
  if (fault_ && !pause_.is_over(host_.now().boot_ms)) {
    error = fault_->error;
  } else {
    auto result = read_table(end_ms);
    if (auto* table = std::get_if<InfoTable>(&result)) {
      fault_.reset();
      pause_.reset();
      forget_old(*table);
      ask_more(*table, end_ms);
      add_series(*table, extras_, settings_.max_processes, out);
      return {};
    }
    error = pause_after(std::move(std::get<Fault>(result)));
  }
  if (!fault_->reason.empty()) {
    out.add("godwit_npu_error", {{"reason", std::string(fault_->reason)}}, 1);
  }
  return error;
}

bool NpuSmi::is_due(const std::string& subject) const {
  const auto it = due_at_ms_.find(subject);
  return it == due_at_ms_.end() || host_.now().boot_ms >= it->second;
}

// What another question has told and is true no more.
void NpuSmi::forget_old(const InfoTable& table) {
  const std::int64_t now = host_.now().boot_ms;
  std::erase_if(extras_.card_watts, [&](const auto& entry) {
    return now - power_read_ms_[entry.first] > card_power_life_ms;
  });
  std::set<std::string> present;
  for (const auto& chip : table.chips) {
    const std::string id = hardware_id(chip);
    present.insert(id);
    const auto extra = extras_.chips.find(id);
    if (is_ok(chip) && extra != extras_.chips.end()) extra->second.faults.reset();
  }
  std::erase_if(extras_.chips, [&](const auto& entry) { return !present.contains(entry.first); });
  if (present != mapped_) due_at_ms_.clear();
  mapped_ = std::move(present);
}

// One question per collect(), the one whose answer matters most first.
std::optional<Question> NpuSmi::next_question(const InfoTable& table) const {
  const auto lacks_ids = [](const Chip& chip) { return !chip.logic_id && !chip.phy_id; };
  if (std::any_of(table.chips.begin(), table.chips.end(), lacks_ids) && is_due("-m")) {
    return Question{{"info", "-m"}, "-m", INT64_MAX / 2};
  }
  for (const auto& chip : table.chips) {
    const std::string id = hardware_id(chip);
    if (!chip.npu_id || chip.health.empty() || is_ok(chip) || !is_due(id)) continue;
    std::vector<std::string> arguments = {"info", "-t", "health", "-i",
                                          std::to_string(*chip.npu_id)};
    if (chip.chip_id) arguments.insert(arguments.end(), {"-c", std::to_string(*chip.chip_id)});
    return Question{std::move(arguments), id, fault_codes_period_ms};
  }
  std::set<std::int64_t> powered;
  for (const auto& chip : table.chips) {
    if (chip.power_w) powered.insert(id_or(chip.npu_id, -1));
  }
  for (const auto& chip : table.chips) {
    if (!chip.npu_id || powered.contains(*chip.npu_id)) continue;
    const std::string card = std::to_string(*chip.npu_id);
    if (is_due("power " + card)) {
      return Question{{"info", "-t", "common", "-i", card}, "power " + card, card_power_period_ms};
    }
  }
  return std::nullopt;
}

void NpuSmi::ask_more(const InfoTable& table, std::int64_t end_ms) {
  if (end_ms - steady_ms() < least_time_for_more_ms) return;
  const auto question = next_question(table);
  if (!question) return;
  const auto output = run(question->arguments, end_ms);
  bool answered = false;
  if (output && !output->truncated) {
    const auto report = parse_report(output->text);
    answered = report.ok() && take_answer(*question, *report);
  }
  due_at_ms_[question->subject] =
      host_.now().boot_ms + (answered ? question->period_ms : unanswered_pause_ms);
}

bool NpuSmi::take_answer(const Question& question, const Report& report) {
  if (const auto* mapping = std::get_if<Mapping>(&report)) return take_mapping(*mapping);
  const auto* values = std::get_if<KeyValues>(&report);
  if (values == nullptr) return false;
  if (question.arguments[2] == "health") return take_faults(question, *values);
  const auto npu = parse_int(question.arguments[4]);
  return npu && take_card_power(*npu, *values);
}

bool NpuSmi::take_mapping(const Mapping& mapping) {
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::find(mapping.names.begin(), mapping.names.end(), name) -
                                    mapping.names.begin());
  };
  const auto number = [](const std::vector<std::string>& row, std::size_t at) {
    return at < row.size() ? parse_int(row[at]) : std::nullopt;
  };
  const std::size_t npu = column("NPU ID");
  const std::size_t chip = column("Chip ID");
  for (const auto& row : mapping.rows) {
    Chip key;
    key.npu_id = number(row, npu);
    key.chip_id = number(row, chip);
    auto& extra = extras_.chips[hardware_id(key)];
    extra.logic_id = number(row, column("Chip Logic ID"));
    extra.phy_id = number(row, column("Chip Phy-ID"));
  }
  return !mapping.rows.empty();
}

// "Error Code : A4025021 8C03A000"
bool NpuSmi::take_faults(const Question& question, const KeyValues& report) {
  for (const auto& block : report.blocks) {
    for (const auto& entry : block) {
      if (entry.key != "Error Code") continue;
      std::vector<std::string> codes;
      for (const auto& value : entry.values) {
        for (const auto code : split_blanks(value)) {
          if (!is_hole(code) && codes.size() < max_fault_codes) codes.emplace_back(code);
        }
      }
      std::sort(codes.begin(), codes.end());
      codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
      extras_.chips[question.subject].faults = std::move(codes);
      return true;
    }
  }
  return false;
}

// The board's own sensor, "Chip Name : mcu", or the card's only one.
bool NpuSmi::take_card_power(std::int64_t npu, const KeyValues& report) {
  std::optional<double> watts;
  for (const auto& block : report.blocks) {
    for (const auto& entry : block) {
      if (entry.key != "NPU Real-time Power(W)") continue;
      const auto value = parse_double(entry.values[0]);
      if (value && *value > 0 && *value <= max_watts) watts = value;
    }
  }
  if (!watts) return false;
  extras_.card_watts[npu] = *watts;
  power_read_ms_[npu] = host_.now().boot_ms;
  return true;
}

}  // namespace

CollectorSettings npu_smi_defaults() {
  CollectorSettings settings;
  settings.interval = std::chrono::seconds(10);
  settings.deadline = std::chrono::seconds(15);
  settings.command = "npu-smi";
  return settings;
}

std::unique_ptr<Collector> make_npu_smi(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<NpuSmi>(host, settings);
}

}  // namespace godwit
