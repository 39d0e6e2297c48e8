#include "cloud/terminal.h"

#include <catch2/catch.hpp>

#include "cloud/top_view.h"
#include "transport/latest.h"
#include "transport/terminal_text.h"
#include "transport/topics.h"

namespace godwit {
namespace {

using Type = Key::Type;

std::vector<Key> keys_of(std::string bytes, bool is_all = true) { return take_keys(bytes, is_all); }

TEST_CASE("keys are told apart however their bytes come") {
  CHECK(keys_of("jé") == std::vector<Key>{{Type::text, "j"}, {Type::text, "é"}});
  CHECK(keys_of("\x1b[A\x1bOB\x1b[5~\r\x7f") ==
        std::vector<Key>{
            {Type::up}, {Type::down}, {Type::page_up}, {Type::enter}, {Type::backspace}});
  CHECK(keys_of("\x1b") == std::vector<Key>{{Type::escape}});
  CHECK(keys_of("\x1bq") == std::vector<Key>{{Type::escape}, {Type::text, "q"}});
  CHECK(keys_of("\x1b[1;5Cx") == std::vector<Key>{{Type::text, "x"}});  // one that nobody needs
  CHECK(keys_of("\x01\xff\xc3").empty());
  std::string half = "j\x1b[";
  CHECK(take_keys(half, false) == std::vector<Key>{{Type::text, "j"}});
  half += "B";
  CHECK(take_keys(half, false) == std::vector<Key>{{Type::down}});
  CHECK(half.empty());
  std::string long_one = "\x1b[" + std::string(1000, '1');
  CHECK(take_keys(long_one, false).empty());
  CHECK(long_one.empty());  // bounded
}

TEST_CASE("a screen is never wider or longer than the terminal, whatever nodes say") {
  FleetWatch fleet;
  const std::int64_t now_ms = 1'795'000'000'000;
  TopNodes nodes;
  for (const std::string name : {"a", "a-node-with-a-name-that-is-rather-long-for-a-screen"}) {
    NodeStatus status{true, "boot", 1, now_ms - 5000, "1\x1b[2J", 1'000'000'000};
    status.clock =
        "\xc2\x9b"
        "31munknown";
    status.link = "東京東京東京東京";
    fleet.on_message({topics::status(name), encode_status(status), true}, now_ms);
    const std::vector<Sample> samples = {
        {{"godwit_board_info", {{"module", "\x1b]0;x\x07東京"}}, Kind::info}, 1},
        {{"hw_temperature_celsius", {{"hw_id", "e\u0301"}}, Kind::gauge}, 1e300},
        {{"hw_host_power_watts", {}, Kind::gauge}, -1e300},
        {{"godwit_buffer_oldest_age_seconds", {}, Kind::gauge}, 1e18},
        {{"godwit_link_day_bytes", {{"direction", "sent"}}, Kind::gauge}, 1e300}};
    fleet.on_message({topics::latest(name, "self"), encode_latest(now_ms, samples), true}, now_ms);
    nodes[name] = fleet.summary(name, now_ms);
  }
  CHECK(fleet.unreadable() == 0);
  const TopScene scene{nodes, fleet, "broker:1883", true, "", now_ms};
  TopView view(false);
  for (const std::string keys : {"", "s", "\r", "/e\r", "?"}) {
    for (const auto& key : keys_of(keys)) CHECK(view.on_key(key, scene) == TopView::Wish::none);
    for (const std::size_t columns : {1U, 10U, 24U, 55U, 80U, 132U, 300U}) {
      for (const std::size_t rows : {1U, 2U, 3U, 6U, 24U, 100U}) {
        const auto lines = view.render(scene, {columns, rows});
        CHECK(lines.size() <= rows);
        for (auto line : lines) {
          // The one attribute that is there without colour.
          for (const std::string_view mark : {"\x1b[7m", "\x1b[0m"}) {
            if (const auto at = line.find(mark); at != std::string::npos)
              line.erase(at, mark.size());
          }
          INFO(columns << "x" << rows << ": " << line);
          CHECK(printable(line) == line);
          CHECK(columns_of(line) <= columns);
        }
      }
    }
  }
}

}  // namespace
}  // namespace godwit
