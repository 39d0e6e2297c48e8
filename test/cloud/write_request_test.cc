#include "cloud/write_request.h"

#include <bit>
#include <limits>

#include <catch2/catch.hpp>

#include "cloud/request_parts.h"
#include "test/support/remote_write_decoder.h"

namespace godwit {
namespace {

using test::decode_compressed;
using test::decode_write_request;

const TargetLabels target{"godwit", {{"cluster", "a"}}};

// Two series and a third that is never there, `ticks` ticks of 1 s.
Frame make_frame(std::size_t ticks, std::int64_t start_ms = 1'795'000'000'000) {
  Frame frame;
  frame.stream = 1;
  for (std::size_t t = 0; t < ticks; ++t) {
    frame.seqs.push_back(t + 1);
    frame.times_ms.push_back(start_ms + static_cast<std::int64_t>(t) * 1000);
  }
  frame.columns = {std::vector<double>(ticks, 1.5), std::vector<double>(ticks, -2),
                   std::vector<double>(ticks, absent)};
  return frame;
}

const std::vector<Series> three_series = {{"a_ratio", {{"core", "0"}}, Kind::gauge},
                                          {"b_total", {}, Kind::counter},
                                          {"c", {}, Kind::gauge}};

std::string encode(const Frame& frame, std::size_t* samples = nullptr) {
  std::string body;
  const EncodedLabels labels(three_series, "node-1", target);
  const std::size_t count = append_ticks(frame, 0, frame.ticks(), labels, body);
  if (samples != nullptr) *samples = count;
  return body;
}

TEST_CASE("a frame becomes one series per column that has samples") {
  Frame frame = make_frame(3);
  frame.columns[0][1] = absent;
  std::size_t samples = 0;
  const auto all = decode_write_request(encode(frame, &samples));
  REQUIRE(samples == 5);
  REQUIRE(all.size() == 2);
  REQUIRE(all[0].key() == "__name__=a_ratio;cluster=a;core=0;instance=node-1;job=godwit;");
  REQUIRE(all[0].samples.size() == 2);
  REQUIRE(all[0].samples[0].first == 1'795'000'000'000);
  REQUIRE(all[0].samples[1].first == 1'795'000'002'000);
  REQUIRE(all[0].samples[1].second == std::bit_cast<std::uint64_t>(1.5));
  REQUIRE(all[1].key() == "__name__=b_total;cluster=a;instance=node-1;job=godwit;");
  REQUIRE(all[1].samples.size() == 3);
}

TEST_CASE("columns that a frame leaves out at the end have no series") {
  Frame frame = make_frame(1);
  frame.columns.resize(1);
  REQUIRE(decode_write_request(encode(frame)).size() == 1);
}

TEST_CASE("special values keep their bits, NaN is the ordinary one but for the stale marker") {
  const std::vector<std::pair<double, std::uint64_t>> cases = {
      {0.0, 0},
      {-0.0, 0x8000'0000'0000'0000},
      {std::numeric_limits<double>::infinity(), 0x7ff0'0000'0000'0000},
      {-std::numeric_limits<double>::infinity(), 0xfff0'0000'0000'0000},
      {std::numeric_limits<double>::denorm_min(), 1},
      {std::bit_cast<double>(stale_marker_bits), stale_marker_bits},
      {std::numeric_limits<double>::quiet_NaN(), 0x7ff8'0000'0000'0001},
      {std::bit_cast<double>(0xfff8'0000'0000'0007), 0x7ff8'0000'0000'0001},
  };
  for (const auto& [value, bits] : cases) {
    Frame frame = make_frame(1);
    frame.columns[0][0] = value;
    REQUIRE(decode_write_request(encode(frame))[0].samples[0].second == bits);
  }
}

TEST_CASE("times of any size and sign are exact") {
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{127},
                                  std::int64_t{1'795'000'000'123}, INT64_MAX, INT64_MIN}) {
    REQUIRE(decode_write_request(encode(make_frame(1, time)))[0].samples[0].first == time);
  }
}

TEST_CASE("labels are sorted by bytes, complete, never empty and never repeated") {
  const Series series{"m",
                      {{"Z", "1"},
                       {"_a", "2"},
                       {"a", ""},
                       {"cluster", "own"},
                       {"instance", "x"},
                       {"job", "y"},
                       {"exported_job", "z"}},
                      Kind::gauge};
  const Labels expected = {{"Z", "1"},
                           {"__name__", "m"},
                           {"_a", "2"},
                           {"cluster", "a"},
                           {"exported_cluster", "own"},
                           {"exported_exported_job", "y"},
                           {"exported_instance", "x"},
                           {"exported_job", "z"},
                           {"instance", "node-1"},
                           {"job", "godwit"}};
  REQUIRE(complete_labels(series, "node-1", target) == expected);
}

TEST_CASE("empty target labels are left out and own labels keep their names") {
  const Series series{"m", {{"job", "own"}}, Kind::gauge};
  REQUIRE(complete_labels(series, "n", {"", {{"cluster", ""}}}) ==
          Labels{{"__name__", "m"}, {"instance", "n"}, {"job", "own"}});
}

TEST_CASE("bodies join into one snappy block") {
  const std::string first = encode(make_frame(1));
  const std::string second = encode(make_frame(2));
  const std::vector<std::string_view> bodies = {first, second};
  const auto all = decode_compressed(compress_bodies(bodies));
  REQUIRE(all.size() == 4);
  REQUIRE(all[3].samples.size() == 2);
}

TEST_CASE("a body is taken apart by time and by series without loss") {
  const std::string body = encode(make_frame(5));
  REQUIRE(count_samples(body) == 10);
  const auto by_time = halve_by_time(body);
  REQUIRE(by_time);
  REQUIRE(decode_write_request(by_time->first)[0].samples.size() == 2);
  REQUIRE(decode_write_request(by_time->second)[1].samples.size() == 3);
  REQUIRE(decode_write_request(by_time->second)[0].key() == decode_write_request(body)[0].key());
  const auto by_series = halve_by_series(body);
  REQUIRE(by_series);
  REQUIRE(by_series->first + by_series->second == body);
  REQUIRE(split_series(body) == std::vector{by_series->first, by_series->second});
  REQUIRE_FALSE(halve_by_time(encode(make_frame(1))));
  REQUIRE_FALSE(halve_by_series(by_series->first));
}

TEST_CASE("halving by time leaves no series without samples") {
  Frame frame = make_frame(2);
  frame.columns[1][0] = absent;
  const auto halves = halve_by_time(encode(frame));
  REQUIRE(halves);
  REQUIRE(decode_write_request(halves->first).size() == 1);
  REQUIRE(decode_write_request(halves->second).size() == 2);
}

TEST_CASE("the label cache finds again what it has and keeps to its bound") {
  LabelCache roomy(target, 1U << 20);
  REQUIRE(roomy.find_or_encode("n1", 1, three_series).labels.size() == 3);
  REQUIRE(roomy.find_or_encode("n1", 1, {}).labels.size() == 3);  // found
  REQUIRE(roomy.find_or_encode("n2", 1, {}).labels.size() == 0);  // another node
  REQUIRE(roomy.find_or_encode("n1", 2, {}).labels.size() == 0);  // another schema
  LabelCache narrow(target, 1);
  REQUIRE(narrow.find_or_encode("n1", 1, three_series).labels.size() == 3);
  REQUIRE(narrow.find_or_encode("n2", 1, three_series).labels.size() == 3);
  REQUIRE(narrow.find_or_encode("n1", 1, {}).labels.size() == 0);  // was put out
}

}  // namespace
}  // namespace godwit
