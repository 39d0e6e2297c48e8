#include "edge/collectors/jetson_software.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "transport/text.h"

namespace godwit {
namespace {

struct Release {
  std::string_view l4t, jetpack;
};
constexpr Release releases[] = {
    {"32.1.0", "4.2"},   {"32.2.0", "4.2.1"}, {"32.2.1", "4.2.2"}, {"32.2.3", "4.2.3"},
    {"32.3.1", "4.3"},   {"32.4.3", "4.4"},   {"32.4.4", "4.4.1"}, {"32.5.0", "4.5"},
    {"32.5.1", "4.5.1"}, {"32.5.2", "4.5.1"}, {"32.6.1", "4.6"},   {"32.7.1", "4.6.1"},
    {"32.7.2", "4.6.2"}, {"32.7.3", "4.6.3"}, {"32.7.4", "4.6.4"}, {"32.7.5", "4.6.5"},
    {"32.7.6", "4.6.6"}, {"35.1.0", "5.0.2"}, {"35.2.1", "5.1"},   {"35.3.1", "5.1.1"},
    {"35.4.1", "5.1.2"}, {"35.5.0", "5.1.3"}, {"35.6.0", "5.1.4"}, {"35.6.1", "5.1.5"},
    {"36.3.0", "6.0"},   {"36.4.0", "6.1"},   {"36.4.3", "6.2"},   {"36.4.4", "6.2.1"},
    {"38.2.0", "7.0"},
};

// "cuda-11.4" -> {11, 4}.
std::optional<std::pair<int, int>> cuda_version(std::string_view folder) {
  if (!folder.starts_with("cuda-")) return std::nullopt;
  const auto parts = split(folder.substr(5), '.');
  if (parts.size() != 2) return std::nullopt;
  const auto major = parse_int<int>(parts[0]), minor = parse_int<int>(parts[1]);
  if (!major || !minor || *major < 0 || *minor < 0) return std::nullopt;
  return std::pair(*major, *minor);
}

}  // namespace

std::string_view jetpack_of(std::string_view l4t) {
  const auto* const it = std::find_if(std::begin(releases), std::end(releases),
                                      [&](const Release& one) { return one.l4t == l4t; });
  return it == std::end(releases) ? std::string_view() : it->jetpack;
}

std::string installed_cuda(const Host& host) {
  // /usr/local/cuda is a link to an absolute path, which leads elsewhere below another root.
  const auto names = host.list("/usr/local");
  std::pair<int, int> newest{};
  if (names) {
    for (const auto& name : *names) newest = std::max(newest, cuda_version(name).value_or(newest));
  }
  return newest.first == 0 ? std::string() : concat(newest.first, ".", newest.second);
}

void add_software(const std::string& cuda, std::map<std::string, std::string>& board) {
  if (!cuda.empty()) board.try_emplace("cuda_version", cuda);
  const auto l4t = board.find("l4t");
  const auto jetpack = l4t == board.end() ? std::string_view() : jetpack_of(l4t->second);
  if (!jetpack.empty()) board.try_emplace("jetpack", jetpack);
}

}  // namespace godwit
