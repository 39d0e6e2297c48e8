// GrpcServer: unary gRPC on a unix socket, with a thread of its own: one poll loop, at most 8
// connections (a further one takes the place of the one that was silent for longest), bounded
// sizes and times. What is spoken is in grpc.h.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "edge/grpc.h"
#include "transport/event_fd.h"
#include "transport/unique_fd.h"

namespace godwit {

class GrpcServer {
 public:
  // Listens at `path` before it returns: mode 0660, owner and group of this process. A socket that
  // nobody listens at any more is replaced in one step, so that a client always finds a file there;
  // for the same reason the file stays when the server ends. The Error says who holds the path.
  // `handler` is called on the server's thread; what it reads must be guarded.
  static Result<std::unique_ptr<GrpcServer>> start(const std::string& path, GrpcHandler handler);
  ~GrpcServer();  // stops and joins
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

 private:
  struct Connection;

  GrpcServer(UniqueFd listener, GrpcHandler handler);
  void run();
  void accept_all();
  void serve(Connection& connection, short events);
  static bool read_from(Connection& connection);
  static bool write_to(Connection& connection);

  const GrpcHandler handler_;
  const UniqueFd listener_;
  EventFd wake_;
  std::atomic<bool> stopping_ = false;
  std::list<Connection> connections_;  // the server's thread
  std::thread thread_;
};

// Listens at a unix socket as start() does.
Result<UniqueFd> listen_at(const std::string& path);

}  // namespace godwit
