#include "edge/collectors/nvidia_smi/query.h"

#include <catch2/catch.hpp>

#include "edge/collectors/nvidia_smi/series.h"
#include "test/support/support.h"

using namespace godwit;
using namespace godwit::nvidia_smi;

TEST_CASE("nvidia_smi: the query has the names that this version of the tool lists") {
  const auto fields = [](const char* file) {
    const auto columns = parse_fields(test::read_file(test::fixture("nvidia-smi") / file));
    REQUIRE(columns);
    return query_of(*columns);
  };
  CHECK(fields("help-query-gpu-590.txt").find("clocks_event_reasons.active") != std::string::npos);
  const std::string old = fields("help-query-gpu-old.txt");
  CHECK(old.find("clocks_throttle_reasons.active") != std::string::npos);
  CHECK(old.find("clocks_event_reasons") == std::string::npos);
  CHECK(old.find("memory.reserved") == std::string::npos);
  CHECK(parse_fields("NVIDIA-SMI has failed").error().code == ErrorCode::invalid);
}

TEST_CASE("nvidia_smi: what stands in the place of a value is no value") {
  for (const char* cell : {"",
                           "N/A",
                           "n/a",
                           "[N/A]",
                           "[Not Supported]",
                           "[not supported]",
                           "[Insufficient Permissions]",
                           "[Unknown Error]",
                           "[Function Not Found]",
                           "[Requested functionality has been deprecated]",
                           "[GPU requires reset]",
                           "[GPU is lost]",
                           "ERR!",
                           "2147483632",
                           "2147483633",
                           "2147483634",
                           "2147483635",
                           "9223372036854775792",
                           "9223372036854775793",
                           "9223372036854775794",
                           "9223372036854775795",
                           "140737488355328.0",
                           "140737488355329",
                           "140737488355330",
                           "140737488355331",
                           "<<<NULL>>>",
                           "<<<NOT_FOUND>>>",
                           "<<<NOT_SUPPORTED>>>",
                           "<<<NOT_PERM>>>",
                           "<<<NOT_PERMISSIONED>>>"}) {
    INFO(cell);
    CHECK(is_absent(cell));
  }
  for (const char* cell : {"0", "-5", "2147483631", "2147483636", "None", "No"}) {
    INFO(cell);
    CHECK_FALSE(is_absent(cell));
  }
}

TEST_CASE("nvidia_smi: the GPU that a message calls lost is known by its address") {
  using Addresses = std::vector<std::string>;
  CHECK(lost_gpus("Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.") ==
        Addresses{"0000:02:00"});
  CHECK(lost_gpus("Unable to determine the device handle for GPU1: 00000000:0B:00.0: Unknown "
                  "Error") == Addresses{"0000:0b:00"});
  CHECK(lost_gpus("GPU 0000:02:00.0 is fine").empty());
  CHECK(kernel_address("00000000:81:00.0") == "0000:81:00");
}
