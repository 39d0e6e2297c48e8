#include <algorithm>
#include <array>

#include "edge/commands.h"
#include "edge/doctor.h"
#include "transport/json_writer.h"
#include "transport/text.h"

namespace godwit {
namespace {

using Verdict = Finding::Verdict;

std::string_view verdict_name(Verdict verdict) {
  static constexpr std::array<std::string_view, 4> names = {"ok", "absent", "doubtful", "BAD"};
  return names[static_cast<std::size_t>(verdict)];
}

void print_table(const std::vector<Finding>& findings, std::ostream& out) {
  std::size_t width = 0;
  for (const auto& finding : findings) width = std::max(width, finding.what.size());
  for (const auto& finding : findings) {
    const std::string name(verdict_name(finding.verdict));
    out << finding.what << std::string(width + 2 - finding.what.size(), ' ') << name
        << std::string(10 - name.size(), ' ') << finding.detail << '\n';
    if (!finding.remedy.empty()) {
      out << std::string(width + 12, ' ') << "-> " << finding.remedy << '\n';
    }
  }
}

void print_json(const std::vector<Finding>& findings, std::ostream& out) {
  JsonWriter json(2);
  json.begin_array();
  for (const auto& finding : findings) {
    json.begin_object();
    json.member("what", finding.what);
    json.member("verdict", to_lower(verdict_name(finding.verdict)));
    json.member("detail", finding.detail);
    if (!finding.remedy.empty()) json.member("remedy", finding.remedy);
    json.end_object();
  }
  json.end_array();
  out << json.text() << '\n';
}

}  // namespace

int doctor_command(const AgentSettings& settings, bool as_json, std::ostream& out) {
  const auto findings = examine(settings, {});
  if (as_json) {
    print_json(findings, out);
  } else {
    print_table(findings, out);
  }
  const bool bad = std::any_of(findings.begin(), findings.end(),
                               [](const Finding& f) { return f.verdict == Verdict::bad; });
  return bad ? exit_failure : exit_ok;
}

}  // namespace godwit
