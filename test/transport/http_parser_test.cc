#include "transport/http_parser.h"

#include <catch2/catch.hpp>

using namespace godwit;
using Outcome = HttpParser::Outcome;

namespace {

HttpLimits small_limits() {
  HttpLimits limits;
  limits.max_head_bytes = 256;
  limits.max_headers = 5;
  limits.max_body_bytes = 16;
  return limits;
}

// 0: accepted or more is needed.
int status_of(std::string input) {
  HttpParser parser(small_limits());
  return parser.consume(input) == Outcome::refused ? parser.status() : 0;
}

}  // namespace

TEST_CASE("http parser reads method, decoded path, query and body") {
  HttpParser parser(small_limits());
  std::string input =
      "POST /a%20b/%C3%A9?x=%31&y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET";
  REQUIRE(parser.consume(input) == Outcome::complete);
  CHECK(parser.keep_alive());
  CHECK(input == "GET");
  const HttpRequest request = parser.take();
  CHECK(request.method == "POST");
  CHECK(request.path == "/a b/\xc3\xa9");
  CHECK(request.query == "x=%31&y");
  CHECK(request.body == "hello");
}

TEST_CASE("http parser gives the same answer for any cut of the input") {
  const std::string whole =
      "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;x=y\r\nabcd\r\n2\r\nef\r\n0\r\nTrailer: t\r\n\r\n"
      "HEAD /h HTTP/1.1\r\nConnection: close\r\n\r\n";
  const auto step = GENERATE(range(std::size_t{1}, std::size_t{40}));
  HttpParser parser(small_limits());
  std::vector<HttpRequest> requests;
  std::string input;
  bool keep_alive = true;
  for (std::size_t at = 0; at < whole.size(); at += step) {
    input += whole.substr(at, step);
    for (;;) {
      const Outcome outcome = parser.consume(input);
      REQUIRE(outcome != Outcome::refused);
      if (outcome == Outcome::more) break;
      keep_alive = parser.keep_alive();
      requests.push_back(parser.take());
    }
  }
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].path == "/");
  CHECK(requests[1].body == "abcdef");
  CHECK(requests[2].method == "HEAD");
  CHECK_FALSE(keep_alive);
}

TEST_CASE("http parser refuses what breaks the grammar or the bounds") {
  const auto [input, status] = GENERATE(table<std::string, int>({
      {"nonsense\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"G\"T / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET / SPDY\r\n\r\n", 400},
      {"GET relative HTTP/1.1\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\n\r\n", 400},
      {"GET /%4 HTTP/1.1\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nA: b\nc\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 17\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n", 413},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 400},
      {"POST / HTTP/1.1\r\nExpect: magic\r\n\r\n", 417},
      {"GET / HTTP/1.1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n\r\n", 431},
      {"GET /" + std::string(300, 'x') + " HTTP/1.1\r\n\r\n", 431},
      {std::string(257, 'x'), 431},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + std::string(300, 't'), 431},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(300, '1'), 400},
  }));
  INFO(input);
  CHECK(status_of(input) == status);
}

TEST_CASE("http parser bounds the sum of the chunks") {
  HttpParser parser(small_limits());
  std::string input =
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "10\r\n0123456789abcdef\r\n1\r\nx\r\n";
  CHECK(parser.consume(input) == Outcome::refused);
  CHECK(parser.status() == 413);
}

TEST_CASE("http parser tells once that the client waits for 100 Continue") {
  HttpParser parser(small_limits());
  std::string input = "POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
  REQUIRE(parser.consume(input) == Outcome::more);
  CHECK(parser.take_expect_continue());
  CHECK_FALSE(parser.take_expect_continue());
  input = "ok";
  REQUIRE(parser.consume(input) == Outcome::complete);
  CHECK(parser.take().body == "ok");
}

TEST_CASE("http parser closes after HTTP/1.0 and takes absolute targets") {
  HttpParser parser(small_limits());
  std::string input = "GET http://host:1/metrics?q HTTP/1.0\r\n\r\n";
  REQUIRE(parser.consume(input) == Outcome::complete);
  CHECK_FALSE(parser.keep_alive());
  const HttpRequest request = parser.take();
  CHECK(request.path == "/metrics");
  CHECK(request.query == "q");
}
