#include "transport/settings_yaml.h"

#include <algorithm>

#include <yaml-cpp/yaml.h>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_file_bytes = 1U << 20;
constexpr int max_depth = 8;
constexpr std::size_t max_problems = 20;
constexpr std::size_t max_values = 10'000;

// The key that a person most likely meant, or "".
std::string nearest_key(std::span<const Setting> table, std::string_view key) {
  std::string best;
  std::size_t best_distance = key.size() / 2 + 1;
  for (const auto& setting : table) {
    std::vector<std::size_t> row(setting.key.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    for (std::size_t i = 1; i <= key.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t change = diagonal + (key[i - 1] == setting.key[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = setting.key;
    }
  }
  return best;
}

// Walks the YAML document once and gathers what it says per key.
class Reader {
 public:
  Reader(std::span<const Setting> table, std::string_view source, SettingProblems& problems)
      : table_(table), source_(source), problems_(problems) {}

  void read(const YAML::Node& node, const std::string& prefix, int depth) {
    if (depth > max_depth) return problems_.add(where(node), prefix, "nested too deeply");
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        problems_.add(where(entry.first), prefix, "keys must be plain texts");
        continue;
      }
      const std::string name = entry.first.Scalar();
      const std::string key = prefix.empty() ? name : concat(prefix, ".", name);
      read_entry(entry.first, entry.second, key, depth);
    }
  }

  RawSettings found;

 private:
  [[nodiscard]] std::string where(const YAML::Node& node) const {
    return concat(source_, ":", node.Mark().line + 1);
  }

  void read_entry(const YAML::Node& key_node, const YAML::Node& node, const std::string& key,
                  int depth) {
    const auto known =
        std::find_if(table_.begin(), table_.end(), [&](const Setting& s) { return s.key == key; });
    const bool section = std::any_of(table_.begin(), table_.end(), [&](const Setting& s) {
      return s.key.starts_with(key + ".");
    });
    if (found.contains(key)) return problems_.add(where(key_node), key, "given twice");
    if (known != table_.end()) return read_value(key_node, node, *known);
    if (!section) {
      const std::string nearest = nearest_key(table_, key);
      return problems_.add(
          where(key_node), key,
          nearest.empty() ? "unknown key" : concat("unknown key; did you mean ", nearest, "?"));
    }
    if (node.IsNull()) return;
    if (!node.IsMap()) {
      return problems_.add(where(key_node), key, "expected a section with keys below it");
    }
    read(node, key, depth + 1);
  }

  // false: nested too deeply.
  static bool flatten(const YAML::Node& node, const std::string& prefix, int depth,
                      std::string& out) {
    for (const auto& entry : node) {
      const YAML::Node& value = entry.second;
      if (!entry.first.IsScalar() || depth > 1) return false;
      const std::string key = concat(prefix, entry.first.Scalar());
      if (value.IsMap()) {
        if (!flatten(value, concat(key, "."), depth + 1, out)) return false;
        continue;
      }
      out += concat(key, "=");
      if (value.IsScalar()) out += value.Scalar();
      for (std::size_t i = 0; value.IsSequence() && i < value.size(); ++i) {
        if (!value[i].IsScalar()) return false;
        out += concat(i == 0 ? "" : "|", value[i].Scalar());
      }
      out += '\n';
    }
    return true;
  }

  void read_value(const YAML::Node& key_node, const YAML::Node& node, const Setting& setting) {
    const std::string& key = setting.key;
    RawSetting raw{where(key_node), {}, {}, node.IsSequence()};
    if (node.IsScalar()) {
      raw.text = node.Scalar();
    } else if (node.IsSequence()) {
      for (const auto& item : node) {
        std::string text;
        if (item.IsScalar()) {
          text = item.Scalar();
        } else if (!setting.records || !item.IsMap() || !flatten(item, "", 0, text)) {
          return problems_.add(where(item), key,
                               setting.records ? "expected texts, or sections of keys and values"
                                               : "expected a list of texts");
        }
        raw.items.push_back(std::move(text));
      }
    } else if (node.IsMap()) {
      return problems_.add(raw.where, key, "expected a value, not a section");
    }
    found.emplace(key, std::move(raw));
  }

  std::span<const Setting> table_;
  std::string_view source_;
  SettingProblems& problems_;
};

bool flatten(const YAML::Node& node, const std::string& path, int depth,
             std::map<std::string, std::string>& out) {
  if (depth > max_depth || out.size() > max_values) return false;
  if (node.IsScalar()) out[path] = node.Scalar();
  std::size_t index = 0;
  for (const auto& entry : node) {
    const std::string key =
        node.IsMap() && entry.first.IsScalar() ? entry.first.Scalar() : std::to_string(index);
    ++index;
    const std::string below = path.empty() ? key : concat(path, ".", key);
    if (!flatten(node.IsMap() ? entry.second : entry, below, depth + 1, out)) return false;
  }
  return true;
}

}  // namespace

void SettingProblems::add(std::string_view where, std::string_view key, std::string_view what) {
  if (lines_.size() < max_problems) lines_.push_back(concat(where, ": ", key, ": ", what));
}

Error SettingProblems::error() const {
  std::string text;
  for (const auto& line : lines_) text += (text.empty() ? "" : "\n") + line;
  return {ErrorCode::invalid, std::move(text)};
}

RawSettings read_settings_yaml(std::span<const Setting> table, std::string_view text,
                               std::string_view source, SettingProblems& problems) {
  Reader reader(table, source, problems);
  if (text.size() > max_file_bytes) {
    problems.add(source, "settings", concat("larger than ", max_file_bytes, " bytes"));
    return {};
  }
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    if (document.IsMap()) {
      reader.read(document, "", 0);
    } else if (document.IsDefined() && !document.IsNull()) {
      problems.add(concat(source, ":1"), "settings", "expected keys and values");
    }
  } catch (const YAML::Exception& e) {
    problems.add(concat(source, ":", e.mark.line + 1), "not valid YAML", e.msg);
  }
  return std::move(reader.found);
}

Result<std::map<std::string, std::string>> flatten_yaml(std::string_view text) {
  std::map<std::string, std::string> values;
  if (text.size() > max_file_bytes) {
    return Error{ErrorCode::invalid, concat("larger than ", max_file_bytes, " bytes")};
  }
  try {
    if (flatten(YAML::Load(std::string(text)), "", 0, values)) return values;
    return Error{ErrorCode::invalid, "nested too deeply, or too many values"};
  } catch (const YAML::Exception& e) {
    return Error{ErrorCode::invalid, concat("line ", e.mark.line + 1, ": not valid YAML: ", e.msg)};
  }
}

}  // namespace godwit
