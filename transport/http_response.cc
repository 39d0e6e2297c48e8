#include "transport/http_response.h"

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

}  // namespace

std::string format_response(const HttpResponse& response, bool with_body, bool keep_alive) {
  const bool allowed_body = response.status != 204 && response.status != 304;
  std::string out =
      concat("HTTP/1.1 ", response.status, " ", reason_phrase(response.status), "\r\n");
  if (response.status == 405) out += "Allow: GET, HEAD, POST\r\n";
  if (allowed_body) {
    out += concat("Content-Type: ", response.content_type,
                  "\r\nContent-Length: ", response.body.size(), "\r\n");
  }
  if (response.any_origin) out += "Access-Control-Allow-Origin: *\r\n";
  if (!keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  if (with_body && allowed_body) out += response.body;
  return out;
}

HttpResponse plain_response(int status) {
  return {status, "text/plain; charset=utf-8", concat(reason_phrase(status), "\n")};
}

}  // namespace godwit
