#include "transport/exposition_parser.h"

#include <cmath>
#include <limits>
#include <map>

#include <catch2/catch.hpp>

#include "test/support/support.h"
#include "transport/schema.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Format = ExpositionParser::Format;

struct Parsed {
  Status status;
  std::vector<ExposedSample> samples;

  const ExposedSample& at(const std::string& series) const {
    for (const auto& sample : samples) {
      if (format_series(sample.series) == series) return sample;
    }
    FAIL("no series " << series);
    return samples.front();
  }
};

Parsed parse(std::string_view text, Format format = Format::prometheus,
             std::size_t piece = std::string::npos) {
  Parsed result;
  ExpositionParser parser(format, [&](ExposedSample&& sample) {
    result.samples.push_back(std::move(sample));
    return Status();
  });
  for (; !text.empty() && result.status; text.remove_prefix(std::min(piece, text.size()))) {
    result.status = parser.feed(text.substr(0, piece));
  }
  if (result.status) result.status = parser.finish();
  return result;
}

std::string problem(std::string_view text, Format format = Format::prometheus) {
  const Parsed parsed = parse(text, format);
  return parsed.status ? "" : parsed.status.error().message;
}

std::string fixture(std::string_view name) {
  return test::read_file(test::fixture(concat("exposition/", name)));
}

}  // namespace

TEST_CASE("exposition: what dcgm-exporter serves") {
  const Parsed parsed = parse(fixture("dcgm-exporter.prom"));
  REQUIRE(parsed.status.ok());
  REQUIRE(parsed.samples.size() == 4);
  CHECK(parsed.samples[0].series.labels.size() == 10);
  CHECK(parsed.samples[0].series.labels[0].name == "DCGM_FI_DRIVER_VERSION");
  CHECK(parsed.samples[2].value == 26.514);
  CHECK(parsed.samples[2].series.labels.size() == 7);  // without the empty ones
  CHECK(parsed.samples[2].series.kind == Kind::gauge);
  CHECK(parsed.samples[3].series.kind == Kind::counter);
  for (const auto& sample : parsed.samples) CHECK(is_valid(sample.series));
}

TEST_CASE("exposition: what npu-exporter serves, with its own times") {
  const Parsed parsed = parse(fixture("npu-exporter.prom"));
  REQUIRE(parsed.status.ok());
  REQUIRE(parsed.samples.size() == 4);
  CHECK_FALSE(parsed.samples[0].has_time);
  CHECK(parsed.samples[3].has_time);
  CHECK(parsed.samples[3].value == 17.600000381469727);
}

TEST_CASE("exposition: OpenMetrics, in pieces of any size") {
  const std::string text = fixture("application.om");
  for (const std::size_t piece : {1U, 7U, 64U, 100'000U}) {
    const Parsed parsed = parse(text, Format::openmetrics, piece);
    REQUIRE(parsed.status.ok());
    REQUIRE(parsed.samples.size() == 13);
    const auto kind = [&](const std::string& series) { return parsed.at(series).series.kind; };
    CHECK(parsed.at("requests_total{code=\"200\",target=\"db\"}").value == 1027);
    CHECK(kind("requests_total{code=\"200\",target=\"db\"}") == Kind::counter);
    CHECK(kind("requests_created{code=\"200\",target=\"db\"}") == Kind::gauge);
    CHECK(parsed.at("latency_seconds_bucket{le=\"0.1\"}").value == 8);
    CHECK(kind("latency_seconds_bucket{le=\"+Inf\"}") == Kind::counter);
    CHECK_FALSE(parsed.at("latency_seconds_bucket{le=\"0.1\"}").has_time);
    CHECK(kind("latency_seconds_sum") == Kind::counter);
    CHECK(std::isnan(parsed.at("queue_seconds{quantile=\"0.5\"}").value));
    CHECK(kind("queue_seconds{quantile=\"0.5\"}") == Kind::gauge);
    CHECK(kind("build_info{version=\"1.2.3\"}") == Kind::info);
    CHECK(kind("mode{mode=\"eco\"}") == Kind::stateset);
    CHECK(parsed.at("depth").value == -std::numeric_limits<double>::infinity());
    CHECK(parsed.at("depth").has_time);
  }
}

TEST_CASE("exposition: labels, blanks, escapes and numbers as people write them") {
  const Parsed parsed = parse(
      "a\t{ x = \"1\" , y=\"back\\\\slash \\\"q\\\" line\\nend \\d\", } \t +1.5e3  \n"
      "\n  # just a remark\nb{} 0x\n");
  CHECK(parsed.status.error().message.find("line 4: \"b\": expected a number") == 0);
  REQUIRE(parsed.samples.size() == 1);
  CHECK(parsed.samples[0].value == 1500);
  CHECK(parsed.samples[0].series.labels ==
        Labels{{"x", "1"}, {"y", "back\\slash \"q\" line\nend \\d"}});
  CHECK(parse("ns:rate5m{} 1\r\n").samples.size() == 1);
  CHECK(parse("a Inf\na +Inf\na -inf\na nan\n").samples.size() == 4);
}

TEST_CASE("exposition: text that breaks the format is refused, with its line") {
  CHECK(problem("a 1\nb\n").find("line 2") == 0);
  for (const char* const bad :
       {"a 1", "a{x=\"1\" 1\n", "a{x=\"1} 1\n", "a{x=1} 1\n", "a{x=\"1\",x=\"2\"} 1\n",
        "a{__name__=\"b\"} 1\n", "9a 1\n", "{x=\"1\"} 1\n", "a 1 2 3\n", "a 1 soon\n", "# TYPE a\n",
        "a{x=\"1\"y=\"2\"} 1\n", "a 1 # {} 1\n", "<html>\n", "a{x=\"1\\", "\x80 1\n"}) {
    INFO(bad);
    CHECK_FALSE(problem(bad).empty());
  }
  CHECK(problem("a 1\n", Format::openmetrics).find("without # EOF") != std::string::npos);
  CHECK_FALSE(problem("# EOF\na 1\n", Format::openmetrics).empty());
  CHECK(problem("a 1\n# EOF", Format::openmetrics).empty());
  CHECK(problem("").empty());
}

TEST_CASE("exposition: lines and labels are bounded") {
  CHECK(problem("# " + std::string(ExpositionParser::max_line_bytes, 'x') + "\n")
            .find("longer than") != std::string::npos);
  CHECK(problem(std::string(1 << 20, 'x')).find("longer than") != std::string::npos);
  std::string labels;
  for (std::size_t i = 0; i <= ExpositionParser::max_line_labels; ++i) {
    labels += concat("l", i, "=\"\",");
  }
  CHECK(problem("a{" + labels + "} 1\n").find("too many labels") != std::string::npos);
}

TEST_CASE("exposition: an Error of the receiver ends it") {
  ExpositionParser parser(Format::prometheus, [](ExposedSample&&) -> Status {
    return Error{ErrorCode::full, "enough"};
  });
  CHECK(parser.feed("a 1\n").error().message == "enough");
}

TEST_CASE("exposition: the format by its content type") {
  CHECK(ExpositionParser::format_of("text/plain; version=0.0.4") == Format::prometheus);
  CHECK(ExpositionParser::format_of("") == Format::prometheus);
  CHECK(ExpositionParser::format_of("application/OpenMetrics-text;version=1.0.0;charset=utf-8") ==
        Format::openmetrics);
  CHECK_FALSE(ExpositionParser::format_of("text/html"));
  CHECK_FALSE(ExpositionParser::format_of("application/vnd.google.protobuf"));
}

}  // namespace godwit
