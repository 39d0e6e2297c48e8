// Any bytes of a gRPC client, in any two pieces: answers or the end of the connection, never beyond
// bounds. The calls reach the external monitor, so its messages are decoded as well.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "edge/external_monitor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace godwit;
  if (size == 0) return 0;
  Health health{HealthSettings{}};
  Batch batch;
  batch.add_info("hw_gpu_info", {{"hw_id", "0"}, {"hw_type", "gpu"}});
  health.observe("nvidia_smi", {}, batch, {1000, std::nullopt});
  ExternalMonitor monitor(health, [] { return TimePoint{1'700'000'000'000, 5000}; });
  std::size_t answered = 0;
  const GrpcHandler handler = [&](std::string_view method, std::string_view message) {
    if (message.size() > GrpcLimits{}.max_message_bytes) std::abort();
    GrpcReply reply = monitor.answer(method, message);
    answered += reply.message.size();
    return reply;
  };
  GrpcServerSession session(handler);
  const std::string_view all(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = std::min<std::size_t>(data[0], all.size());
  std::size_t sent = 0;
  for (const auto piece : {all.substr(0, cut), all.substr(cut)}) {
    const bool alive = session.receive(piece).ok();
    if (session.open_calls() > GrpcLimits{}.max_streams) std::abort();
    std::string out;
    session.take_output(out, 1U << 20);
    sent += out.size();
    if (!alive) break;
  }
  // Every frame of a peer is answered by a few bytes at most, besides the messages.
  if (sent > 1024 + answered + 64 * size) std::abort();
  return 0;
}
