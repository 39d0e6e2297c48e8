#include "cloud/http_client.h"

#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "test/fakes/http_receiver.h"
#include "test/support/support.h"
#include "transport/clock.h"

namespace godwit {
namespace {

using test::http_answer;
using test::HttpReceiver;

HttpClientOptions options_for(const std::string& url) {
  HttpClientOptions options;
  options.url = url;
  options.timeout_ms = 5000;
  return options;
}

TEST_CASE("a post arrives with its headers and body and the reply comes back") {
  HttpReceiver::Request seen;
  HttpReceiver receiver([&](const auto& request) {
    seen = request;
    return http_answer(429, "slow down", "Retry-After: 7\r\n");
  });
  const auto post = make_http_post(options_for(receiver.url("/api/v1/write?x=1")));
  const std::string body("\0\x01 body", 7);
  const auto reply = post({{"X-One: 1"}, body});
  REQUIRE(reply.ok());
  REQUIRE(reply->status == 429);
  REQUIRE(reply->body == "slow down");
  REQUIRE(reply->retry_after == "7");
  REQUIRE(seen.method == "POST");
  REQUIRE(seen.path == "/api/v1/write?x=1");
  REQUIRE(seen.headers.at("x-one") == "1");
  REQUIRE(seen.headers.count("expect") == 0);
  REQUIRE(seen.body == body);
}

TEST_CASE("one connection serves many posts") {
  HttpReceiver receiver([](const auto&) { return http_answer(204); });
  const auto post = make_http_post(options_for(receiver.url("/")));
  for (int i = 0; i < 5; ++i) REQUIRE(post({{}, "x"}).ok());
  REQUIRE(receiver.connections() == 1);
}

TEST_CASE("a reply is cut at its bound and the connection lives on") {
  HttpReceiver receiver([](const auto&) { return http_answer(400, std::string(200'000, 'x')); });
  auto options = options_for(receiver.url("/"));
  options.max_reply_bytes = 1000;
  const auto post = make_http_post(options);
  REQUIRE(post({{}, ""})->body.size() == 1000);
  REQUIRE(post({{}, ""})->status == 400);
  REQUIRE(receiver.connections() == 1);
}

TEST_CASE("no answer in time is a timeout, nobody there is unavailable") {
  HttpReceiver receiver([](const auto&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    return std::string();
  });
  auto options = options_for(receiver.url("/"));
  options.timeout_ms = 100;
  const auto late = make_http_post(options)({{}, "x"});
  REQUIRE_FALSE(late.ok());
  REQUIRE(late.error().code == ErrorCode::timeout);
  const auto url = "http://127.0.0.1:" + std::to_string(test::free_port());
  const auto nobody = make_http_post(options_for(url))({{}, "x"});
  REQUIRE_FALSE(nobody.ok());
  REQUIRE(nobody.error().code == ErrorCode::unavailable);
  REQUIRE_THAT(nobody.error().message, Catch::Contains(url));
}

TEST_CASE("a running post can be cancelled") {
  std::atomic<bool> cancelled = false;
  HttpReceiver receiver([&](const auto&) {
    cancelled = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return std::string();
  });
  auto options = options_for(receiver.url("/"));
  options.timeout_ms = 60'000;
  options.cancelled = &cancelled;
  const auto begin_ms = steady_ms();
  REQUIRE_FALSE(make_http_post(options)({{}, "x"}).ok());
  REQUIRE(steady_ms() - begin_ms < 30'000);
}

TEST_CASE("secrets come from files that may change") {
  HttpReceiver::Request seen;
  HttpReceiver receiver([&](const auto& request) {
    seen = request;
    return http_answer(204);
  });
  const test::TempDir dir;
  SECTION("bearer token") {
    auto options = options_for(receiver.url("/"));
    options.bearer_token_file = dir.file("token");
    const auto post = make_http_post(options);
    REQUIRE_FALSE(post({{}, ""}).ok());
    test::write_file(dir.file("token"), "one\n");
    REQUIRE(post({{}, ""}).ok());
    REQUIRE(seen.headers.at("authorization") == "Bearer one");
    test::write_file(dir.file("token"), "two\n");
    REQUIRE(post({{}, ""}).ok());
    REQUIRE(seen.headers.at("authorization") == "Bearer two");
  }
  SECTION("basic auth") {
    auto options = options_for(receiver.url("/"));
    options.username = "u";
    options.password_file = dir.file("password");
    test::write_file(dir.file("password"), "p\n");
    REQUIRE(make_http_post(options)({{}, ""}).ok());
    REQUIRE(seen.headers.at("authorization") == "Basic dTpw");
  }
}

TEST_CASE("redirects are answers, not orders") {
  HttpReceiver receiver(
      [](const auto&) { return http_answer(302, "", "Location: http://127.0.0.1:1/\r\n"); });
  REQUIRE(make_http_post(options_for(receiver.url("/")))({{}, ""})->status == 302);
}

TEST_CASE("Retry-After is seconds or a date") {
  REQUIRE(parse_retry_after("0", 0) == 0);
  REQUIRE(parse_retry_after("120", 0) == 120'000);
  REQUIRE(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1'445'412'470'000) == 10'000);
  REQUIRE(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1'545'412'470'000) == 0);
  REQUIRE(parse_retry_after("99999999999", 0) == 1'000'000'000'000);
  for (const auto bad : {"", "-1", "soon", "1.5"}) REQUIRE_FALSE(parse_retry_after(bad, 0));
}

TEST_CASE("a URL needs http or https and a host") {
  for (const auto good : {"http://h/api/v1/write", "https://h:9/x?y=z"})
    REQUIRE(check_http_url(good));
  for (const auto bad : {"", "h:9090", "ftp://h/", "http://", "http:///x", "http://a b/"}) {
    REQUIRE_FALSE(check_http_url(bad));
  }
}

}  // namespace
}  // namespace godwit
