#include "edge/grpc.h"

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "edge/grpc_server.h"
#include "test/support/support.h"
#include "transport/text.h"
#include "transport/unique_fd.h"

namespace godwit {
namespace {

const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : unsigned char { data = 0, headers = 1, reset = 3, settings = 4, ping = 6, goaway = 7 };
constexpr unsigned char ack = 1, end_stream = 1, end_headers = 4;

std::string frame(Type type, unsigned char flags, unsigned stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}

// HPACK without compression: a literal that is never indexed, with a new name.
std::string field(std::string_view name, std::string_view value) {
  return concat(std::string_view("\x10", 1), std::string(1, static_cast<char>(name.size())), name,
                std::string(1, static_cast<char>(value.size())), value);
}

std::string call_head(unsigned stream, std::string_view method = "POST",
                      std::string_view content_type = "application/grpc") {
  return frame(headers, end_headers, stream,
               field(":method", method) + field(":scheme", "http") + field(":path", "/a.B/C") +
                   field(":authority", "x") + field("content-type", content_type) +
                   field("te", "trailers"));
}

struct Frame {
  int type = 0, flags = 0;
  unsigned stream = 0;
  std::string payload;
};

std::vector<Frame> parse(std::string_view bytes) {
  std::vector<Frame> out;
  const auto number = [&](std::size_t at, std::size_t count) {
    unsigned value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      value = value << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return value;
  };
  while (bytes.size() >= 9 && bytes.size() >= 9 + number(0, 3)) {
    const std::size_t size = number(0, 3);
    out.push_back({static_cast<int>(number(3, 1)), static_cast<int>(number(4, 1)), number(5, 4),
                   std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  CHECK(bytes.empty());
  return out;
}

struct Peer {
  GrpcHandler handler = [this](std::string_view method, std::string_view message) {
    ++calls;
    return GrpcReply{GrpcCode::ok, {}, concat(method, "=", message)};
  };
  int calls = 0;
  GrpcServerSession session{handler};
  bool alive = true;

  std::vector<Frame> say(std::string_view bytes) {
    alive = alive && session.receive(bytes).ok();
    std::string out;
    session.take_output(out, 1U << 20);
    return parse(out);
  }
  std::vector<Frame> hello() { return say(preface + frame(settings, 0, 0, "")); }
};

std::vector<Frame> of_type(const std::vector<Frame>& all, Type type) {
  std::vector<Frame> out;
  for (const auto& one : all) {
    if (one.type == type) out.push_back(one);
  }
  return out;
}

TEST_CASE("grpc: a call is answered with headers, one message and trailers") {
  Peer peer;
  REQUIRE(of_type(peer.hello(), settings).size() == 2);  // its own, and the acknowledgement
  CHECK(peer.say(call_head(1)).empty());
  CHECK(peer.session.open_calls() == 1);
  const auto answer = peer.say(frame(data, end_stream, 1, grpc_frame("hello")));
  REQUIRE(of_type(answer, headers).size() == 2);
  REQUIRE(of_type(answer, data).size() == 1);
  CHECK(of_type(answer, data)[0].payload == grpc_frame("/a.B/C=hello"));
  CHECK((of_type(answer, headers)[1].flags & end_stream) != 0);
  CHECK(peer.session.open_calls() == 0);
  // An empty message is a message.
  const auto next = peer.say(call_head(3) + frame(data, end_stream, 3, grpc_frame("")));
  CHECK(of_type(next, data)[0].payload == grpc_frame("/a.B/C="));
  CHECK(peer.calls == 2);
}

TEST_CASE("grpc: a PING is acknowledged, at once and with the same bytes") {
  Peer peer;
  (void)peer.hello();
  for (int i = 0; i < 200; ++i) {
    const auto answer = peer.say(frame(ping, 0, 0, "12345678"));
    REQUIRE(answer.size() == 1);
    CHECK(answer[0].type == ping);
    CHECK((answer[0].flags & ack) != 0);
    CHECK(answer[0].payload == "12345678");
  }
}

TEST_CASE("grpc: bytes that come one by one are the same") {
  Peer peer;
  const std::string all = preface + frame(settings, 0, 0, "") + call_head(1) +
                          frame(data, end_stream, 1, grpc_frame("slow"));
  std::size_t answers = 0;
  for (const char c : all) answers += of_type(peer.say({&c, 1}), data).size();
  CHECK(answers == 1);
  CHECK(peer.calls == 1);
}

TEST_CASE("grpc: what is no unary call is refused and costs nothing") {
  Peer peer;
  (void)peer.hello();
  std::string compressed = grpc_frame("x");
  compressed[0] = 1;
  const std::pair<std::string, std::string> cases[] = {{"POST", ""},
                                                       {"POST", "abc"},
                                                       {"POST", grpc_frame("a") + grpc_frame("b")},
                                                       {"POST", compressed},
                                                       {"GET", grpc_frame("a")}};
  unsigned stream = 1;
  for (const auto& [method, body] : cases) {
    const auto answer = peer.say(call_head(stream, method) + frame(data, end_stream, stream, body));
    CHECK(of_type(answer, data).empty());
    REQUIRE(of_type(answer, headers).size() == 1);
    CHECK((of_type(answer, headers)[0].flags & end_stream) != 0);
    stream += 2;
  }
  const auto html = peer.say(call_head(stream, "POST", "text/html") +
                             frame(data, end_stream, stream, grpc_frame("a")));
  CHECK(of_type(html, data).empty());
  CHECK(peer.calls == 0);
  CHECK(peer.session.open_calls() == 0);
}

TEST_CASE("grpc: a message that is too large is refused before its end") {
  Peer peer;
  (void)peer.hello();
  auto answer = peer.say(call_head(1));
  std::size_t sent = 0;
  while (answer.empty() && sent < 64U << 10) {
    answer = peer.say(frame(data, 0, 1, std::string(8000, 'x')));
    sent += 8000;
  }
  CHECK(sent == 24'000);
  CHECK(of_type(answer, headers).size() == 1);
}

TEST_CASE("grpc: no more calls at once than allowed, however many are begun") {
  Peer peer;
  (void)peer.hello();
  std::size_t refused = 0;
  for (unsigned stream = 1; stream < 400; stream += 2) {
    refused += of_type(peer.say(call_head(stream)), reset).size();
    CHECK(peer.session.open_calls() <= 8);
  }
  CHECK((refused > 0 || !peer.alive));
  CHECK(peer.calls == 0);
}

TEST_CASE("grpc: another protocol ends the connection") {
  Peer peer;
  (void)peer.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_FALSE(peer.alive);
}

TEST_CASE("grpc server: the socket's file") {
  test::TempDir dir;
  const std::string path = dir.file("a.sock");
  const GrpcHandler echo = [](std::string_view, std::string_view) { return GrpcReply{}; };
  {
    auto first = GrpcServer::start(path, echo);
    REQUIRE(first.ok());
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    const auto second = GrpcServer::start(path, echo);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().message.find("another program listens there") != std::string::npos);
  }
  CHECK(access(path.c_str(), F_OK) == 0);  // stale now, and replaced
  CHECK(GrpcServer::start(path, echo).ok());
  test::write_file(dir.file("b.sock"), "precious");
  CHECK_FALSE(GrpcServer::start(dir.file("b.sock"), echo).ok());
  CHECK(test::read_file(dir.file("b.sock")) == "precious");
  CHECK_FALSE(GrpcServer::start(dir.file(std::string(120, 'x')), echo).ok());
  CHECK_FALSE(GrpcServer::start("/nowhere/a.sock", echo).ok());
}

TEST_CASE("grpc server: a connection that says nothing makes room for others") {
  test::TempDir dir;
  const std::string path = dir.file("a.sock");
  auto server = GrpcServer::start(path, [](std::string_view, std::string_view message) {
    return GrpcReply{GrpcCode::ok, {}, std::string(message)};
  });
  REQUIRE(server.ok());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 40; ++i) {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    clients.push_back(std::move(fd));
  }
  // The last one is served.
  const std::string all = preface + frame(settings, 0, 0, "") + call_head(1) +
                          frame(data, end_stream, 1, grpc_frame("last"));
  REQUIRE(write(clients.back().get(), all.data(), all.size()) == static_cast<ssize_t>(all.size()));
  std::string got;
  CHECK(test::eventually([&] {
    char bytes[4096];
    const ssize_t count = recv(clients.back().get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) got.append(bytes, static_cast<std::size_t>(count));
    return got.find("last") != std::string::npos;
  }));
}

}  // namespace
}  // namespace godwit
