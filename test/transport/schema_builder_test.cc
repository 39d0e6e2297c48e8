#include "transport/schema_builder.h"

#include <catch2/catch.hpp>

#include "transport/digest.h"
#include "transport/schema_store.h"
#include "transport/text.h"

using namespace godwit;

namespace {

Sample sample(const std::string& pod) { return {{"pod_up", {{"pod", pod}}, Kind::gauge}, 1}; }

std::vector<Sample> samples(int from, int to) {
  std::vector<Sample> out;
  for (int i = from; i < to; ++i) out.push_back(sample(std::to_string(i)));
  return out;
}

// What a relay makes of the builder's messages.
std::vector<Series> seen_by_a_receiver(const SchemaBuilder& builder, SchemaId id) {
  SchemaStore store;
  for (const auto& [name, message] : builder.messages(id)) {
    REQUIRE(store.add("node", name, message));
  }
  const auto found = store.find("node", id);
  REQUIRE(found);
  REQUIRE(found->schema);
  return found->schema->series;
}

}  // namespace

TEST_CASE("columns keep their places while series come and go") {
  SchemaBuilder builder;
  CHECK_FALSE(builder.current());
  CHECK(builder.place({sample("a"), sample("b"), sample("a")}, 0) ==
        std::vector<std::size_t>{0, 1, 0});
  const SchemaId first = *builder.current();
  CHECK(builder.place({sample("b")}, 1) == std::vector<std::size_t>{1});
  CHECK(builder.current() == first);
  CHECK(builder.place({sample("c"), sample("a")}, 2) == std::vector<std::size_t>{2, 0});
  const SchemaId second = *builder.current();
  CHECK(second != first);
  CHECK(builder.continues(second, first));
  CHECK(builder.continues(first, first));
  CHECK_FALSE(builder.continues(first, second));
  CHECK(builder.messages(second).size() == 2);
  CHECK(seen_by_a_receiver(builder, second) ==
        std::vector<Series>{sample("a").series, sample("b").series, sample("c").series});
  CHECK(builder.messages(12345).empty());
}

TEST_CASE("a schema whose series are mostly gone is replaced by one of the living") {
  SchemaBuilder builder({.idle_ms = 100});
  builder.place(samples(0, 10), 0);
  builder.place(samples(0, 4), 101);
  const SchemaId old = *builder.current();
  CHECK(builder.place({sample("x"), sample("3")}, 102) == std::vector<std::size_t>{4, 3});
  CHECK_FALSE(builder.continues(*builder.current(), old));
  CHECK(builder.messages(*builder.current()).size() == 1);
  CHECK(seen_by_a_receiver(builder, *builder.current()).size() == 5);
  CHECK(builder.messages(old).size() == 1);  // frames of it may still be stored
}

TEST_CASE("a long chain is replaced by one schema") {
  SchemaBuilder builder({.max_depth = 3});
  for (int i = 0; i < 10; ++i) {
    builder.place(samples(0, i + 1), i);
    CHECK(builder.messages(*builder.current()).size() <= 3);
    CHECK(seen_by_a_receiver(builder, *builder.current()).size() ==
          static_cast<std::size_t>(i + 1));
  }
}

TEST_CASE("series that are not valid, or too many, get no column") {
  SchemaBuilder builder({.idle_ms = 100, .max_series = 3});
  const Sample bad{{"bad name", {}, Kind::gauge}, 1};
  CHECK(builder.place({bad, sample("a")}, 0) ==
        std::vector<std::size_t>{SchemaBuilder::no_column, 0});
  const auto placed = builder.place(samples(0, 5), 1);
  CHECK(placed == std::vector<std::size_t>{1, 2, SchemaBuilder::no_column, SchemaBuilder::no_column,
                                           SchemaBuilder::no_column});
  CHECK(builder.width() == 3);
  // When the first ones are gone, there is room again.
  CHECK(builder.place(samples(3, 6), 200) == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("series too large for one message get no column, and the message stays decodable") {
  SchemaBuilder builder;
  std::vector<Sample> large;
  for (int i = 0; i < 1200; ++i)
    large.push_back(sample(std::string(4000, 'x') + std::to_string(i)));
  const auto placed = builder.place(large, 0);
  CHECK(placed.front() == 0);
  CHECK(placed.back() == SchemaBuilder::no_column);
  CHECK(seen_by_a_receiver(builder, *builder.current()).size() == builder.width());
}

TEST_CASE("a schema too large for an envelope is a chain of messages that fit") {
  const auto pods = [](int from, int to) {
    std::vector<Sample> out;
    for (int i = from; i < to; ++i) out.push_back(sample(to_hex(sha256(std::to_string(i)))));
    return out;
  };
  SchemaBuilder builder;
  builder.place(pods(0, 5000), 0);
  const SchemaId first = *builder.current();
  CHECK(builder.messages(first).size() > 2);
  for (int more = 1; more < 40; ++more) {
    const auto all = pods(0, 5000 + more);
    const auto placed = builder.place(all, more);
    const auto seen = seen_by_a_receiver(builder, *builder.current());
    REQUIRE(seen.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(seen[placed[i]] == all[i].series);
    for (const auto& [id, message] : builder.messages(*builder.current())) {
      REQUIRE(message.size() <= max_envelope_payload);
    }
    CHECK(builder.continues(*builder.current(), first) == (more < 16));
  }
}

TEST_CASE("however much there is to tell, a chain of schemas stays within its bound") {
  SchemaBuilder builder({.max_message_bytes = 500});
  for (int i = 1; i < 40; ++i) {
    builder.place(samples(0, 500 * i), i);
    REQUIRE(seen_by_a_receiver(builder, *builder.current()).size() ==
            static_cast<std::size_t>(500 * i));
  }
}

TEST_CASE("schemas that no stored frame needs are forgotten, parents of needed ones are not") {
  SchemaBuilder builder({.idle_ms = 100});
  builder.place(samples(0, 2), 0);
  const SchemaId root = *builder.current();
  builder.place(samples(2, 3), 0);
  const SchemaId child = *builder.current();
  builder.place(samples(3, 4), 1000);
  const SchemaId fresh = *builder.current();
  CHECK(builder.keep_only({child}).empty());
  CHECK(builder.keep_only({root}) == std::vector<SchemaId>{child});
  CHECK(builder.keep_only({}) == std::vector<SchemaId>{root});
  CHECK(builder.messages(fresh).size() == 1);
}

TEST_CASE("a builder goes on from stored messages") {
  SchemaBuilder first;
  first.place(samples(0, 2), 0);
  first.place(samples(0, 4), 1);
  std::vector<std::string> stored = {"damaged"};
  for (const auto& [id, message] : first.messages(*first.current())) {
    stored.insert(stored.begin(), message);
  }
  SchemaBuilder second;
  REQUIRE(second.restore(stored, first.current(), 5));
  CHECK(second.current() == first.current());
  CHECK(second.place(samples(1, 4), 6) == std::vector<std::size_t>{1, 2, 3});
  CHECK(second.current() == first.current());

  SchemaBuilder third;
  CHECK_FALSE(third.restore({stored[0]}, first.current(), 5));
  CHECK(third.place(samples(7, 8), 6) == std::vector<std::size_t>{0});
}
