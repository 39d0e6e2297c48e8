// The client's end of gRPC over HTTP/2 without TLS: one unary call at a unix socket of this node,
// over a connection of its own. For services that are asked a few times a minute (the kubelet's
// pod-resources). The framing is grpc.h's.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "edge/grpc.h"
#include "transport/result.h"

namespace godwit {

// One call, without its socket: bytes in, bytes out. One thread.
class GrpcCall {
 public:
  // `method` is "/package.Service/Method", `message` protobuf bytes.
  GrpcCall(std::string_view method, std::string_view message, std::size_t max_message_bytes);
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  // Bytes from the server. An Error means that it does not speak HTTP/2, or says more than it may.
  Status receive(std::string_view bytes);
  // Adds bytes for the server to `out` until that holds `max_bytes` or nothing is left.
  void take_output(std::string& out, std::size_t max_bytes);
  // The call has ended: take() has its answer.
  [[nodiscard]] bool finished() const;
  // The answer's message, once. unavailable: the server refused, and why; invalid: broken.
  Result<std::string> take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct GrpcCallOptions {
  std::chrono::milliseconds deadline{5000};  // for all of it
  std::size_t max_message_bytes = 4U << 20;  // of the answer
};

// no_data: there is no such socket, or nobody listens at it any more; permission: this user may not
// connect; timeout; else as GrpcCall says. The message names the socket. Blocks up to the deadline.
// Any thread.
Result<std::string> grpc_call(const std::string& socket, std::string_view method,
                              std::string_view message, const GrpcCallOptions& options = {});

}  // namespace godwit
