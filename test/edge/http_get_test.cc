#include "edge/http_get.h"

#include <catch2/catch.hpp>

#include "test/fakes/raw_server.h"
#include "test/support/support.h"
#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {
namespace {

using test::RawServer;

// The answer to what a server says before it closes.
Result<HttpAnswer> answer_to(const std::string& said, HttpGetOptions options = {}) {
  const RawServer server([&](int fd, const std::string&) { RawServer::say(fd, said); });
  return http_get(server.url(), options);
}

bool complains(const Result<HttpAnswer>& answer, std::string_view words) {
  if (answer.ok()) return false;
  INFO(answer.error().message);
  return answer.error().message.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("http_get: asks for what the URL says, and reads to the length that the head gives") {
  std::string asked;
  const RawServer server([&](int fd, const std::string& request) {
    asked = request;
    RawServer::say(fd,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
  });
  HttpGetOptions options;
  options.accept = "text/plain";
  const auto answer = http_get(server.url("/pods?all=1#part"), options);
  REQUIRE(answer.ok());
  CHECK(answer->status == 200);
  CHECK(answer->content_type == "text/plain");
  CHECK(answer->body == "hello");
  CHECK(asked.starts_with("GET /pods?all=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(asked.find("\r\nAccept: text/plain\r\n") != std::string::npos);
  CHECK(asked.find("\r\nConnection: close\r\n") != std::string::npos);
}

TEST_CASE("http_get: the three ways to end a body, and an interim answer") {
  CHECK(answer_to("HTTP/1.1 200 OK\r\n\r\nall of it")->body == "all of it");
  CHECK(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")
            ->body == "abc0123456789");
  CHECK(answer_to("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            ->body == "ok");
  CHECK(answer_to("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")->body.empty());
}

TEST_CASE("http_get: a sink gets the body in pieces and may end it") {
  std::string got;
  HttpGetOptions options;
  options.sink = [&](const HttpAnswer& head, std::string_view piece) -> Status {
    CHECK(head.content_type == "a/b");
    got += piece;
    return {};
  };
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
  const auto answer = answer_to(chunked, options);
  REQUIRE(answer.ok());
  CHECK(answer->body.empty());
  CHECK(got == "abc");
  options.sink = [](const HttpAnswer&, std::string_view) -> Status {
    return Error{ErrorCode::invalid, "too much of it"};
  };
  CHECK(complains(answer_to(chunked, options), "too much of it"));
}

TEST_CASE("http_get: what is no answer is refused") {
  CHECK(complains(answer_to(""), "ended before the answer was complete"));
  CHECK(complains(answer_to("SSH-2.0-OpenSSH_9\r\n\r\n"), "no HTTP/1.1"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "ended before"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
                  "Content-Length"));
  CHECK(complains(
      answer_to("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
      "both"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
                  "chunk"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
                  "chunk"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx"), "compressed"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x')), "head has no end"));
}

TEST_CASE("http_get: other answers than 200 are errors that say so") {
  const auto missing = answer_to("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnowhere\n");
  CHECK(complains(missing, "HTTP status 404 \"nowhere\""));
  CHECK(missing.error().code == ErrorCode::no_data);
  CHECK(answer_to("HTTP/1.1 403 Forbidden\r\n\r\n").error().code == ErrorCode::permission);
  CHECK(answer_to("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n").error().code ==
        ErrorCode::unavailable);
}

TEST_CASE("http_get: bodies are bounded, whatever their head says") {
  HttpGetOptions options;
  options.max_body_bytes = 10;
  const std::string eleven = "hello world";
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\n\r\n" + eleven, options), "larger than 10"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", options),
                  "larger than 10"));
  CHECK(complains(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nB\r\n", options),
                  "larger than 10"));
}

TEST_CASE("http_get: the deadline ends whatever the peer does") {
  HttpGetOptions options;
  options.deadline = std::chrono::milliseconds(150);
  const std::int64_t start_ms = steady_ms();
  SECTION("silence") {
    RawServer* self = nullptr;
    RawServer server([&](int fd, const std::string&) { self->wait_for_end(fd); });
    self = &server;
    const auto answer = http_get(server.url(), options);
    CHECK(complains(answer, "did not answer within the deadline"));
    CHECK(answer.error().code == ErrorCode::timeout);
  }
  SECTION("a byte at a time") {
    const RawServer server([&](int fd, const std::string&) {
      RawServer::say(fd, "HTTP/1.1 200 OK\r\n\r\n");
      while (RawServer::say(fd, "x")) usleep(5000);
    });
    CHECK(http_get(server.url(), options).error().code == ErrorCode::timeout);
  }
  SECTION("heads without end") {
    const RawServer server([&](int fd, const std::string&) {
      while (RawServer::say(fd, "HTTP/1.1 100 Continue\r\n\r\n")) {
      }
    });
    CHECK(http_get(server.url(), options).error().code == ErrorCode::timeout);
  }
  CHECK(steady_ms() - start_ms >= 150);
}

TEST_CASE("http_get: nobody there") {
  const auto answer = http_get(concat("http://localhost:", test::free_port(), "/"));
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::unavailable);
}

TEST_CASE("http_get: URLs are addresses of this node") {
  const auto url = parse_http_url("http://[::1]:9100/metrics");
  REQUIRE(url.ok());
  CHECK(url->host == "::1");
  CHECK(url->port == 9100);
  CHECK(url->authority() == "[::1]:9100");
  CHECK(url->is_loopback());
  CHECK(parse_http_url("http://127.0.0.1")->target == "/");
  CHECK(parse_http_url("http://127.0.0.1?x=1")->target == "/?x=1");
  CHECK_FALSE(parse_http_url("http://10.0.0.7:80/")->is_loopback());
  for (const char* const bad :
       {"", "https://127.0.0.1/", "http://exporter:9100/", "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/", "http://user@127.0.0.1/", "http://127.0.0.1/a b", "http:///x",
        "http://::1/", "http://127.0.0.1/\r\nX: y"}) {
    INFO(bad);
    CHECK_FALSE(parse_http_url(bad).ok());
  }
  CHECK(complains(http_get("http://10.0.0.7/"), "not an address of this node"));
}

}  // namespace godwit
