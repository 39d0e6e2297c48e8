// The fleet page's files, which the build embeds (cloud/dashboard/), and how they are served. A
// build without Node.js has none: then a plain page says so.
#pragma once

#include <span>
#include <string_view>

#include "transport/http_server.h"

namespace godwit {

struct WebAsset {
  std::string_view path;  // "/index.html", "/assets/main-1a2b3c4d.js"
  std::string_view content_type;
  std::string_view hash;  // of its bytes
  std::string_view bytes, gzip;
};

// Of the program godwit-relay: made by the build (page.cmake).
std::span<const WebAsset> web_assets();

// The file, or for any path of the page itself (deep links) index.html.
HttpResponse serve_page(const HttpRequest& request, std::span<const WebAsset> assets);

}  // namespace godwit
