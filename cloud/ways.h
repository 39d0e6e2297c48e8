// Ways: the relay's Link over both ways at once, its MQTT broker and KubeEdge's EventBus. What is
// meant for a node goes back by the way on which the node was heard last.
#pragma once

#include <memory>

#include "cloud/eventbus_gateway.h"
#include "transport/link.h"

namespace godwit {

class Ways final : public Link {
 public:
  // `broker` may be nullptr: EventBus alone. The gateway outlives the link.
  Ways(std::unique_ptr<Link> broker, EventbusGateway& gateway)
      : broker_(std::move(broker)), gateway_(gateway) {}

  Status start(Handler handler) override;
  Status publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) override;
  Status subscribe(std::string_view filter, Qos qos) override;
  void stop(std::int64_t drain_ms) override;
  [[nodiscard]] LinkStats stats() const override;

 private:
  std::unique_ptr<Link> broker_;
  EventbusGateway& gateway_;
};

}  // namespace godwit
