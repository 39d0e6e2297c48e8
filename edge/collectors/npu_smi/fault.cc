#include "edge/collectors/npu_smi/fault.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit::npu_smi {
namespace {

struct KnownCode {
  std::int64_t code;  // of DCMI, the library below npu-smi
  std::string_view reason;
  ErrorCode error;
  std::string_view advice;
};
constexpr KnownCode known_codes[] = {
    {-8002, "permission", ErrorCode::permission,
     "no permission: run as root or in the group HwHiAiUser"},
    {-8005, "driver", ErrorCode::unavailable,
     "the driver does not answer: check that the driver is loaded, that /dev/davinci_manager, "
     "/dev/devmm_svm, /dev/hisi_hdc and /dev/davinciN are in the container, and that the user is "
     "root or in the group HwHiAiUser"},
    {-8006, "timeout", ErrorCode::timeout, "the device did not answer in time"},
    {-8008, "no_device", ErrorCode::no_data, "the device is not there: check it with lspci"},
    {-8012, "not_ready", ErrorCode::unavailable, "the device is not ready yet"},
    {-8013, "container", ErrorCode::unavailable, "this is not possible in a container"},
    {-8017, "upgrading", ErrorCode::unavailable, "the device's firmware is being upgraded"},
    {-8020, "device_busy", ErrorCode::unavailable,
     "another container has taken the device: run the agent privileged, or allow sharing with "
     "npu-smi set -t device-share"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Fault make(std::string_view reason, ErrorCode code, std::string_view what,
           std::string_view advice) {
  return {reason, {code, concat("npu-smi: ", advice, " (", quote_for_message(what, 160), ")")}};
}

// "npu-smi: error while loading shared libraries: libc_sec.so: cannot open ...": the library.
std::string_view library_in(std::string_view line) {
  constexpr std::string_view lead = "shared libraries: ";
  const std::size_t at = line.find(lead);
  if (at == std::string_view::npos) return "a library";
  const std::string_view rest = line.substr(at + lead.size());
  return rest.substr(0, rest.find(':'));
}

}  // namespace

Fault fault_of_run(const Error& error, std::string_view program) {
  if (error.code == ErrorCode::no_data) {
    return {
        "",
        {error.code,
         concat(
             "npu-smi: ", program,
             " is not there (or its loader is not); on a node with Ascend NPUs mount the tool and "
             "/usr/local/Ascend/driver into the container, or set "
             "collectors.npu_smi.command")}};
  }
  if (error.code == ErrorCode::permission) {
    return {"permission",
            {error.code, concat("npu-smi: ", program,
                                " may not be run by this user: check its mode "
                                "and noexec mounts")}};
  }
  if (error.code == ErrorCode::timeout) {
    return {"timeout",
            {error.code, concat(error.message,
                                "; the driver hangs or is very busy: try it by hand, see dmesg")}};
  }
  return {error.code == ErrorCode::unavailable ? "hung" : "failed", error};
}

Fault fault_of_message(const Message& message) {
  const std::string_view line = message.decisive;
  const std::string lower = to_lower(line);
  for (const auto& known : known_codes) {
    if (message.code == known.code) return make(known.reason, known.error, line, known.advice);
  }
  if (contains(lower, "shared libraries")) {
    return make("library", ErrorCode::io, line,
                concat("cannot load ", library_in(line),
                       ": give the agent LD_LIBRARY_PATH with /usr/local/Ascend/driver/lib64 and "
                       "its folders common and driver, and mount them"));
  }
  if (contains(lower, "no npu")) {
    return make("no_device", ErrorCode::no_data, line, "the driver sees no card on this node");
  }
  if (contains(lower, "permission") || contains(lower, "not permitted")) {
    return make("permission", ErrorCode::permission, line,
                "no permission: run as root or in the group HwHiAiUser");
  }
  if (contains(lower, "command not found")) {
    return make("", ErrorCode::no_data, line, "the tool is not there");
  }
  return make("failed", ErrorCode::unavailable, line, "it reports an error");
}

Fault fault_of_output(std::string_view what, int exit_status) {
  return {"unreadable",
          {ErrorCode::invalid, concat("npu-smi: ", what, ", exit status ", exit_status,
                                      "; run it by hand and report its output")}};
}

}  // namespace godwit::npu_smi
