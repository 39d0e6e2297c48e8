// A session with the jtop service: connect, ask it to collect, keep it collecting, read what is
// new.
//
// The service is shared by everybody on the node and easily harmed, so the session owes it care:
//  - {'interval'} is asked for with its answer taken off the queue in the same breath. An answer
//    that nobody takes makes the service burn a core for ever.
//  - It is asked again at most once while its data stands still: when its collecting thread is
//    dead, each further request ends the service.
//  - One keep-alive at least every 3 s, whatever the agent's interval: it stops collecting
//  otherwise
//    and then serves old data as if it were new.
//  - At most one decref for each create, and none after the service went away.
// Not thread safe; may block up to the deadline given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "edge/collectors/jetson_readings.h"
#include "edge/collectors/jtop/connection.h"
#include "edge/collectors/jtop/jtop_data.h"
#include "edge/collectors/jtop/pickle.h"
#include "transport/clock.h"

namespace godwit {

class JtopSession {
 public:
  struct Options {
    std::string path;
    double interval_s = 1;  // to ask the service for; the first client of all decides
    Clock clock;
    bool same_machine = true;  // the service's uptime is that of `clock`
    RandomSource random;
    std::string cuda = {};  // installed_cuda(), which the service does not tell
  };

  explicit JtopSession(Options options) : options_(std::move(options)) {}
  JtopSession(const JtopSession&) = delete;
  JtopSession& operator=(const JtopSession&) = delete;
  ~JtopSession() { close(); }

  // Brings readings() up to date, connecting first where needed. After a failure it tries again
  // after 1 s, later up to 30 s; a poll before that repeats the error. no_data: no such service.
  // On failure nothing that readings() holds may be taken for the present.
  Status poll(std::int64_t deadline);
  // Says that somebody still listens. To be called every second between polls that are further
  // apart; does nothing without a session.
  void keep_alive();
  // Gives back what was taken from the service. A later poll() starts anew.
  void close();

  // What the service said of itself; nullptr before it did.
  [[nodiscard]] const JtopInit* service() const { return init_ ? &*init_ : nullptr; }
  [[nodiscard]] const JetsonReadings& readings() const { return readings_; }
  // Seconds since the service collected what readings() holds; nothing before the first.
  [[nodiscard]] std::optional<double> sample_age() const;

 private:
  Status connect(std::int64_t deadline);
  Result<JtopConnection> open_connection(std::int64_t deadline);
  Result<std::string> create(std::string_view type, std::int64_t deadline);
  Status exchange();
  Result<Pickle> take_message(double seconds);
  void take_back_answer();
  int busy_looks(int looks, std::int64_t pause);
  void heal_queue();
  Status begin(std::int64_t deadline);
  Status refresh(std::int64_t deadline);
  Status revive(std::int64_t deadline);
  Result<bool> fetch(std::int64_t deadline);
  Result<bool> wait_for_change(std::int64_t deadline);
  Status put(std::string_view message, std::int64_t deadline);
  void accept(bool first_of_timer);
  void drop(const Error& error);
  [[nodiscard]] std::int64_t patience_ms() const;

  Options options_;
  std::string_view key_ = jtop_key;
  JtopConnection connection_;
  std::string queue_id_, data_id_;  // of `create`; void after the service went away
  std::optional<JtopInit> init_;
  bool answer_owed_ = false;  // an {'init'} that we asked for may still lie on the queue
  bool begun_ = false;        // the present connection has been through begin()

  std::optional<Pickle> data_;    // the last new reply of copy()
  std::optional<double> uptime_;  // of data_; services before 4.2 have none
  JetsonReadings readings_;       // of data_
  std::int64_t changed_ms_ = 0;   // steady time at which the data last changed
  std::int64_t asked_ms_ = 0;     // steady time of the last exchange
  std::int64_t said_ms_ = 0;      // of our last message on the queue
  std::int64_t healed_ms_ = 0;    // of the last look for a lost answer
  bool fresh_ = false;            // data_ is of this session and recent
  bool revived_ = false;          // asked again since the data last changed
  bool frozen_ = false;           // and that did not help
  std::int64_t retry_ms_ = 0;     // no new attempt before
  std::int64_t backoff_ms_ = 0;
  Error last_error_;
};

}  // namespace godwit
