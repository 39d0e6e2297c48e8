#include "cloud/web_page.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::string_view index_path = "/index.html";
constexpr std::string_view no_page =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Godwit</title>"
    "<h1>This relay was built without the fleet page</h1>"
    "<p>The page needs Node.js 18 or newer with npm when the relay is built: install them, run "
    "cmake "
    "again and build godwit-relay anew, or take the container image.</p>"
    "<p>Everything else works: <a href=\"/web/v1/fleet\">/web/v1/fleet</a>, "
    "<a href=\"/api/v1/metrics/cluster\">/api/v1/metrics/cluster</a>.</p></html>\n";

const WebAsset* find(std::span<const WebAsset> assets, std::string_view path) {
  const auto found = std::find_if(assets.begin(), assets.end(),
                                  [&](const WebAsset& asset) { return asset.path == path; });
  return found == assets.end() ? nullptr : &*found;
}

bool is_page_path(std::string_view path) {
  return path == "/" || path == "/events" || path.starts_with("/nodes/");
}

// RFC 9110, 12.5.3, as far as clients go: gzip is named and not refused.
bool takes_gzip(std::string_view accept_encoding) {
  for (const std::string_view item : split(accept_encoding, ',')) {
    const auto parts = split(item, ';');
    const auto coding = to_lower(trim(parts[0]));
    if (coding != "gzip" && coding != "*") continue;
    if (parts.size() < 2) return true;
    const std::string weight = to_lower(trim(parts[1]));
    const auto value = weight.starts_with("q=") ? parse_double(weight.substr(2)) : std::nullopt;
    return value && *value > 0;
  }
  return false;
}

// RFC 9110, 13.1.2: compared weakly.
bool is_known(std::string_view if_none_match, std::string_view etag) {
  for (std::string_view item : split(if_none_match, ',')) {
    item = trim(item);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag || item == "*") return true;
  }
  return false;
}

}  // namespace

HttpResponse serve_page(const HttpRequest& request, std::span<const WebAsset> assets) {
  const bool is_page = is_page_path(request.path);
  if (assets.empty() && is_page) {
    HttpResponse response{200, "text/html; charset=utf-8", std::string(no_page)};
    response.headers = {{"Cache-Control", "no-store"}};
    return response;
  }
  const WebAsset* const asset = find(assets, is_page ? index_path : request.path);
  if (asset == nullptr) return {404, "text/plain; charset=utf-8", "Not Found\n"};
  const bool gzip = takes_gzip(request.accept_encoding);
  // One tag per representation.
  const std::string etag = concat("\"", asset->hash, gzip ? "-gzip\"" : "\"");
  HttpResponse response;
  response.content_type = asset->content_type;
  response.headers = {
      {"ETag", etag},
      {"Vary", "Accept-Encoding"},
      {"Cache-Control",
       asset->path == index_path ? "no-cache" : "public, max-age=31536000, immutable"}};
  if (is_known(request.if_none_match, etag)) {
    response.status = 304;
    return response;
  }
  response.body = gzip ? asset->gzip : asset->bytes;
  if (gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

}  // namespace godwit
