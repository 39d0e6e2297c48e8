#include "edge/grpc.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "edge/grpc_header.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_path_bytes = 256;
constexpr std::size_t max_outbound_acks = 64;

struct Call {
  std::string path;
  bool is_post = false;
  bool is_grpc = false;
  std::string data;
  bool too_large = false;
  bool answered = false;
  std::string answer;  // framed
  std::size_t sent = 0;
};

// Percent encoding of what is not printable ASCII, as grpc-message wants it.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      out += '%' + to_lower(to_hex({&c, 1}));
    }
  }
  return out;
}

}  // namespace

std::string grpc_frame(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((message.size() >> shift) & 0xff);
  }
  return out.append(message);
}

Result<std::string_view> grpc_unframe(std::string_view data) {
  if (data.size() < grpc_prefix_bytes) return Error{ErrorCode::invalid, "no whole message"};
  if (data[0] != 0) return Error{ErrorCode::unavailable, "compressed messages are not taken"};
  std::size_t length = 0;
  for (std::size_t i = 1; i < grpc_prefix_bytes; ++i) {
    length = length << 8 | static_cast<std::uint8_t>(data[i]);
  }
  if (length != data.size() - grpc_prefix_bytes) {
    return Error{ErrorCode::invalid, "the message is not as long as it says"};
  }
  return data.substr(grpc_prefix_bytes);
}

struct GrpcServerSession::State {
  const GrpcHandler& handler;
  const GrpcLimits limits;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, Call> calls;

  State(const GrpcHandler& h, GrpcLimits l) : handler(h), limits(l) {}
  ~State() { nghttp2_session_del(session); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Call* find(std::int32_t stream) {
    const auto it = calls.find(stream);
    return it == calls.end() ? nullptr : &it->second;
  }

  void answer(std::int32_t stream, Call& call) {
    call.answered = true;
    if (!call.is_post || !call.is_grpc) {
      const std::array headers = {grpc_header(":status", call.is_post ? "415" : "405")};
      nghttp2_submit_response(session, stream, headers.data(), headers.size(), nullptr);
      return;
    }
    GrpcReply reply = reply_to(call);
    if (reply.code != GrpcCode::ok) {
      const std::string code = std::to_string(static_cast<int>(reply.code));
      const std::string text = percent_encoded(reply.text);
      const std::array headers = {
          grpc_header(":status", "200"), grpc_header("content-type", "application/grpc"),
          grpc_header("grpc-status", code), grpc_header("grpc-message", text)};
      nghttp2_submit_response(session, stream, headers.data(), headers.size(), nullptr);
      return;
    }
    call.answer = grpc_frame(reply.message);
    const std::array headers = {grpc_header(":status", "200"),
                                grpc_header("content-type", "application/grpc")};
    nghttp2_data_provider provider{};
    provider.source.ptr = &call;
    provider.read_callback = read_answer;
    nghttp2_submit_response(session, stream, headers.data(), headers.size(), &provider);
  }

  [[nodiscard]] GrpcReply reply_to(const Call& call) const {
    if (call.too_large) {
      return {GrpcCode::resource_exhausted,
              concat("a request has at most ", limits.max_message_bytes, " bytes"),
              {}};
    }
    const auto message = grpc_unframe(call.data);
    if (message) return handler(call.path, *message);
    const bool compressed = message.error().code == ErrorCode::unavailable;
    return {compressed ? GrpcCode::unimplemented : GrpcCode::internal, message.error().message, {}};
  }

  // The callbacks of nghttp2: `user` is the State.
  static ssize_t read_answer(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer,
                             std::size_t length, std::uint32_t* flags, nghttp2_data_source* source,
                             void* /*user*/) {
    Call& call = *static_cast<Call*>(source->ptr);
    const std::size_t count = std::min(length, call.answer.size() - call.sent);
    std::copy_n(call.answer.data() + call.sent, count, buffer);
    call.sent += count;
    if (call.sent == call.answer.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::array trailers = {grpc_header("grpc-status", "0")};
      if (nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size()) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    }
    return static_cast<ssize_t>(count);
  }

  static int on_begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                              void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      static_cast<State*>(user)->calls[frame->hd.stream_id];
    }
    return 0;
  }

  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_length, const std::uint8_t* value,
                       std::size_t value_length, std::uint8_t /*flags*/, void* user) {
    Call* const call = static_cast<State*>(user)->find(frame->hd.stream_id);
    if (call == nullptr) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_length);
    const std::string_view text(reinterpret_cast<const char*>(value), value_length);
    if (key == ":path") call->path = text.substr(0, max_path_bytes);
    if (key == ":method") call->is_post = text == "POST";
    if (key == "content-type") call->is_grpc = text.starts_with("application/grpc");
    return 0;
  }

  static int on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t stream,
                     const std::uint8_t* bytes, std::size_t length, void* user) {
    auto& state = *static_cast<State*>(user);
    Call* const call = state.find(stream);
    if (call == nullptr || call->answered) return 0;
    call->too_large =
        call->data.size() + length > state.limits.max_message_bytes + grpc_prefix_bytes;
    if (!call->too_large) {
      call->data.append(reinterpret_cast<const char*>(bytes), length);
      return 0;
    }
    call->data.clear();
    state.answer(stream, *call);
    return 0;
  }

  static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    const bool carries_call = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!carries_call || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    auto& state = *static_cast<State*>(user);
    Call* const call = state.find(frame->hd.stream_id);
    if (call != nullptr && !call->answered) state.answer(frame->hd.stream_id, *call);
    return 0;
  }

  static int on_close(nghttp2_session* /*session*/, std::int32_t stream, std::uint32_t /*error*/,
                      void* user) {
    static_cast<State*>(user)->calls.erase(stream);
    return 0;
  }
};

GrpcServerSession::GrpcServerSession(const GrpcHandler& handler, GrpcLimits limits)
    : state_(std::make_unique<State>(handler, limits)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  // Only want of memory makes these fail, and then `session` stays nullptr.
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, State::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, State::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, State::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, State::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, State::on_close);
  if (nghttp2_option_new(&option) == 0) {
    nghttp2_option_set_max_outbound_ack(option, max_outbound_acks);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_session_server_new2(&state_->session, callbacks, state_.get(), option);
    nghttp2_option_del(option);
  }
  nghttp2_session_callbacks_del(callbacks);
  if (state_->session == nullptr) return;
  const std::array settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.max_header_bytes}};
  nghttp2_submit_settings(state_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

GrpcServerSession::~GrpcServerSession() = default;

Status GrpcServerSession::receive(std::string_view bytes) {
  if (state_->session == nullptr) return Error{ErrorCode::full, "no memory for a connection"};
  const ssize_t taken = nghttp2_session_mem_recv(
      state_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    return Error{ErrorCode::invalid, concat("HTTP/2: ", nghttp2_strerror(static_cast<int>(taken)))};
  }
  return {};
}

void GrpcServerSession::take_output(std::string& out, std::size_t max_bytes) {
  while (state_->session != nullptr && out.size() < max_bytes) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(state_->session, &bytes);
    if (count <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
}

bool GrpcServerSession::finished() const {
  return state_->session == nullptr || (nghttp2_session_want_read(state_->session) == 0 &&
                                        nghttp2_session_want_write(state_->session) == 0);
}

std::size_t GrpcServerSession::open_calls() const { return state_->calls.size(); }

}  // namespace godwit
