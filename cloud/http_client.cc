#include "cloud/http_client.h"

#include <algorithm>
#include <memory>

#include <curl/curl.h>

#include "transport/secret_file.h"
#include "transport/text.h"

namespace godwit {
namespace {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeadersDeleter {
  void operator()(curl_slist* headers) const { curl_slist_free_all(headers); }
};
using CurlHeaders = std::unique_ptr<curl_slist, HeadersDeleter>;

struct Collected {
  HttpReply reply;
  std::size_t max_bytes = 0;
};

// What is over the bound is read and thrown away, so that the connection can be kept.
std::size_t take_body(const char* data, std::size_t, std::size_t size, void* user) {
  auto& collected = *static_cast<Collected*>(user);
  const std::size_t room = collected.max_bytes - collected.reply.body.size();
  collected.reply.body.append(data, std::min(size, room));
  return size;
}

std::size_t take_header(const char* data, std::size_t, std::size_t size, void* user) {
  auto& collected = *static_cast<Collected*>(user);
  const std::string_view line(data, size);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  const std::string name = to_lower(line.substr(0, colon));
  const std::string_view value = trim(line.substr(colon + 1)).substr(0, 100);
  if (name == "retry-after") collected.reply.retry_after = value;
  if (name == "x-server-hostname") collected.reply.server_hostname = value;
  return size;
}

int watch_cancel(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(user)->load() ? 1 : 0;
}

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options) : options_(std::move(options)) {
    // Thread-safe once-initialisation of libcurl, before the first handle.
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(initialised);
    handle_.reset(curl_easy_init());
  }

  Result<HttpReply> call(const HttpCallRequest& request) {
    if (!handle_) return Error{ErrorCode::internal, "libcurl gave no handle"};
    curl_easy_reset(handle_.get());  // keeps connections
    Collected collected;
    collected.max_bytes = options_.max_reply_bytes;
    std::string reason(CURL_ERROR_SIZE, '\0');
    set_transfer(request, collected, reason);
    set_tls();
    auto headers = make_headers(request);
    if (!headers) return headers.error();
    set(CURLOPT_HTTPHEADER, headers->get());
    if (const auto status = set_basic_auth(); !status) return status.error();

    const CURLcode code = curl_easy_perform(handle_.get());
    if (code != CURLE_OK) {
      const char* text = reason.front() != '\0' ? reason.data() : curl_easy_strerror(code);
      return Error{code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::timeout : ErrorCode::unavailable,
                   concat(request.method, " ", request.url, ": ", text)};
    }
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    collected.reply.status = static_cast<int>(status);
    return std::move(collected.reply);
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  void set_transfer(const HttpCallRequest& request, Collected& collected, std::string& reason) {
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    if (request.method != "GET") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDS, request.body.data());
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_ERRORBUFFER, reason.data());
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&collected));
    set(CURLOPT_HEADERFUNCTION, &take_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&collected));
    if (options_.cancelled != nullptr) {
      set(CURLOPT_NOPROGRESS, 0L);
      set(CURLOPT_XFERINFOFUNCTION, &watch_cancel);
      set(CURLOPT_XFERINFODATA, options_.cancelled);
    }
  }

  void set_blob(CURLoption option, std::string& pem) {
    curl_blob blob{pem.data(), pem.size(), CURL_BLOB_NOCOPY};
    if (!pem.empty()) set(option, &blob);
  }

  void set_tls() {
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!options_.cert_file.empty()) {
      set(CURLOPT_SSLCERT, options_.cert_file.c_str());
      set(CURLOPT_SSLKEY, options_.key_file.c_str());
    }
    set_blob(CURLOPT_CAINFO_BLOB, options_.ca_pem);
    set_blob(CURLOPT_SSLCERT_BLOB, options_.cert_pem);
    set_blob(CURLOPT_SSLKEY_BLOB, options_.key_pem);
    if (options_.insecure_skip_verify) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  Status set_basic_auth() {
    if (options_.username.empty()) return {};
    set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    set(CURLOPT_USERNAME, options_.username.c_str());
    if (options_.password_file.empty()) return {};
    const auto password = read_secret_file(options_.password_file);
    if (!password) return password.error();
    set(CURLOPT_PASSWORD, password->c_str());
    return {};
  }

  Result<CurlHeaders> make_headers(const HttpCallRequest& request) {
    CurlHeaders headers;
    const auto append = [&](const std::string& line) {
      curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
      if (longer == nullptr) return;
      static_cast<void>(headers.release());
      headers.reset(longer);
    };
    for (const auto& line : request.headers) append(line);
    append("Expect:");  // no 100-continue round trip
    if (!options_.bearer_token_file.empty()) {
      const auto token = read_secret_file(options_.bearer_token_file);
      if (!token) return token.error();
      append("Authorization: Bearer " + *token);
    } else if (!options_.bearer_token.empty()) {
      append("Authorization: Bearer " + options_.bearer_token);
    }
    return headers;
  }

  HttpClientOptions options_;
  std::unique_ptr<CURL, CurlDeleter> handle_;
};

}  // namespace

HttpPost make_http_post(HttpClientOptions options) {
  const std::string url = options.url;
  return [url, call = make_http_call(std::move(options))](const HttpPostRequest& request) {
    return call({"POST", url, request.headers, request.body});
  };
}

HttpCall make_http_call(HttpClientOptions options) {
  // Shared because std::function is copyable.
  const auto client = std::make_shared<HttpClient>(std::move(options));
  return [client](const HttpCallRequest& request) { return client->call(request); };
}

HttpGet make_http_get(HttpClientOptions options) {
  return [options = std::move(options)](std::string_view target) {
    return HttpClient(options).call({"GET", concat(options.url, target), {}, {}});
  };
}

Status check_http_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size() && url[scheme.size()] != '/' &&
        url.find_first_of(" \t\r\n") == std::string_view::npos) {
      return {};
    }
  }
  return Error{ErrorCode::invalid,
               concat("URL ", quote_for_message(url), " is not of the form http[s]://host/path")};
}

std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now_wall_ms) {
  constexpr std::int64_t max_seconds = 1'000'000'000;
  if (const auto seconds = parse_int(text); seconds) {
    if (*seconds < 0) return std::nullopt;
    return std::min(*seconds, max_seconds) * 1000;
  }
  const time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::max<std::int64_t>(0, std::int64_t{date} * 1000 - now_wall_ms);
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += concat("%", to_hex({&c, 1}));
    }
  }
  return out;
}

}  // namespace godwit
