#include "edge/grpc_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "edge/grpc_header.h"
#include "transport/clock.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

constexpr std::size_t max_text_bytes = 200;  // of the server's words
constexpr std::size_t max_outbound_acks = 64;
constexpr std::size_t read_bytes = 16U << 10;

}  // namespace

struct GrpcCall::State {
  const std::size_t max_message_bytes;
  nghttp2_session* session = nullptr;
  std::int32_t stream = -1;
  std::string request;  // framed
  std::size_t sent = 0;
  std::string http_status, grpc_status, grpc_message, data;
  std::size_t received = 0;
  bool too_large = false;
  bool closed = false;

  explicit State(std::size_t max_bytes) : max_message_bytes(max_bytes) {}
  ~State() { nghttp2_session_del(session); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] Error too_large_error() const {
    return {ErrorCode::invalid, concat("the answer has more than ", max_message_bytes, " bytes")};
  }

  void submit(std::string_view method) {
    const std::array headers = {grpc_header(":method", "POST"),
                                grpc_header(":scheme", "http"),
                                grpc_header(":path", method),
                                grpc_header(":authority", "localhost"),
                                grpc_header("content-type", "application/grpc"),
                                grpc_header("te", "trailers"),
                                grpc_header("user-agent", "godwit-agent")};
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = read_request;
    stream = nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &provider,
                                    nullptr);
    closed = stream < 0;
  }

  // The callbacks of nghttp2: `user` is the State.
  static ssize_t read_request(nghttp2_session* /*session*/, std::int32_t /*stream*/,
                              std::uint8_t* buffer, std::size_t length, std::uint32_t* flags,
                              nghttp2_data_source* source, void* /*user*/) {
    State& state = *static_cast<State*>(source->ptr);
    const std::size_t count = std::min(length, state.request.size() - state.sent);
    std::copy_n(state.request.data() + state.sent, count, buffer);
    state.sent += count;
    if (state.sent == state.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_length, const std::uint8_t* value,
                       std::size_t value_length, std::uint8_t /*flags*/, void* user) {
    State& state = *static_cast<State*>(user);
    if (frame->hd.stream_id != state.stream) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_length);
    const std::string_view text(reinterpret_cast<const char*>(value), value_length);
    const auto kept = text.substr(0, max_text_bytes);
    if (key == ":status") state.http_status = kept;
    if (key == "grpc-status") state.grpc_status = kept;
    if (key == "grpc-message") state.grpc_message = kept;
    return 0;
  }

  static int on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t /*stream*/,
                     const std::uint8_t* bytes, std::size_t length, void* user) {
    State& state = *static_cast<State*>(user);
    const std::size_t all = state.data.size() + length;
    state.too_large = state.too_large || all > grpc_prefix_bytes + state.max_message_bytes;
    if (!state.too_large) state.data.append(reinterpret_cast<const char*>(bytes), length);
    return 0;
  }

  static int on_close(nghttp2_session* /*session*/, std::int32_t stream, std::uint32_t /*error*/,
                      void* user) {
    State& state = *static_cast<State*>(user);
    state.closed = state.closed || stream == state.stream;
    return 0;
  }
};

GrpcCall::GrpcCall(std::string_view method, std::string_view message, std::size_t max_message_bytes)
    : state_(std::make_unique<State>(max_message_bytes)) {
  state_->request = grpc_frame(message);
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  // Only want of memory makes these fail, and then `session` stays nullptr.
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return;
  nghttp2_session_callbacks_set_on_header_callback(callbacks, State::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, State::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, State::on_close);
  if (nghttp2_option_new(&option) == 0) {
    nghttp2_option_set_max_outbound_ack(option, max_outbound_acks);
    nghttp2_session_client_new2(&state_->session, callbacks, state_.get(), option);
    nghttp2_option_del(option);
  }
  nghttp2_session_callbacks_del(callbacks);
  if (state_->session == nullptr) return;
  const std::array settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GrpcLimits{}.max_header_bytes}};
  nghttp2_submit_settings(state_->session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  state_->submit(method);
}

GrpcCall::~GrpcCall() = default;

Status GrpcCall::receive(std::string_view bytes) {
  if (state_->session == nullptr) return Error{ErrorCode::full, "no memory for a connection"};
  const ssize_t taken = nghttp2_session_mem_recv(
      state_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    return Error{ErrorCode::invalid, concat("HTTP/2: ", nghttp2_strerror(static_cast<int>(taken)))};
  }
  // Whatever the frames are: a server that only talks does not end the call.
  state_->received += bytes.size();
  if (state_->too_large || state_->received / 2 > state_->max_message_bytes + read_bytes) {
    return state_->too_large_error();
  }
  return {};
}

void GrpcCall::take_output(std::string& out, std::size_t max_bytes) {
  while (state_->session != nullptr && out.size() < max_bytes) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(state_->session, &bytes);
    if (count <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
}

bool GrpcCall::finished() const {
  return state_->session == nullptr || state_->closed ||
         nghttp2_session_want_read(state_->session) == 0;
}

Result<std::string> GrpcCall::take() {
  const State& state = *state_;
  if (state.session == nullptr) return Error{ErrorCode::full, "no memory for a connection"};
  if (state.grpc_status.empty()) {
    const std::string_view http = state.http_status;
    return Error{ErrorCode::unavailable, concat("no answer of gRPC", http.empty() ? "" : ": HTTP ",
                                                quote_for_message(http))};
  }
  if (state.grpc_status != "0") {
    return Error{ErrorCode::unavailable,
                 concat("refused with code ", quote_for_message(state.grpc_status), ": ",
                        quote_for_message(state.grpc_message))};
  }
  const auto message = grpc_unframe(state.data);
  if (!message) return message.error();
  std::string out = std::move(state_->data);
  return out.erase(0, out.size() - message->size());
}

namespace {

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::invalid, concat("the path of a socket has at most ",
                                            sizeof address.sun_path - 1, " bytes")};
  }
  path.copy(address.sun_path, path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() >= 0 &&
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return fd;
  }
  ErrorCode code = ErrorCode::unavailable;
  if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED) code = ErrorCode::no_data;
  if (errno == EACCES) code = ErrorCode::permission;
  return Error{code, std::generic_category().message(errno)};
}

Status exchange(int fd, GrpcCall& call, std::int64_t end_ms) {
  std::array<char, read_bytes> bytes{};
  std::string output;
  while (!call.finished()) {
    call.take_output(output, read_bytes);
    const std::int64_t left_ms = end_ms - steady_ms();
    if (left_ms <= 0) return Error{ErrorCode::timeout, "no answer in time"};
    pollfd wait{fd, static_cast<short>(output.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    if (poll(&wait, 1, static_cast<int>(left_ms)) <= 0) continue;
    if ((wait.revents & POLLOUT) != 0) {
      const ssize_t count = send(fd, output.data(), output.size(), MSG_NOSIGNAL);
      // A server that ends the connection may have answered before.
      if (count > 0) output.erase(0, static_cast<std::size_t>(count));
      if (count < 0 && errno != EAGAIN && errno != EINTR) output.clear();
    }
    if ((wait.revents & ~POLLOUT) == 0) continue;
    const ssize_t count = recv(fd, bytes.data(), bytes.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) return {};
    if (Status s = call.receive({bytes.data(), static_cast<std::size_t>(count)}); !s) return s;
  }
  return {};
}

}  // namespace

Result<std::string> grpc_call(const std::string& socket, std::string_view method,
                              std::string_view message, const GrpcCallOptions& options) {
  const std::int64_t end_ms = steady_ms() + options.deadline.count();
  const auto fd = connect_to(socket);
  if (!fd) return fd.error().with_prefix(socket);
  GrpcCall call(method, message, options.max_message_bytes);
  if (Status status = exchange(fd->get(), call, end_ms); !status) {
    return status.error().with_prefix(socket);
  }
  auto answer = call.take();
  if (!answer) return answer.error().with_prefix(socket);
  return answer;
}

}  // namespace godwit
