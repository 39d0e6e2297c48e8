#include "transport/http_server.h"

#include <atomic>
#include <vector>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "test/support/tcp.h"
#include "transport/http_stream.h"
#include "transport/text.h"

using namespace godwit;
using namespace godwit::test;

namespace {

HttpResponse echo(const HttpRequest& request) {
  if (request.path == "/big") return {200, "text/plain", std::string(4U << 20, 'b')};
  return {request.path == "/missing" ? 404 : 200, "text/plain",
          request.method + " " + request.path + " " + request.query + " " + request.body};
}

struct Server {
  explicit Server(HttpServerOptions options = {}, HttpServer::Handler handler = echo) {
    options.listen = "127.0.0.1:0";
    auto started = start_http_server(options, std::move(handler));
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

TEST_CASE("http server hands over the headers that handlers look at") {
  HttpServerOptions options;
  options.headers = {{"X-Every", "answer"}, {"X-Bad", "a\r\nb"}};
  options.read_only = true;
  const Server server(options, [](const HttpRequest& request) {
    HttpResponse response;
    response.status = request.if_none_match == "\"1\", \"2\"" ? 304 : 200;
    response.body = concat(request.authorization, "|", request.accept_encoding, "|", request.peer);
    response.headers = {{"ETag", "\"1\""}, {"X-Cut", "here\nSet-Cookie: a"}, {"Bad:", "x"}};
    return response;
  });
  const std::string got =
      exchange(server.port(),
               "GET / HTTP/1.1\r\nAUTHORIZATION: Bearer a b\r\nAccept-Encoding: gzip\r\n\r\n");
  CHECK(got.ends_with("\r\n\r\nBearer a b|gzip|127.0.0.1"));
  CHECK(contains(got, "\r\nX-Every: answer\r\n"));
  CHECK(contains(got, "\r\nETag: \"1\"\r\n"));
  CHECK(!contains(got, "X-Bad"));
  CHECK(!contains(got, "X-Cut"));
  CHECK(!contains(got, "Bad:"));
  const std::string same = exchange(
      server.port(), "GET / HTTP/1.1\r\nIf-None-Match: \"1\"\r\nIf-None-Match: \"2\"\r\n\r\n");
  CHECK(same.starts_with("HTTP/1.1 304 Not Modified\r\n"));
  CHECK(same.ends_with("\r\n\r\n"));
  CHECK(!contains(same, "Content-Length"));
  const std::string post = exchange(server.port(), "POST / HTTP/1.1\r\n\r\n");
  CHECK(post.starts_with("HTTP/1.1 405 "));
  CHECK(contains(post, "Allow: GET, HEAD\r\n"));
  CHECK(contains(post, "X-Every: answer\r\n"));
  CHECK(exchange(server.port(), "broken\r\n\r\n").find("X-Every: answer") != std::string::npos);
}

TEST_CASE("http server's workers may block while others are answered") {
  std::atomic<bool> go_on = false;
  HttpServerOptions options;
  options.workers = 2;
  const Server server(options, [&](const HttpRequest& request) {
    while (request.path == "/slow" && !go_on)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return echo(request);
  });
  TcpClient slow(server.port());
  slow.send("GET /slow HTTP/1.1\r\n\r\nGET /behind HTTP/1.1\r\n\r\n");
  CHECK(exchange(server.port(), "GET /fast HTTP/1.1\r\n\r\n").ends_with("GET /fast  "));
  CHECK(slow.received().empty());
  // One that goes away while it is asked is forgotten.
  {
    const TcpClient left(server.port());
    left.send("GET /slow HTTP/1.1\r\n\r\n");
  }
  go_on = true;
  REQUIRE(slow.read_until("GET /behind"));
  CHECK(contains(slow.received(), "GET /slow"));
}

TEST_CASE("http server streams what other threads say until either side ends it") {
  const auto stream = std::make_shared<HttpStream>(1U << 20);
  HttpServerOptions options;
  options.workers = GENERATE(0U, 1U);
  const Server server(options, [&](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.stream = stream;
    return response;
  });
  stream->send(std::make_shared<std::string>("before\n"));
  TcpClient client(server.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  REQUIRE(client.read_until("before\n"));
  CHECK(contains(client.received(), "Content-Type: text/event-stream\r\n"));
  CHECK(!contains(client.received(), "Content-Length"));
  CHECK(contains(client.received(), "Connection: close\r\n"));
  for (int i = 0; i < 100; ++i) stream->send(std::make_shared<std::string>(concat(i, ";")));
  REQUIRE(client.read_until("98;99;"));
  SECTION("we do") {
    stream->send(std::make_shared<std::string>("the end"));
    stream->close();
    CHECK(client.read_to_end());
    CHECK(client.received().ends_with("the end"));
  }
  SECTION("the client does") {
    client = TcpClient(server.port());
    CHECK(eventually([&] { return stream->closed(); }));
    CHECK(!stream->send(std::make_shared<std::string>("nobody")));
  }
}

TEST_CASE("http server drops the reader of a stream that is too slow") {
  const auto stream = std::make_shared<HttpStream>(1U << 20);
  const Server server({}, [&](const HttpRequest&) {
    HttpResponse response;
    response.stream = stream;
    return response;
  });
  TcpClient client(server.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  const auto text = std::make_shared<std::string>(100'000, 'x');
  // Buffers of the system are bounded, too.
  CHECK(eventually([&] { return !stream->send(text); }));
  CHECK(client.read_to_end());
}

TEST_CASE("http server answers HEAD of a stream without it") {
  const auto stream = std::make_shared<HttpStream>(100);
  const Server server({}, [&](const HttpRequest&) {
    HttpResponse response;
    response.stream = stream;
    return response;
  });
  CHECK(exchange(server.port(), "HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
  CHECK(stream->closed());
}
