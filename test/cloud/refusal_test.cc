#include "cloud/refusal.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

TEST_CASE("a status decides what is refused for good, and the text of one 500") {
  for (const int status : {400, 409, 413, 422}) REQUIRE(is_refusal(status, ""));
  for (const int status : {401, 403, 404, 415, 429, 500, 502, 503})
    REQUIRE_FALSE(is_refusal(status, ""));
  REQUIRE(is_refusal(500, "too old sample\n"));
  REQUIRE(is_refusal(500, "out of bounds\n"));
  REQUIRE_FALSE(is_refusal(500, "write to WAL: no space left on device"));
  REQUIRE_FALSE(is_refusal(503, "too old sample"));
  REQUIRE_FALSE(is_refusal(429, "out of bounds"));
}

TEST_CASE("what databases say has a word each") {
  REQUIRE(refusal_reason(400, "out of order sample\n") == "out_of_order");
  REQUIRE(refusal_reason(400, "out of bounds\n") == "too_old");
  REQUIRE(refusal_reason(500, "too old sample\n") == "too_old");
  REQUIRE(refusal_reason(400, "duplicate sample for timestamp\n") == "duplicate");
  REQUIRE(refusal_reason(400,
                         "user=x: the sample has been rejected because its timestamp is too old "
                         "(err-mimir-sample-timestamp-too-old)") == "too_old");
  REQUIRE(refusal_reason(
              400,
              "the sample has been rejected because another sample with a more recent timestamp "
              "has already been ingested (err-mimir-sample-out-of-order)") == "out_of_order");
  REQUIRE(refusal_reason(400, "(err-mimir-sample-duplicate-timestamp)") == "duplicate");
  REQUIRE(refusal_reason(400, "timestamp too far in the future: 1") == "future");
  REQUIRE(refusal_reason(400, "(err-mimir-max-series-per-user)") == "limit");
  REQUIRE(refusal_reason(409, "store locally for endpoint: conflict") == "refused");
  REQUIRE(refusal_reason(413, "out of order") == "too_large");
  REQUIRE(refusal_reason(400, "") == "refused");
}

}  // namespace
}  // namespace godwit
