// A collector is a file (or folder), a line in registry.cc and a row in README.md. A forgotten one
// fails here.
#include <filesystem>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "edge/collector.h"
#include "test/support/support.h"

using namespace godwit;

namespace {

const std::filesystem::path folder =
    std::filesystem::path(GODWIT_SOURCE_DIR) / "edge" / "collectors";

std::set<std::string> registered() {
  std::set<std::string> names;
  for (const auto& spec : collector_registry()) names.insert(std::string(spec.name));
  return names;
}

// Files and folders that hold a maker: `std::unique_ptr<Collector> make_x(`.
std::set<std::string> in_folder() {
  const std::regex maker(R"(std::unique_ptr<Collector> make_(\w+)\()");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".cc" || entry.path().filename() == "registry.cc") continue;
    const std::string text = test::read_file(entry.path());
    std::smatch found;
    if (std::regex_search(text, found, maker)) names.insert(found[1]);
  }
  return names;
}

std::set<std::string> in_readme() {
  const std::string text = test::read_file(folder / "README.md");
  const std::regex row(R"(\n\| ([a-z][a-z0-9_]*) \|)");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it) {
    if ((*it)[1] != "name") names.insert((*it)[1]);
  }
  return names;
}

}  // namespace

TEST_CASE("registry: every collector of the folder is registered, every registered one is there") {
  CHECK(registered().size() == collector_registry().size());
  CHECK(registered() == in_folder());
}

TEST_CASE("registry: every collector has its row in README.md") {
  CHECK(registered() == in_readme());
}

TEST_CASE("registry: specs are complete, and their collectors can be made") {
  const test::TempDir empty;
  const Host host(empty.path().string());
  for (const auto& spec : collector_registry()) {
    INFO(spec.name);
    CHECK_FALSE(spec.source.empty());
    CHECK(spec.defaults.interval >= std::chrono::seconds(1));
    CHECK(spec.defaults.deadline >= std::chrono::seconds(1));
    CHECK(spec.make(host, spec.defaults) != nullptr);
  }
}
