// Api: the cluster metrics API of the relay, /api/v1/metrics/…: present and past of nodes, pods and
// the cluster as JSON. Paths, fields and errors: API.md.
#pragma once

#include <optional>
#include <vector>

#include "cloud/api_history.h"
#include "cloud/api_model.h"
#include "cloud/api_query.h"
#include "cloud/latest_view.h"
#include "transport/clock.h"
#include "transport/http_server.h"

namespace godwit {

struct ApiOptions {
  HistoryOptions history;
  bool present_from_database = false;
};

class Api {
 public:
  // `view` outlives it.
  Api(const LatestView& view, ApiOptions options, Clock clock)
      : view_(view), options_(std::move(options)), clock_(std::move(clock)) {}

  // Any thread. Blocks while the database is asked.
  [[nodiscard]] HttpResponse serve(const HttpRequest& request) const;

 private:
  using States = std::vector<NodeState>;

  [[nodiscard]] States present(const ApiTarget& target, std::int64_t now_ms) const;
  [[nodiscard]] HttpResponse show_past(const ApiTarget& target, const ApiQuery& query,
                                       std::int64_t now_ms) const;

  const LatestView& view_;
  const ApiOptions options_;
  const Clock clock_;
};

}  // namespace godwit
