#include "cloud/stored_samples.h"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace godwit {
namespace {

const Labels labels = {{"__name__", "a"}, {"core", "0"}, {"instance", "n1"}};

TEST_CASE("a query's answer tells exactly what is stored") {
  const auto stored = StoredSamples::parse(
      R"({"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"instance":"n1","__name__":"a","core":"0"},
           "values":[[1795000000.007,"0.1"],[1795000001,"+Inf"],[1795000002.5,"NaN"]]}]}})");
  REQUIRE(stored);
  const auto* const points = stored->find(labels);
  REQUIRE(points != nullptr);
  REQUIRE(StoredSamples::holds(*points, 1'795'000'000'007, 0.1));
  REQUIRE_FALSE(StoredSamples::holds(*points, 1'795'000'000'007, 0.10000000000000002));
  REQUIRE_FALSE(StoredSamples::holds(*points, 1'795'000'000'008, 0.1));
  REQUIRE(
      StoredSamples::holds(*points, 1'795'000'001'000, std::numeric_limits<double>::infinity()));
  REQUIRE(StoredSamples::holds(*points, 1'795'000'002'500, std::nan("")));
  REQUIRE(stored->find({{"__name__", "a"}, {"core", "1"}, {"instance", "n1"}}) == nullptr);
  REQUIRE(stored->find({{"__name__", "a"}, {"instance", "n1"}}) == nullptr);
}

TEST_CASE("answers of any other form are errors") {
  for (const char* answer :
       {"", "{", "[]", "null", "{}", R"({"data":[]})", R"({"data":{"result":{}}})",
        R"({"data":{"result":[1]}})", R"({"data":{"result":[{"metric":{}}]}})",
        R"({"data":{"result":[{"metric":{"a":1},"values":[]}]}})",
        R"({"data":{"result":[{"metric":{},"values":[1]}]}})",
        R"({"data":{"result":[{"metric":{},"values":[[1]]}]}})",
        R"({"data":{"result":[{"metric":{},"values":[["1","2"]]}]}})",
        R"({"data":{"result":[{"metric":{},"values":[[1e300,"2"]]}]}})",
        R"({"data":{"result":[{"metric":{},"values":[[1,"x"]]}]}})", "\xff\xfe"}) {
    INFO(answer);
    REQUIRE_FALSE(StoredSamples::parse(answer));
  }
}

}  // namespace
}  // namespace godwit
