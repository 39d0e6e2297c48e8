#include "transport/http_response.h"

#include <algorithm>

#include "transport/text.h"

namespace godwit {
namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

// Nothing that comes from elsewhere may begin a header of its own.
void add_header(std::string_view name, std::string_view value, std::string& out) {
  const auto is_text = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; };
  const bool has_colon = name.find(':') != std::string_view::npos;
  if (name.empty() || has_colon || !std::all_of(name.begin(), name.end(), is_text)) return;
  if (!std::all_of(value.begin(), value.end(), is_text)) return;
  out += concat(name, ": ", value, "\r\n");
}

}  // namespace

std::string format_response(const HttpResponse& response, bool with_body, bool keep_alive,
                            const HttpServerOptions& options) {
  const bool allowed_body = response.status != 204 && response.status != 304;
  const bool has_length = allowed_body && response.stream == nullptr;
  std::string out =
      concat("HTTP/1.1 ", response.status, " ", reason_phrase(response.status), "\r\n");
  if (response.status == 405)
    add_header("Allow", options.read_only ? "GET, HEAD" : "GET, HEAD, POST", out);
  if (allowed_body) add_header("Content-Type", response.content_type, out);
  if (has_length) add_header("Content-Length", concat(response.body.size()), out);
  if (response.any_origin) add_header("Access-Control-Allow-Origin", "*", out);
  for (const auto& [name, value] : options.headers) add_header(name, value, out);
  for (const auto& [name, value] : response.headers) add_header(name, value, out);
  if (!keep_alive) add_header("Connection", "close", out);
  out += "\r\n";
  if (with_body && has_length) out += response.body;
  return out;
}

HttpResponse plain_response(int status) {
  return {status, "text/plain; charset=utf-8", concat(reason_phrase(status), "\n")};
}

}  // namespace godwit
