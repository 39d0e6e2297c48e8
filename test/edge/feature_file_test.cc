#include "edge/feature_file.h"

#include <filesystem>
#include <regex>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "test/support/support.h"

namespace godwit {
namespace {

const Error absent{ErrorCode::no_data, "not here"};
const Error fault{ErrorCode::timeout, "no answer"};

Batch jetson(const std::string& l4t = "35.4.1") {
  Batch out;
  out.add_info("godwit_board_info", {{"module", "NVIDIA Jetson Orin NX (16GB ram)"},
                                     {"soc", "tegra234"},
                                     {"l4t", l4t},
                                     {"jetpack", "5.1.2"},
                                     {"cuda_version", "11.4"},
                                     {"cuda_arch_bin", "8.7"}});
  out.add_info("hw_gpu_info", {{"hw_id", "ga10b"}, {"hw_type", "gpu"}});
  out.add("hw_gpu_memory_limit_bytes", {{"hw_id", "ga10b"}, {"hw_type", "gpu"}}, 16'508'780'544.0);
  return out;
}

const std::string jetson_text =
    "godwit-cuda.arch=8.7\n"
    "godwit-cuda.version=11.4\n"
    "godwit-gpu.count=1\n"
    "godwit-gpu.memory=15744\n"
    "godwit-gpu.present=true\n"
    "godwit-gpu.product=NVIDIA-Jetson-Orin-NX-16GB-ram\n"
    "godwit-jetson.jetpack=5.1.2\n"
    "godwit-jetson.l4t=35.4.1\n"
    "godwit-jetson.module=NVIDIA-Jetson-Orin-NX-16GB-ram\n"
    "godwit-jetson.soc=tegra234\n";

TEST_CASE("feature file: values keep Kubernetes' rules") {
  CHECK(label_value("Tesla T4") == "Tesla-T4");
  CHECK(label_value("  NVIDIA  GeForce RTX 2080 Super (TM) ") ==
        "NVIDIA-GeForce-RTX-2080-Super-TM");
  CHECK(label_value("-._a.b_c-") == "a.b_c");
  CHECK(label_value("a=b\nc/d\xc3\xa9") == "abcd");
  CHECK(label_value("()").empty());
  CHECK(label_value("").empty());
  const std::regex rule("(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?");
  for (std::size_t size = 55; size < 70; ++size) {
    for (const char* text : {"x ", ". ", "x.", "--x"}) {
      std::string all;
      while (all.size() < size) all += text;
      const std::string value = label_value(all);
      CHECK(std::regex_match(value, rule));
      CHECK(value.size() <= 63);
    }
  }
}

TEST_CASE("feature file: a Jetson's, a discrete GPU's, an NPU's") {
  const test::TempDir folder;
  FeatureFile file(folder.file("godwit"), {"jtop"});
  file.observe("cpu", {}, jetson(), 0);
  CHECK_FALSE(std::filesystem::exists(folder.file("godwit")));
  file.observe("jtop", {}, jetson(), 0);
  CHECK(test::read_file(folder.file("godwit")) == jetson_text);
  CHECK_FALSE(std::filesystem::exists(folder.file(".godwit.new")));

  Batch others;
  for (const char* id : {"0000:01:00", "0000:81:00"}) {
    others.add_info("hw_gpu_info", {{"hw_id", id},
                                    {"hw_model", "Tesla T4"},
                                    {"hw_driver_version", "535.183.01"},
                                    {"cuda_version", "12.2"}});
    others.add("hw_gpu_memory_limit_bytes", {{"hw_id", id}}, 15'360.0 * (1 << 20));
  }
  others.add_info("hw_npu_info", {{"hw_id", "0-0"}, {"hw_name", "310P3"}});
  others.add("hw_npu_memory_limit_bytes", {{"hw_id", "0-0"}}, 21'527.0 * (1 << 20));
  CHECK(features_of(others) == Features{{"godwit-cuda.version", "12.2"},
                                        {"godwit-gpu.count", "2"},
                                        {"godwit-gpu.driver", "535.183.01"},
                                        {"godwit-gpu.memory", "15360"},
                                        {"godwit-gpu.present", "true"},
                                        {"godwit-gpu.product", "Tesla-T4"},
                                        {"godwit-npu.count", "1"},
                                        {"godwit-npu.memory", "21527"},
                                        {"godwit-npu.present", "true"},
                                        {"godwit-npu.product", "310P3"}});
  CHECK(features_of({}).empty());
}

TEST_CASE("feature file: written when something changed, kept through faults and a restart") {
  const test::TempDir folder;
  const std::string path = folder.file("godwit");
  const auto inode = [&] {
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    return info.st_ino;
  };
  {
    FeatureFile file(path, {"jtop", "tegra"});
    file.observe("jtop", {}, jetson(), 0);
    CHECK_FALSE(std::filesystem::exists(path));  // tegra may have something to add
    file.observe("tegra", absent, {}, 10);
    CHECK(test::read_file(path) == jetson_text);
    const auto first = inode();
    file.observe("jtop", {}, jetson(), 40'000);
    CHECK(inode() == first);
    file.observe("jtop", fault, {}, 80'000);
    CHECK(inode() == first);
    file.observe("jtop", {}, jetson("36.4.0"), 120'000);
    CHECK(test::read_file(path).find("l4t=36.4.0\n") != std::string::npos);
    CHECK(inode() != first);
  }
  const auto before = inode();
  FeatureFile file(path, {"jtop", "tegra"});
  file.observe("tegra", absent, {}, 0);
  file.observe("jtop", fault, {}, 0);
  CHECK(inode() == before);
  file.observe("jtop", {}, jetson("36.4.0"), 10);
  CHECK(inode() == before);
  file.observe("jtop", absent, {}, 40'000);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("feature file: a folder that is not there costs nothing, and one that comes is used") {
  const test::TempDir folder;
  FeatureFile off("", {});
  off.observe("jtop", {}, jetson(), 0);
  const std::string path = folder.file("features.d/godwit");
  FeatureFile file(path, {});
  file.observe("jtop", {}, jetson(), 0);
  std::filesystem::create_directory(folder.file("features.d"));
  file.observe("jtop", {}, jetson(), 20'000);
  CHECK_FALSE(std::filesystem::exists(path));
  file.observe("jtop", {}, jetson(), 40'000);
  CHECK(test::read_file(path) == jetson_text);
}

}  // namespace
}  // namespace godwit
