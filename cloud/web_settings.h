// The keys web.* of the relay's settings: where the page and the HTTP APIs are, and who may read.
#pragma once

#include <string>
#include <vector>

#include "transport/http_tls.h"
#include "transport/settings.h"

namespace godwit {

struct WebSettings {
  std::string listen;  // empty: neither page nor APIs
  std::size_t memory_bytes = 64U << 20;
  std::string token_file;  // empty: nobody is asked for a token
  HttpTlsFiles tls;        // no certificate: plain HTTP
};

std::vector<Setting> web_settings_table();
Result<WebSettings> finalise_web(const Settings& settings);

}  // namespace godwit
