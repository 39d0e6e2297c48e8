// Every capture reads exactly as its expectation says, and captures that were bent on the way read
// the same. JSON is compared by value.
#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "edge/collectors/npu_smi/parse.h"
#include "test/support/support.h"
#include "transport/text.h"

using namespace godwit;
using nlohmann::json;

namespace {

// Names of the captures: first column of INDEX.tsv.
std::vector<std::string> captures() {
  std::vector<std::string> names;
  const std::string index = test::read_file(test::fixture("npu-smi/INDEX.tsv"));
  for (const auto line : split_lines(index)) {
    const auto fields = split(line, '\t');
    if (fields[0] != "file") names.emplace_back(fields[0]);
  }
  return names;
}

std::string text_of(const std::string& name) {
  return test::read_file(test::fixture("npu-smi/" + name));
}

json expectation(const std::string& name) {
  const std::string stem = name.substr(0, name.size() - 4);
  return json::parse(test::read_file(test::fixture("npu-smi/" + stem + ".json")));
}

// Cut where nothing in the text tells: the expectation knows from the source.
const std::set<std::string> cut_without_trace = {
    "910B/10-info-910B3-head-23.0.0.txt",    "910B/11-info-910B2C-head-24.1.rc2.2.txt",
    "910B/13-info-910B3-head-25.2.0.txt",    "910B/15-info-910B2-head-24.1.0.txt",
    "910B/16-info-910B4-head-24.1.1.txt",    "950/27-info-warning-adapted-25.6.rc1.b218.txt",
    "A3/05-info-trimmed-procs-26.0.rc1.txt",
};

json read(const std::string& text, const std::string& name) {
  const auto result = parse_npu_smi_file(text, name);
  INFO(name);
  if (!result) FAIL(result.error().message);
  return json::parse(*result);
}

// What both sides must agree on. The command is the caller's to know, a note is for people.
json essence(json value) {
  value.erase("command");
  value.erase("note");
  return value;
}

json expected_of(const std::string& name) {
  json expected = essence(expectation(name));
  if (cut_without_trace.contains(name)) expected.erase("truncated");
  return expected;
}

std::string map_lines(const std::string& text, const std::function<std::string(std::string)>& f) {
  std::string result;
  for (const auto line : split_lines(text)) result += f(std::string(line)) + "\n";
  return result;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

TEST_CASE("npu-smi corpus: every capture reads as expected") {
  const auto names = captures();
  REQUIRE(names.size() >= 80);
  for (const auto& name : names) {
    INFO(name);
    CHECK(essence(read(text_of(name), name)) == expected_of(name));
  }
}

TEST_CASE("npu-smi corpus: nothing is told of the command that is not so") {
  std::size_t told = 0;
  for (const auto& name : captures()) {
    const json command = read(text_of(name), name)["command"];
    if (command.is_null()) continue;
    ++told;
    // The order of the options cannot be known.
    const auto actual = expectation(name)["command"].get<std::string>();
    const auto words = split_blanks(actual);
    const auto ours = command.get<std::string>();
    INFO(name << ": " << actual << ", told: " << ours);
    for (const auto word : split_blanks(ours)) {
      CHECK(std::find(words.begin(), words.end(), word) != words.end());
    }
  }
  CHECK(told >= 75);
}

TEST_CASE("npu-smi corpus: line ends, indents and log lines of preloaded libraries do not matter") {
  const auto bend = GENERATE(0, 1, 2, 3, 4);
  for (const auto& name : captures()) {
    INFO(name << ", bend " << bend);
    std::string text = text_of(name);
    const bool is_error = name.starts_with("errors/");
    if (bend == 0) text = replace_all(text, "\n", "\r\n");
    if (bend == 1) text = map_lines(text, [](const std::string& s) { return "    " + s; });
    if (bend == 2) text = map_lines(text, [](const std::string& s) { return s + "  "; });
    if (bend == 3 && !is_error) text = "[INFO limiter::init] pid: 42, core limit: 50\n" + text;
    if (bend == 4 && !is_error) {
      text += "[WARNING]The driver package may not be completely installed. Reinstall it.\n";
    }
    const bool cut_row = name == "A3/07-info-headless-tail-26.x.txt" && (bend == 4);
    if (cut_row) continue;
    CHECK(essence(read(text, name)) == expected_of(name));
  }
}

TEST_CASE("npu-smi corpus: tables read the same at any width, with TABs, and with rules stripped") {
  for (const auto& name : captures()) {
    const json expected = expected_of(name);
    if (expected.value("kind", "") != "info") continue;
    INFO(name);
    const std::string text = text_of(name);

    const auto wider = map_lines(text, [](const std::string& line) {
      return line.find('|') == std::string::npos ? line : replace_all(line, "  ", "     ");
    });
    CHECK(essence(read(wider, name)) == expected);

    // A column's name may hold one blank, so TABs stand for two or more.
    const auto tabs = map_lines(text, [](const std::string& line) {
      return line.find('|') == std::string::npos ? line : replace_all(line, "  ", "\t");
    });
    CHECK(essence(read(tabs, name)) == expected);

    json bare = essence(read(map_lines(text,
                                       [](const std::string& line) {
                                         return line.find('|') == std::string::npos ? "" : line;
                                       }),
                             name));
    json expected_bare = expected;
    bare.erase("truncated");
    expected_bare.erase("truncated");
    CHECK(bare == expected_bare);
  }
}

TEST_CASE("npu-smi corpus: a table cut after any line, or within one, keeps what it still says") {
  for (const auto& name : captures()) {
    const json expected = expectation(name);
    if (expected.value("kind", "") != "info") continue;
    const std::string text = text_of(name);
    for (std::size_t size = 0; size < text.size(); size += 37) {
      const auto result = parse_npu_smi_file(text.substr(0, size), name);
      if (!result) continue;
      const json part = json::parse(*result);
      if (part.value("kind", "") != "info") continue;
      INFO(name << " cut at " << size);
      // All but the last chip are whole, and nothing is made up.
      const auto& chips = part["chips"];
      for (std::size_t i = 0; i + 1 < chips.size(); ++i) {
        CHECK(chips[i] == expected["chips"][i]);
      }
      for (const auto& process : part["processes"]) {
        CHECK(std::find(expected["processes"].begin(), expected["processes"].end(), process) !=
              expected["processes"].end());
      }
    }
  }
}
