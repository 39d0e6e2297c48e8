#include "transport/text.h"

#include <catch2/catch.hpp>

using namespace godwit;

TEST_CASE("text: numbers are whole or nothing") {
  CHECK(parse_int("42") == 42);
  CHECK(parse_int("-1") == -1);
  CHECK_FALSE(parse_int("4x"));
  CHECK_FALSE(parse_int(""));
  CHECK_FALSE(parse_int("99999999999999999999"));
  CHECK(parse_double("1e3") == 1000.0);
  CHECK_FALSE(parse_double("1,5"));
  CHECK(format_number(0.1) == "0.1");
}

TEST_CASE("text: splitting keeps empty fields, lines lose CR") {
  CHECK(split("a::b", ':') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(split_blanks("  a \t b") == std::vector<std::string_view>{"a", "b"});
  CHECK(split_lines("a\r\nb\n\nc") == std::vector<std::string_view>{"a", "b", "", "c"});
  CHECK(split_lines("").empty());
}

TEST_CASE("text: foreign bytes are quoted and cut") {
  CHECK(quote_for_message("a\n\xff") == "\"a\\x0a\\xff\"");
  CHECK(quote_for_message("abcdef", 3) == "\"abc...\"");
}

TEST_CASE("text: UTF-8 check refuses overlong forms, surrogates and cut sequences") {
  CHECK(is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa6"));
  CHECK_FALSE(is_utf8("\xc0\x80"));
  CHECK_FALSE(is_utf8("\xe0\x80\x80"));
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));
  CHECK_FALSE(is_utf8("\xe2\x82"));
  CHECK_FALSE(is_utf8("\xf5\x80\x80\x80"));
}
