// What is wrong when npu-smi gives a message, or nothing of use, instead of data: a reason for
// machines (label of godwit_npu_error) and one line for a person that says what to do.
#pragma once

#include <string>
#include <string_view>

#include "edge/collectors/npu_smi/report.h"
#include "transport/result.h"

namespace godwit::npu_smi {

struct Fault {
  std::string_view reason;  // snake_case; "" for a tool that is not installed: no fault
  Error error;
};

// The tool could not be run, or not to its end.
Fault fault_of_run(const Error& error, std::string_view program);
// It ran and said this.
Fault fault_of_message(const Message& message);
// It ran, and what it said is none of its outputs, or a table without chips.
Fault fault_of_output(std::string_view what, int exit_status);

}  // namespace godwit::npu_smi
