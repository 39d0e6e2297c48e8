#include "cloud/web_settings.h"

namespace godwit {

// clang-format off
std::vector<Setting> web_settings_table() {
  using Type = SettingType;
  return {
      {.key = "web.listen", .fallback = ":9752",
       .help = "Address of the fleet page and of the HTTP APIs (cloud/WEB.md, cloud/API.md); \"\" switches them off."},
      {.key = "web.auth.bearer_token_file",
       .help = "File with tokens, one per line, read at each use; whoever reads data at web.listen must bring one of them."},
      {.key = "web.tls.cert", .help = "Certificate (PEM, with its chain) of web.listen, with web.tls.key; read anew when it changes."},
      {.key = "web.tls.key", .help = "Its key (PEM)."},
      {.key = "web.tls.client_ca",
       .help = "CA certificates (PEM) of clients; one that shows a certificate of theirs needs no token, others are refused data."},
      {.key = "web.memory", .type = Type::bytes, .fallback = "64MiB",
       .help = "Memory for the page's charts of the last 15 minutes; with many nodes their steps become coarser.", .min = 1 << 20},
  };
}
// clang-format on

Result<WebSettings> finalise_web(const Settings& settings) {
  WebSettings out;
  out.listen = settings.text("web.listen");
  out.memory_bytes = static_cast<std::size_t>(settings.integer("web.memory"));
  out.token_file = settings.text("web.auth.bearer_token_file");
  out.tls = {settings.text("web.tls.cert"), settings.text("web.tls.key"),
             settings.text("web.tls.client_ca")};
  if (out.tls.cert.empty() != out.tls.key.empty()) {
    return Error{ErrorCode::invalid, "web.tls.cert and web.tls.key must be set together"};
  }
  if (out.tls.cert.empty() && !out.tls.client_ca.empty()) {
    return Error{ErrorCode::invalid, "web.tls.client_ca needs web.tls.cert and web.tls.key"};
  }
  return out;
}

}  // namespace godwit
