// The contract of Link (transport/link.h) as one suite that every implementation passes. An
// implementation brings a LinkWorld: its links, and a broker whose faults the suite asks for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/fakes/loopback_link.h"
#include "test/fakes/recorder.h"
#include "transport/link.h"

namespace godwit::test {

using LinkSpec = LoopbackOptions;

class LinkWorld {
 public:
  virtual ~LinkWorld() = default;
  // Connects within milliseconds and retries within a second. The world outlives its links.
  virtual std::unique_ptr<Link> make_link(const LinkSpec& spec) = 0;
  virtual void down() = 0;  // the broker ends and forgets everything
  virtual void up() = 0;
  virtual void freeze() = 0;  // the broker is there and does not answer
  virtual void thaw() = 0;
  virtual void cut(const std::string& client_id) = 0;  // this connection ends without a goodbye
};

// A link with its recorder, started.
struct Peer {
  Recorder seen;  // outlives link
  std::string id;
  std::unique_ptr<Link> link;

  Peer(LinkWorld& world, const LinkSpec& spec, const std::vector<std::string>& filters = {});
  // Connected, and every filter given so far is in force at the broker.
  [[nodiscard]] bool ready();
  // Waits while the link is full.
  [[nodiscard]] Status publish(const std::string& topic, const std::string& payload,
                               bool retain = false) const;
  // Messages but for those of ready().
  [[nodiscard]] std::vector<std::string> payloads() const;
  [[nodiscard]] bool wait_for_payload(const std::string& payload) const;
};

// To be called in a TEST_CASE; each rule is a section with a world of its own.
void check_link_contract(const std::function<std::unique_ptr<LinkWorld>()>& make_world);

}  // namespace godwit::test
