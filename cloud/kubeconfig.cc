#include "cloud/kubeconfig.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "transport/digest.h"
#include "transport/settings_yaml.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::size_t max_file_bytes = 1U << 20;

using Values = std::map<std::string, std::string>;

std::string value(const Values& all, const std::string& path) {
  const auto found = all.find(path);
  return found == all.end() ? "" : found->second;
}

// "users.3.user." of the item of that name; "" when there is none.
std::string section(const Values& all, std::string_view list, std::string_view kind,
                    const std::string& name) {
  for (int i = 0; all.contains(concat(list, ".", i, ".name")); ++i) {
    if (value(all, concat(list, ".", i, ".name")) == name)
      return concat(list, ".", i, ".", kind, ".");
  }
  return "";
}

// A file's path, or what is in the kubeconfig itself, of which the latter wins.
Status credential(const Values& all, const std::string& key, const std::string& folder,
                  std::string& file, std::string& pem) {
  const std::string data = value(all, key + "-data");
  file = value(all, key);
  if (!data.empty()) {
    auto decoded = from_base64(data);
    if (!decoded) return decoded.error().with_prefix(key + "-data");
    pem = std::move(*decoded);
    file.clear();
  }
  if (!file.empty()) file = std::filesystem::path(folder) / file;
  return {};
}

}  // namespace

Result<KubernetesSettings> parse_kubeconfig(std::string_view text, const std::string& folder) {
  const auto all = flatten_yaml(text);
  if (!all) return all.error();
  const auto wrong = [](std::string message) {
    return Error{ErrorCode::invalid, std::move(message)};
  };
  const std::string name = value(*all, "current-context");
  const std::string context = section(*all, "contexts", "context", name);
  if (context.empty())
    return wrong(concat("current-context ", quote_for_message(name), " is not there"));
  const std::string cluster =
      section(*all, "clusters", "cluster", value(*all, context + "cluster"));
  const std::string user = section(*all, "users", "user", value(*all, context + "user"));
  if (cluster.empty() || user.empty()) {
    return wrong(concat("cluster or user of context ", quote_for_message(name), " is not there"));
  }
  KubernetesSettings out;
  out.url = value(*all, cluster + "server");
  while (out.url.ends_with('/')) out.url.pop_back();
  if (Status status = check_http_url(out.url); !status) return status.error().with_prefix("server");
  out.insecure = value(*all, cluster + "insecure-skip-tls-verify") == "true";
  out.token = value(*all, user + "token");
  out.token_file = value(*all, user + "tokenFile");
  if (!out.token_file.empty()) out.token_file = std::filesystem::path(folder) / out.token_file;
  if (!out.token_file.empty()) out.token.clear();
  for (const Status& status :
       {credential(*all, cluster + "certificate-authority", folder, out.ca_file, out.ca_pem),
        credential(*all, user + "client-certificate", folder, out.cert_file, out.cert_pem),
        credential(*all, user + "client-key", folder, out.key_file, out.key_pem)}) {
    if (!status) return status.error();
  }
  const bool has_certificate = !out.cert_file.empty() || !out.cert_pem.empty();
  if (out.token.empty() && out.token_file.empty() && !has_certificate) {
    return wrong("the user has neither a token nor a certificate; exec plugins are not supported");
  }
  return out;
}

Result<KubernetesSettings> read_kubeconfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(max_file_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.gcount() == 0) return Error{ErrorCode::io, concat(path, ": cannot be read")};
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto settings = parse_kubeconfig(text, std::filesystem::path(path).parent_path());
  if (!settings) return settings.error().with_prefix(path);
  return settings;
}

}  // namespace godwit
