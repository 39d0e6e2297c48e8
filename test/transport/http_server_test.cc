#include "transport/http_server.h"

#include <vector>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "test/support/tcp.h"

using namespace godwit;
using namespace godwit::test;

namespace {

HttpResponse echo(const HttpRequest& request) {
  if (request.path == "/big") return {200, "text/plain", std::string(4U << 20, 'b')};
  return {request.path == "/missing" ? 404 : 200, "text/plain",
          request.method + " " + request.path + " " + request.query + " " + request.body};
}

struct Server {
  explicit Server(HttpServerOptions options = {}) {
    options.listen = "127.0.0.1:0";
    auto started = start_http_server(options, echo);
    REQUIRE(started.ok());
    server = std::move(*started);
  }
  [[nodiscard]] int port() const { return server->port(); }
  std::unique_ptr<HttpServer> server;
};

std::string exchange(int port, std::string_view request) {
  TcpClient client(port);
  client.send(request);
  client.finish_sending();
  REQUIRE(client.read_to_end());
  return client.received();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("http server answers GET, POST and HEAD") {
  const Server server;
  const std::string get = exchange(server.port(), "GET /a%20b?c=d HTTP/1.1\r\n\r\n");
  CHECK(get.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(contains(get, "Content-Type: text/plain\r\n"));
  CHECK(contains(get, "Content-Length: 13\r\n"));
  CHECK(get.ends_with("\r\n\r\nGET /a b c=d "));

  const std::string post =
      exchange(server.port(), "POST /p HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(post.ends_with("\r\n\r\nPOST /p  body"));

  const std::string head = exchange(server.port(), "HEAD /h HTTP/1.1\r\n\r\n");
  CHECK(contains(head, "Content-Length: 9\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));

  CHECK(exchange(server.port(), "GET /missing HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
}

TEST_CASE("http server refuses other methods") {
  const Server server;
  const std::string answer = exchange(server.port(), "DELETE / HTTP/1.1\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 405 "));
  CHECK(contains(answer, "Allow: GET, HEAD, POST\r\n"));
}

TEST_CASE("http server answers pipelined requests in order") {
  const Server server;
  std::string requests;
  constexpr int count = 500;
  for (int i = 0; i < count; ++i) {
    requests += "GET /" + std::to_string(i) + "; HTTP/1.1\r\n\r\n";
  }
  const std::string answers = exchange(server.port(), requests);
  std::size_t at = 0;
  for (int i = 0; i < count; ++i) {
    at = answers.find("GET /" + std::to_string(i) + ";", at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("http server keeps the connection, and closes it when asked") {
  const Server server;
  TcpClient client(server.port());
  client.send("GET /1 HTTP/1.1\r\n\r\n");
  REQUIRE(client.read_until("GET /1"));
  client.send("GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n");
  REQUIRE(client.read_to_end());
  CHECK(contains(client.received(), "GET /2"));
  CHECK(contains(client.received(), "Connection: close\r\n"));
}

TEST_CASE("http server sends large answers to slow readers whole") {
  const Server server;
  const std::string answer = exchange(server.port(), "GET /big HTTP/1.1\r\n\r\n");
  CHECK(answer.size() > (4U << 20));
  CHECK(answer.ends_with("bbbb"));
}

TEST_CASE("http server refuses oversized and broken requests, and says so") {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  const Server server(options);
  const std::string long_header = "GET / HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n";
  CHECK(exchange(server.port(), long_header).starts_with("HTTP/1.1 431 "));
  const std::string body =
      "POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x');
  CHECK(exchange(server.port(), body).starts_with("HTTP/1.1 413 "));
  CHECK(exchange(server.port(), "hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(exchange(server.port(), "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("http server sends 100 Continue to who waits for it") {
  const Server server;
  TcpClient client(server.port());
  client.send("POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("ok");
  CHECK(client.read_until("POST /x  ok"));
}

TEST_CASE("http server is not held up by clients that never finish") {
  const Server server;
  std::vector<TcpClient> slow;
  for (int i = 0; i < 100; ++i) {
    slow.emplace_back(server.port());
    slow.back().send("GET / HTTP/1.1\r\nX: ");
  }
  CHECK(exchange(server.port(), "GET /fast HTTP/1.1\r\n\r\n").ends_with("GET /fast  "));
  // The first ones had to give way.
  CHECK(slow.front().read_to_end());
}

TEST_CASE("http server drops a request that takes too long") {
  HttpServerOptions options;
  options.timeout_s = 1;
  const Server server(options);
  TcpClient client(server.port());
  client.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nfive");
  CHECK(client.read_to_end());
  CHECK(client.received().empty());
}

TEST_CASE("http server says that its port is taken") {
  const Server server;
  HttpServerOptions options;
  options.listen = "127.0.0.1:" + std::to_string(server.port());
  const auto second = start_http_server(options, echo);
  REQUIRE(!second.ok());
  CHECK(second.error().code == ErrorCode::unavailable);
  CHECK(contains(second.error().message, options.listen));
  CHECK(contains(second.error().message, "choose another listen address"));
}

TEST_CASE("http server takes the forms of a listen address") {
  HttpServerOptions options;
  options.listen = GENERATE("127.0.0.1:0", ":0", "localhost:0", "0.0.0.0:0");
  const auto server = start_http_server(options, echo);
  REQUIRE(server.ok());
  CHECK(exchange((*server)->port(), "GET /x HTTP/1.1\r\n\r\n").ends_with("GET /x  "));
}

TEST_CASE("http server refuses a bad listen address") {
  HttpServerOptions options;
  options.listen = GENERATE("", "9750", "host:", "host:x", "host:70000", "::1:80", "192.0.2.1:9999",
                            "no.such.host.invalid:80");
  const auto server = start_http_server(options, echo);
  REQUIRE(!server.ok());
  CHECK(contains(server.error().message, options.listen));
}

TEST_CASE("http server stops while clients are connected") {
  auto server = std::make_unique<Server>();
  TcpClient idle(server->port());
  TcpClient busy(server->port());
  busy.send("GET /big HTTP/1.1\r\n\r\n");
  REQUIRE(busy.read_until("200 OK"));
  server.reset();
  CHECK(idle.read_to_end());
  CHECK(busy.read_to_end());
}
