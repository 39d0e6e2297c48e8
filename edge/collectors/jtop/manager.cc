#include "edge/collectors/jtop/manager.h"

#include "transport/text.h"

namespace godwit {

std::string jtop_request(std::string_view ident, std::string_view method, std::string_view args) {
  return pickle_document(pickle_tuple({ident.empty() ? pickle_none() : pickle_text(ident),
                                       pickle_text(method), args, pickle_dict({})}));
}

Result<Pickle> read_jtop_reply(std::string bytes) {
  auto reply = Pickle::decode(std::move(bytes));
  if (!reply) return reply.error().with_prefix("reply of the jtop service");
  const PickleValue root = reply->root();
  const std::string_view kind = root.at(0).text();
  const PickleValue value = root.at(1);
  if (!root.is(PickleType::tuple) || root.size() != 2) {
    return Error{ErrorCode::invalid, "reply of the jtop service: not a pair"};
  }
  if (kind == "#RETURN") return reply;
  if (kind == "#ERROR") {
    const std::string name = value.class_name();
    if (name == "_queue.Empty" || name == "queue.Empty" || name == "Queue.Empty") {
      return Error{ErrorCode::no_data, "the queue of the jtop service is empty"};
    }
    return Error{ErrorCode::rejected, concat("the jtop service raised ", quote_for_message(name))};
  }
  // A traceback: its last line says what happened.
  const std::string_view last = split_lines(trim(value.text())).empty()
                                    ? std::string_view("no text")
                                    : split_lines(trim(value.text())).back();
  return Error{ErrorCode::rejected,
               concat("the jtop service answered ", quote_for_message(kind, 20), ": ",
                      quote_for_message(last))};
}

Result<Pickle> jtop_call(JtopConnection& connection, std::string_view ident,
                         std::string_view method, std::string_view args, std::int64_t deadline) {
  if (Status sent = connection.send(jtop_request(ident, method, args), deadline); !sent) {
    return sent.error();
  }
  auto bytes = connection.receive(jtop_frame_limit, deadline);
  if (!bytes) return bytes.error();
  return read_jtop_reply(std::move(*bytes));
}

}  // namespace godwit
