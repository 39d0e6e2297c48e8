#include "transport/naming/name_text.h"

#include <catch2/catch.hpp>

namespace godwit {
namespace {

std::string_view look_up(std::string_view name) {
  if (name == "hw_id") return "VDD_IN";
  if (name == "cpu") return "3";
  return {};
}

TEST_CASE("conditions of a name row") {
  CHECK(matches("", look_up));
  CHECK(matches("hw_id=VDD_IN", look_up));
  CHECK(matches("hw_id=vdd_in", look_up));
  CHECK(matches("hw_id=POM_5V_IN|VDD_*", look_up));
  CHECK(matches("hw_id!=VDD_SOC cpu=3", look_up));
  CHECK(matches("user=", look_up));
  CHECK_FALSE(matches("hw_id=VDD", look_up));
  CHECK_FALSE(matches("hw_id!=VDD*", look_up));
  CHECK_FALSE(matches("hw_id=VDD_IN cpu=4", look_up));
  CHECK_FALSE(matches("user!=", look_up));
}

TEST_CASE("labels of a name row") {
  const Labels expanded = {{"cpu", "cpu_4"}, {"rail", "vdd_in"}, {"user", "unknown"}};
  CHECK(expand_labels("rail={hw_id|lower},gone={user}", "user={user|unknown},cpu=cpu_{cpu|next}",
                      look_up) == expanded);
  // A row's own label hides that of the set, also when nothing is left of it.
  CHECK(expand_labels("cpu={user}", "cpu={cpu}", look_up).empty());
  // The second is for where the first came out empty.
  CHECK(expand_labels("a={user},a=x{cpu},b={cpu},b=y", "", look_up) ==
        Labels{{"a", "x3"}, {"b", "3"}});
  CHECK(expand_text("{hw_id|next}", look_up).empty());
  CHECK(expand_labels("", "", look_up).empty());
}

TEST_CASE("globs") {
  CHECK(matches_glob("*", ""));
  CHECK(matches_glob("a*b*c", "aXbXbc"));
  CHECK(matches_glob("GPU*", "gpu-therm"));
  CHECK_FALSE(matches_glob("a*b", "abc"));
  CHECK_FALSE(matches_glob("", "a"));
}

}  // namespace
}  // namespace godwit
