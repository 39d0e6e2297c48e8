#include "transport/schema_store.h"

#include <catch2/catch.hpp>

using namespace godwit;

namespace {

Series series(int i) { return {"m" + std::to_string(i), {}, Kind::gauge}; }

struct Stored {
  SchemaId id = 0;
  std::string message;
};

Stored make(std::optional<SchemaId> parent, const std::vector<Series>& added) {
  std::string message = encode_schema(parent, added);
  return {schema_id_of(message), message};
}

}  // namespace

TEST_CASE("a schema is found once all its parents are there") {
  SchemaStore store;
  const Stored root = make({}, {series(0)});
  const Stored middle = make(root.id, {series(1), series(2)});
  const Stored leaf = make(middle.id, {series(3)});
  const auto missing = [&] { return store.find("n", leaf.id)->missing; };
  CHECK(missing() == leaf.id);
  REQUIRE(store.add("n", leaf.id, leaf.message));
  CHECK(missing() == middle.id);
  REQUIRE(store.add("n", middle.id, middle.message));
  CHECK(missing() == root.id);
  REQUIRE(store.add("n", root.id, root.message));
  const auto found = store.find("n", leaf.id);
  REQUIRE(found->schema);
  CHECK(found->schema->series == std::vector<Series>{series(0), series(1), series(2), series(3)});
  CHECK(store.find("n", leaf.id)->schema == found->schema);
  CHECK(store.find("other", leaf.id)->missing == leaf.id);
  store.forget("n", root.id);
  CHECK(store.find("n", leaf.id)->schema == found->schema);  // resolved before
  CHECK(store.find("n", middle.id)->missing == root.id);
}

TEST_CASE("a message under a wrong name, or none at all, is refused") {
  SchemaStore store;
  const Stored root = make({}, {series(0)});
  CHECK_FALSE(store.add("n", root.id + 1, root.message));
  CHECK_FALSE(store.add("n", root.id, "nonsense"));
  CHECK(store.size() == 0);
}

TEST_CASE("the least recently used go when the bounds are reached") {
  SchemaStore store({.schemas = 3});
  std::vector<Stored> all;
  for (int i = 0; i < 4; ++i) all.push_back(make({}, {series(i)}));
  for (int i = 0; i < 3; ++i) REQUIRE(store.add("n", all[i].id, all[i].message));
  CHECK(store.find("n", all[0].id)->schema);
  REQUIRE(store.add("n", all[3].id, all[3].message));
  CHECK(store.size() == 3);
  CHECK(store.find("n", all[0].id)->schema);
  CHECK(store.find("n", all[1].id)->missing == all[1].id);

  SchemaStore small({.bytes = 4000});
  for (int i = 0; i < 100; ++i) {
    const Stored one = make({}, {series(i)});
    REQUIRE(small.add("n", one.id, one.message));
    CHECK(small.find("n", one.id)->schema);
    CHECK(small.bytes() <= 4000);
  }
}

TEST_CASE("chains beyond the limits are an error") {
  SchemaStore store;
  Stored last = make({}, {series(0)});
  REQUIRE(store.add("n", last.id, last.message));
  for (std::size_t depth = 1; depth <= max_schema_depth; ++depth) {
    CHECK(store.find("n", last.id)->schema);
    last = make(last.id, {series(static_cast<int>(depth))});
    REQUIRE(store.add("n", last.id, last.message));
  }
  CHECK_FALSE(store.find("n", last.id));

  const std::vector<Series> many(max_schema_series, series(1));
  const Stored wide = make({}, many);
  const Stored wider = make(wide.id, {series(0)});
  REQUIRE(store.add("n", wide.id, wide.message));
  REQUIRE(store.add("n", wider.id, wider.message));
  CHECK_FALSE(store.find("n", wider.id));
}
