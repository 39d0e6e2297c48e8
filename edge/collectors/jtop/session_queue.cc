// The session's dealings with the queue that the service and all of its clients share.
#include <algorithm>
#include <thread>

#include "edge/collectors/jtop/manager.h"
#include "edge/collectors/jtop/session.h"

namespace godwit {
namespace {

constexpr std::int64_t reply_ms = 2000;  // for a call that does not wait by its nature
constexpr std::int64_t exchange_ms = 3000;
constexpr int most_foreign_messages = 16;

void sleep_ms(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

std::int64_t soon() { return steady_ms() + reply_ms; }

}  // namespace

Status JtopSession::put(std::string_view message, std::int64_t deadline) {
  auto reply = jtop_call(connection_, queue_id_, "put", pickle_tuple({message}), deadline);
  said_ms_ = steady_ms();
  if (reply) return {};
  connection_.close();
  return reply.error();
}

// no_data: nothing came in time.
Result<Pickle> JtopSession::take_message(double seconds) {
  const auto wait = static_cast<std::int64_t>(seconds * 1000);
  const std::string args = pickle_tuple({pickle_flag(true), pickle_real(seconds)});
  auto reply = jtop_call(connection_, queue_id_, "get", args, steady_ms() + wait + reply_ms);
  if (!reply && reply.error().code != ErrorCode::no_data) connection_.close();
  return reply;
}

// Not cut short by the caller's deadline: between the put and the get nothing may come.
Status JtopSession::exchange() {
  const std::string wish = pickle_dict({pickle_text("interval"), pickle_real(options_.interval_s)});
  const std::int64_t end = steady_ms() + exchange_ms;
  answer_owed_ = true;
  if (Status status = put(wish, soon()); !status) return status;
  for (int foreign = 0; foreign < most_foreign_messages;) {
    const std::int64_t left = end - steady_ms();
    // The last get is for an answer that came late.
    auto message = take_message(left > 0 ? static_cast<double>(left) / 1000 : 1.0);
    if (!message && message.error().code != ErrorCode::no_data) return message.error();
    if (message) {
      const PickleValue value = message->root().at(1);
      if (const PickleValue init = value["init"]; init.is(PickleType::dict)) {
        answer_owed_ = false;
        asked_ms_ = steady_ms();
        init_ = parse_jtop_init(init);
        return {};
      }
      if (value.size() != 0) {  // somebody else's: hand it back and let its owner have it
        if (auto copy = pickle_copy(value); copy) {
          if (Status status = put(*copy, soon()); !status) return status;
        }
        sleep_ms(20);
      }
      ++foreign;
    } else if (left <= 0) {
      break;
    }
  }
  connection_.close();
  return Error{ErrorCode::timeout,
               "the jtop service did not answer the request to collect (busy or dead; "
               "systemctl status jtop)"};
}

// After an exchange that failed: its answer must not stay on the queue.
void JtopSession::take_back_answer() {
  auto message = take_message(1.0);
  if (message) {
    const PickleValue value = message->root().at(1);
    if (value.size() != 0 && !value["init"]) {
      if (auto copy = pickle_copy(value); copy) (void)put(*copy, soon()).ok();
    }
  }
  if (message || message.error().code == ErrorCode::no_data) answer_owed_ = false;
}

// How many of some looks find a message on the queue. Messages are taken at once, so it is empty.
int JtopSession::busy_looks(int looks, std::int64_t pause) {
  int busy = 0;
  for (int i = 0; i < looks && connection_.is_open(); ++i) {
    auto size = jtop_call(connection_, queue_id_, "qsize", pickle_tuple({}), soon());
    if (!size) {
      if (size.error().code != ErrorCode::rejected) connection_.close();
      return 0;
    }
    if (size->root().at(1).integer().value_or(0) > 0) ++busy;
    sleep_ms(pause);
  }
  return busy;
}

// A client that died between request and answer leaves an {'init'} that the service passes round
// for ever, at the price of a core. A message that a living client waits for is gone in no time, so
// only what stays for a second is taken.
void JtopSession::heal_queue() {
  healed_ms_ = steady_ms();
  if (busy_looks(5, 4) >= 2 && busy_looks(50, 20) >= 15) take_back_answer();
}

}  // namespace godwit
