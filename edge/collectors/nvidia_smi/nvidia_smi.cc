#include "edge/collectors/nvidia_smi/nvidia_smi.h"

#include <algorithm>

#include "edge/collectors/fault_pause.h"
#include "edge/collectors/nvidia_smi/query.h"
#include "edge/collectors/nvidia_smi/series.h"
#include "transport/text.h"

namespace godwit {
namespace {

using namespace nvidia_smi;
using std::chrono::milliseconds;

constexpr std::size_t output_cap = 1U << 20;
constexpr std::string_view tegra_path = "/proc/device-tree/compatible";

// Exit codes of nvidia-smi(1), "RETURN VALUE".
struct ExitCode {
  int code;
  std::string_view reason;  // label of godwit_gpu_error; "": no fault
  ErrorCode error;
  std::string_view advice;
};
constexpr ExitCode exit_codes[] = {
    {2, "query", ErrorCode::invalid, "the tool does not know a field that it lists"},
    {3, "unsupported", ErrorCode::unavailable, "the driver cannot do this on this GPU"},
    {4, "permission", ErrorCode::permission,
     "no permission: the user needs /dev/nvidiactl and /dev/nvidia*"},
    {6, "no_device", ErrorCode::no_data, "the driver sees no GPU on this node"},
    {8, "power_cable", ErrorCode::unavailable, "a GPU's power cable is not connected"},
    {9, "driver", ErrorCode::unavailable,
     "the driver does not answer: check that the module nvidia is loaded, and that /dev/nvidiactl "
     "and /dev/nvidia* are in the container"},
    {10, "interrupt", ErrorCode::unavailable, "the kernel has an interrupt problem with a GPU"},
    {12, "library", ErrorCode::unavailable,
     "libnvidia-ml.so is not found: install it, or mount it and set LD_LIBRARY_PATH"},
    {14, "info_rom", ErrorCode::unavailable, "a GPU's infoROM is corrupt"},
    {15, "lost", ErrorCode::unavailable,
     "a GPU has fallen off the bus: look at dmesg, restart the node"},
    {18, "version", ErrorCode::unavailable,
     "driver and library are of different versions: reload the module nvidia or restart the node"},
    // As a wrapper's shell says it, or an emulator that cannot tell that it failed to start it.
    {127, "", ErrorCode::no_data, "the tool is not there, or its loader"},
};

struct Fault {
  std::string_view reason;  // "" for a tool that is not there: no fault
  Error error;
};

Fault fault_of_run(const Error& error, std::string_view command) {
  if (error.code == ErrorCode::no_data) {
    return {"",
            {error.code, concat("nvidia-smi: ", command,
                                " is not there; on a node with a discrete GPU mount it and "
                                "libnvidia-ml.so.1, or set collectors.nvidia_smi.command")}};
  }
  if (error.code == ErrorCode::timeout) {
    return {"timeout",
            {error.code, concat(error.message,
                                "; the driver hangs or is very busy: try it by hand, see dmesg")}};
  }
  if (error.code == ErrorCode::permission) {
    return {"permission",
            {error.code, concat("nvidia-smi: ", command, " may not be run by this user")}};
  }
  return {error.code == ErrorCode::unavailable ? "hung" : "failed", error};
}

Fault fault_of_exit(int status, std::string_view said) {
  const std::string what =
      concat(" (exit status ", status, ": ", quote_for_message(said, 160), ")");
  // Some versions say it with the status 255 or 9.
  if (to_lower(said).find("version mismatch") != std::string::npos) status = 18;
  for (const auto& known : exit_codes) {
    if (known.code == status) {
      return {known.reason, {known.error, concat("nvidia-smi: ", known.advice, what)}};
    }
  }
  return {"failed",
          {ErrorCode::unavailable, concat("nvidia-smi: it failed, run it by hand", what)}};
}

class NvidiaSmi final : public Collector {
 public:
  NvidiaSmi(const Host& host, const CollectorSettings& settings)
      : host_(host), settings_(settings) {}

  Status collect(Batch& out) override;

 private:
  Status read(Batch& out);
  std::optional<Fault> find_fields();
  std::optional<Fault> read_gpus(std::vector<Gpu>& gpus);
  void read_processes(const std::vector<Gpu>& gpus, Batch& out);
  Result<CommandOutput> run(std::vector<std::string> arguments);
  [[nodiscard]] std::string find_program() const;

  const Host host_;
  const CollectorSettings settings_;
  std::string program_;
  std::vector<Column> columns_;
  std::string query_;
  std::int64_t end_ms_ = 0;  // of this collect()
  EnergyMeter energy_;

  std::optional<Fault> fault_;  // of the last run
  std::vector<std::string> lost_;
  FaultPause pause_;
};

// A bare name is searched in PATH on the real machine; under another root only below that root.
std::string NvidiaSmi::find_program() const {
  const std::string& command = settings_.command;
  if (host_.is_real() || command.find('/') != std::string::npos) return command;
  return host_.path(concat("/usr/bin/", command));
}

Result<CommandOutput> NvidiaSmi::run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program_);
  return run_command(arguments, milliseconds(std::max<std::int64_t>(end_ms_ - steady_ms(), 1)),
                     output_cap);
}

std::string_view text_of(const CommandOutput& output) {
  const std::string_view text = trim(output.text);
  return text.empty() ? trim(output.error_text) : text;
}

std::optional<Fault> NvidiaSmi::find_fields() {
  if (!columns_.empty()) return std::nullopt;
  program_ = find_program();
  const auto help = run({"--help-query-gpu"});
  if (!help) return fault_of_run(help.error(), settings_.command);
  if (help->exit_status != 0) return fault_of_exit(help->exit_status, text_of(*help));
  auto columns = parse_fields(help->text);
  if (!columns) return Fault{"unreadable", columns.error().with_prefix("nvidia-smi")};
  columns_ = std::move(*columns);
  query_ = query_of(columns_);
  return std::nullopt;
}

// A tool that fails because of one GPU may have told of the others.
std::optional<Fault> NvidiaSmi::read_gpus(std::vector<Gpu>& gpus) {
  const auto output = run({concat("--query-gpu=", query_), "--format=csv,noheader,nounits"});
  if (!output) return fault_of_run(output.error(), settings_.command);
  Rows rows = parse_gpus(output->text, columns_);
  gpus = std::move(rows.gpus);
  lost_ = std::move(rows.lost);
  for (auto& id : lost_gpus(output->error_text)) lost_.push_back(std::move(id));
  const std::string_view said = rows.other.empty() ? trim(output->error_text) : rows.other;
  // A tool whose output is cut off is ended by that.
  if (output->exit_status != 0 && !output->truncated) {
    return fault_of_exit(output->exit_status, said);
  }
  if (!lost_.empty()) return fault_of_exit(15, said);
  if (output->truncated || gpus.empty() || !rows.other.empty()) {
    return Fault{
        "unreadable",
        {ErrorCode::invalid, concat("nvidia-smi: its answer has no row of ", columns_.size(),
                                    " fields for each GPU: ", quote_for_message(said, 160))}};
  }
  return std::nullopt;
}

void NvidiaSmi::read_processes(const std::vector<Gpu>& gpus, Batch& out) {
  const auto output =
      run({concat("--query-compute-apps=", process_query), "--format=csv,noheader,nounits"});
  if (!output || output->exit_status != 0 || output->truncated) return;
  add_processes(gpus, parse_processes(output->text), settings_.max_processes, out);
}

Status NvidiaSmi::read(Batch& out) {
  end_ms_ = steady_ms() + settings_.deadline.count();
  std::vector<Gpu> gpus;
  lost_.clear();
  auto fault = find_fields();
  if (!fault) fault = read_gpus(gpus);
  add_gpus(gpus, energy_, host_.now().boot_ms, out);
  if (!fault) {
    read_processes(gpus, out);
    fault_.reset();
    pause_.reset();
    return {};
  }
  // The driver may have been changed for another.
  columns_.clear();
  fault_ = std::move(fault);
  if (!gpus.empty()) return fault_->error;
  pause_.start(host_.now().boot_ms);
  return fault_->error;
}

Status NvidiaSmi::collect(Batch& out) {
  // JetPack has an nvidia-smi that knows next to nothing of the GPU.
  if (const auto board = host_.read_file(tegra_path);
      board && board->find("nvidia,tegra") != std::string::npos) {
    return Error{ErrorCode::no_data, "nvidia-smi: this is a Jetson, which jtop and tegra read"};
  }
  const bool pauses = fault_ && !pause_.is_over(host_.now().boot_ms);
  Status status = pauses ? Status(fault_->error) : read(out);
  if (status) return status;
  for (const auto& id : lost_) add_lost(id, out);
  if (!fault_->reason.empty()) {
    out.add("godwit_gpu_error", {{"reason", std::string(fault_->reason)}}, 1);
  }
  return status;
}

}  // namespace

CollectorSettings nvidia_smi_defaults() {
  CollectorSettings settings;
  settings.interval = std::chrono::seconds(10);
  settings.deadline = std::chrono::seconds(10);
  settings.command = "nvidia-smi";
  return settings;
}

std::unique_ptr<Collector> make_nvidia_smi(const Host& host, const CollectorSettings& settings) {
  return std::make_unique<NvidiaSmi>(host, settings);
}

}  // namespace godwit
