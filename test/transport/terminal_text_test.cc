#include "transport/terminal_text.h"

#include <catch2/catch.hpp>

#include "transport/human.h"

namespace godwit {
namespace {

TEST_CASE("nothing that a terminal obeys is printable") {
  CHECK(printable("plain, Zürich, 東京") == "plain, Zürich, 東京");
  CHECK(printable("a\x1b[31mb\n\t\x7f") == "a\uFFFD[31mb\uFFFD\uFFFD\uFFFD");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\uFFFD31m");  // C1: CSI in one character
  CHECK(printable("\xe2\x80\xae"
                  "gpj") == "\uFFFDgpj");  // right-to-left override
  CHECK(printable("\xff\xc0\x80\xed\xa0\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(printable("\xe6\x9d") == "\uFFFD\uFFFD");  // cut in the middle
}

TEST_CASE("text is cut and filled by columns, not bytes") {
  CHECK(columns_of("東京") == 4);
  CHECK(columns_of("e\u0301") == 1);
  CHECK(fit("node", 6) == "node  ");
  CHECK(fit("7", 3, Align::right) == "  7");
  CHECK(fit("node-17", 5) == "node…");
  CHECK(fit("東京都", 4) == "東 …");  // half of a character is none
  CHECK(fit("東京", 4) == "東京");
  CHECK(fit("ab", 0).empty());
  CHECK(columns_of(fit("e\u0301e\u0301e\u0301", 2)) == 2);
}

TEST_CASE("colour is for terminals, and for who asks") {
  const auto empty = [](const std::string&) { return std::optional<std::string>(); };
  const auto no_color = [](const std::string& name) {
    return name == "NO_COLOR" ? std::optional<std::string>("1") : std::nullopt;
  };
  CHECK(wants_color(ColorChoice::automatic, true, empty));
  CHECK_FALSE(wants_color(ColorChoice::automatic, false, empty));
  CHECK_FALSE(wants_color(ColorChoice::automatic, true, no_color));
  CHECK(wants_color(ColorChoice::always, false, no_color));
  CHECK_FALSE(wants_color(ColorChoice::never, true, empty));
  CHECK(paint("x", Color::red, true) == "\x1b[31mx\x1b[0m");
  CHECK(paint("x", Color::red, false) == "x");
}

TEST_CASE("numbers are written for people") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1048570) == "1 MiB");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(25276502016.0) == "23.5 GiB");
  CHECK(human_duration(4999) == "4s");
  CHECK(human_duration(95'000) == "1m35s");
  CHECK(human_duration(720'000) == "12m");
  CHECK(human_duration(12'000'000) == "3h20m");
  CHECK(human_duration(7'200'000) == "2h");
  CHECK(human_duration(445'000'000) == "5d3h");
  CHECK(human_duration(-5) == "0s");
  CHECK(human_value("hw_temperature_celsius", 45.54) == "45.5 °C");
  CHECK(human_value("hw_gpu_utilization_ratio", 0.873) == "87.3 %");
  CHECK(human_value("hw_power_watts", 12.25) == "12.3 W");
  CHECK(human_value("node_memory_MemTotal_bytes", 1073741824) == "1 GiB");
  CHECK(human_value("godwit_clock_hertz", 918e6) == "918 MHz");
  CHECK(human_value("godwit_network_rtt_seconds", 0.0123) == "12.3 ms");
  CHECK(human_value("node_boot_time_seconds", 1763719200) == "2025-11-21T10:00:00.000Z");
  CHECK(human_value("node_load1", 0.52) == "0.52");
  CHECK(human_value("not_ours", 5) == "5");
}

}  // namespace
}  // namespace godwit
