// What a database's answer means for the samples that were sent: whether they are refused for good,
// and why, as a word for metrics. The words come from the texts of Prometheus, Mimir, Cortex and
// Thanos receive; remote-write 1.0 asks senders not to read them, and with one exception they only
// name what the status has decided.
#pragma once

#include <string_view>

namespace godwit {

// 400, 409, 413, 422. The exception: 500 of Prometheus 2.39 to 2.49 for samples that are too old
// (storage/remote/write_handler.go knew ErrTooOldSample as no client's fault until 2.50); they
// would be sent again for ever.
bool is_refusal(int status, std::string_view answer);

// too_large, too_old, out_of_order, duplicate (another value is stored for that time), future,
// limit, refused.
std::string_view refusal_reason(int status, std::string_view answer);

}  // namespace godwit
