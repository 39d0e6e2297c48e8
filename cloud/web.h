// Web: what the relay serves at web.listen: the fleet page, its own interface below /web/v1/ and
// the cluster metrics API. Paths and fields: WEB.md, API.md. The relay's owner thread feeds it, a
// thread of its own refreshes what pages are told once a second, any thread serves.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "cloud/api.h"
#include "cloud/fleet.h"
#include "cloud/latest_view.h"
#include "cloud/web_board.h"
#include "cloud/web_events.h"
#include "cloud/web_guard.h"
#include "cloud/web_hub.h"
#include "cloud/web_memory.h"
#include "cloud/web_page.h"
#include "transport/clock.h"
#include "transport/frame.h"
#include "transport/http_server.h"
#include "transport/schema.h"

namespace godwit {

struct WebOptions {
  std::string relay;  // its name
  std::span<const WebAsset> page{};
  HistoryOptions history{};              // of the database, if there is one
  std::size_t memory_bytes = 64U << 20;  // of the last minutes
  WebGuardOptions guard{};
};

class Web {
 public:
  // `view` and `api` outlive it.
  Web(WebOptions options, const LatestView& view, const Api& api, Clock clock);
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;
  ~Web();

  // For Relay::observe(). `view` has learned of it before.
  void on_live(std::string_view node, const Schema& schema, const Frame& frame);
  void on_history(std::string_view node, const Schema& schema, const Frame& frame);
  void on_presence(std::string_view node, const NodePresence* presence, bool retained);

  // Any thread. May block while the database is asked.
  [[nodiscard]] HttpResponse serve(const HttpRequest& request);

 private:
  void run();
  void write_relay(JsonWriter& json) const;
  [[nodiscard]] HttpResponse show(const HttpRequest& request);
  [[nodiscard]] HttpResponse show_fleet() const;
  [[nodiscard]] HttpResponse show_node(std::string_view name) const;
  [[nodiscard]] HttpResponse show_history(std::string_view name, std::string_view query) const;
  [[nodiscard]] HttpResponse show_events(std::string_view query) const;
  [[nodiscard]] HttpResponse open_stream(std::string_view query);

  const WebOptions options_;
  const LatestView& view_;
  const Api& api_;
  const Clock clock_;
  const std::int64_t started_ms_;
  WebGuard guard_;
  WebHub hub_;
  WebEvents events_;
  WebBoard board_;
  WebMemory memory_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // protected by mutex_
  std::thread thread_;     // last: it uses the others
};

// Headers of every answer at web.listen.
HttpHeaders web_headers();

}  // namespace godwit
