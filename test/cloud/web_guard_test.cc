#include "cloud/web_guard.h"

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/text.h"

namespace godwit {
namespace {

HttpRequest request(std::string authorization = {}, std::string peer = "192.0.2.1") {
  HttpRequest out{"GET", "/web/v1/fleet", "", ""};
  out.authorization = std::move(authorization);
  out.peer = std::move(peer);
  return out;
}

TEST_CASE("web guard: without settings everybody may read") {
  WebGuard guard({});
  CHECK(!guard.on());
  CHECK(!guard.refuse(request(), false, 0));
}

TEST_CASE("web guard: any token of the file, as it is now") {
  const test::TempDir dir;
  test::write_file(dir.file("tokens"), "one\r\n\n  two \n");
  WebGuard guard({dir.file("tokens")});
  CHECK(guard.on());
  CHECK(!guard.refuse(request("Bearer one"), false, 0));
  CHECK(!guard.refuse(request("bearer two"), false, 0));
  CHECK(!guard.refuse(request(), true, 0));
  for (const char* wrong :
       {"", "Bearer", "Bearer ", "Bearer on", "Bearer onee", "Basic one", "one"}) {
    CAPTURE(wrong);
    CHECK(guard.refuse(request(wrong), false, 0) == 401);
  }
  test::write_file(dir.file("tokens"), "");
  CHECK(guard.refuse(request("Bearer one"), false, 0) == 401);
  test::write_file(dir.file("tokens"), "three");
  CHECK(!guard.refuse(request("Bearer three"), false, 0));
}

TEST_CASE("web guard: a file that is gone lets nobody in") {
  WebGuard guard({"/nowhere/tokens"});
  CHECK(guard.refuse(request("Bearer one"), false, 0) == 401);
}

TEST_CASE("web guard: a certificate is as good as a token, where one is asked for") {
  HttpRequest shown = request();
  shown.has_certificate = true;
  const test::TempDir dir;
  test::write_file(dir.file("tokens"), "one");
  WebGuard both({dir.file("tokens"), true});
  CHECK(!both.refuse(shown, false, 0));
  CHECK(!both.refuse(request("Bearer one"), false, 0));
  WebGuard certificates({"", true});
  CHECK(!certificates.refuse(shown, false, 0));
  CHECK(certificates.refuse(request("Bearer one"), false, 0) == 401);
  WebGuard tokens({dir.file("tokens"), false});
  CHECK(tokens.refuse(shown, false, 0) == 401);
}

TEST_CASE("web guard: wrong tries and requests are limited by address") {
  const test::TempDir dir;
  test::write_file(dir.file("tokens"), "one");
  WebGuardLimits limits;
  limits.requests_at_once = 30;
  limits.addresses = 10;
  WebGuard guard({dir.file("tokens")}, limits);
  for (int i = 0; i < 10; ++i) CHECK(guard.refuse(request("Bearer x"), false, 1000) == 401);
  CHECK(guard.refuse(request("Bearer x"), false, 1000) == 429);
  CHECK(guard.refuse(request("Bearer one"), false, 1000) == 429);
  CHECK(!guard.refuse(request("Bearer one", "192.0.2.2"), false, 1000));
  CHECK(!guard.refuse(request("Bearer one"), false, 6001));  // 5 s later
  for (int i = 0; i < 30; ++i) guard.refuse(request("", "192.0.2.3"), true, 6001);
  CHECK(guard.refuse(request("", "192.0.2.3"), true, 6001) == 429);
  CHECK(!guard.refuse(request("", "192.0.2.3"), true, 6100));
  // The table is bounded: the address that was quiet for the longest is forgotten.
  for (int i = 0; i < 100; ++i) {
    CHECK(!guard.refuse(request("Bearer one", concat("198.51.100.", i)), false, 7000 + i));
  }
}

}  // namespace
}  // namespace godwit
