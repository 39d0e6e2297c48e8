// Godwit's messages as JSON, for `godwit decode` and for whoever looks at the wire.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "transport/frame.h"
#include "transport/json_writer.h"
#include "transport/result.h"
#include "transport/schema.h"

namespace godwit {

// Any message of FRAME.md; its kind is found by trying. `schemas` are schema messages: a frame
// whose schema is among them (with its parents) is shown by series, any other by column. Error:
// none of ours.
Result<std::string> describe_message(std::string_view message,
                                     std::span<const std::string> schemas);

// A number, or the text "NaN", "+Inf", "-Inf", which JSON has no numbers for.
void write_value(JsonWriter& json, double value);

}  // namespace godwit
