// gRPC over HTTP/2 without TLS, for unary calls between programs on one node: no sockets and no
// threads here, only bytes in and bytes out. nghttp2 is confined to grpc.cc and grpc_client.cc.
// GrpcServer (unix socket) is in grpc_server.h, the client's end in grpc_client.h.
//
// Formats: RFC 9113 (prior knowledge), gRPC's "PROTOCOL-HTTP2". PINGs and SETTINGS are acknowledged
// by nghttp2; the server never sends GOAWAY to a peer that keeps to the protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "transport/result.h"

namespace godwit {

// The codes of gRPC that are used here.
enum class GrpcCode : std::uint8_t {
  ok = 0,
  invalid_argument = 3,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
};

struct GrpcReply {
  GrpcCode code = GrpcCode::ok;
  std::string text;     // for people, when the code is not ok
  std::string message;  // protobuf bytes, when it is
};

// `method` is "/package.Service/Method". Must not block.
using GrpcHandler = std::function<GrpcReply(std::string_view method, std::string_view message)>;

struct GrpcLimits {
  std::size_t max_message_bytes = 16U << 10;
  std::uint32_t max_streams = 8;  // at once
  std::uint32_t max_header_bytes = 8U << 10;
};

inline constexpr std::size_t grpc_prefix_bytes = 5;
// A message as it is sent: one byte "not compressed", four bytes of length, the message.
std::string grpc_frame(std::string_view message);
// The one message of a unary call's data. `unavailable`: compressed, which nobody negotiated.
Result<std::string_view> grpc_unframe(std::string_view data);

// The server's end of one connection. One thread.
class GrpcServerSession {
 public:
  // `handler` must outlive it.
  explicit GrpcServerSession(const GrpcHandler& handler, GrpcLimits limits = {});
  ~GrpcServerSession();
  GrpcServerSession(const GrpcServerSession&) = delete;
  GrpcServerSession& operator=(const GrpcServerSession&) = delete;

  // Bytes from the peer. An Error means that it does not speak HTTP/2: send what there is, close.
  Status receive(std::string_view bytes);
  // Adds bytes for the peer to `out` until that holds `max_bytes` or nothing is left.
  void take_output(std::string& out, std::size_t max_bytes);
  // Nothing will come or go any more.
  [[nodiscard]] bool finished() const;
  // Calls that are under way.
  [[nodiscard]] std::size_t open_calls() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace godwit
