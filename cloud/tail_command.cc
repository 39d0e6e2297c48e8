#include <cstdio>

#include "cloud/broker_watch.h"
#include "cloud/tail.h"

namespace godwit {

int tail_command(MqttOptions broker, const TailOptions& options) {
  catch_stop_signals();
  Tail tail(options);
  BrokerWatch watch(std::move(broker), 10'000);
  if (Status status = FrameFeed::subscribe(watch.link(), options.node); !status) {
    return complain(status.error());
  }
  if (Status status = watch.start(); !status) return complain(status.error());
  std::string told;  // why there is no connection
  while (!stop_requested()) {
    const auto messages = watch.wait(200);
    if (watch.reason() != told && !watch.reason().empty()) {
      std::fprintf(stderr, "godwit: %s; trying again\n", watch.reason().c_str());
    }
    told = watch.reason();
    tail.ask_again(watch.link());
    for (const auto& message : messages) {
      const std::string lines = tail.on_message(message);
      if (lines.empty()) continue;
      const bool written = std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() &&
                           std::fflush(stdout) == 0;
      if (!written) return 0;  // whoever read has gone
    }
  }
  return 0;
}

}  // namespace godwit
