#include "transport/http_connection.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <poll.h>

#include "transport/clock.h"
#include "transport/http_response.h"

namespace godwit {
namespace {

constexpr std::size_t read_bytes = 16U << 10;  // a whole record of TLS
// After a refusal: how long to read on, so that the answer is not lost to a reset.
constexpr std::int64_t linger_ms = 1000;
// Between two requests of one client: longer than people scrape.
constexpr std::int64_t idle_ms = 75'000;

}  // namespace

HttpConnection::HttpConnection(std::uint64_t id, std::unique_ptr<HttpWire> wire, std::string peer,
                               const HttpLimits& limits, const HttpServerOptions& options)
    : id_(id),
      wire_(std::move(wire)),
      peer_(std::move(peer)),
      options_(options),
      timeout_ms_(std::int64_t{options.timeout_s} * 1000),
      parser_(limits) {
  wait_until(steady_ms(), timeout_ms_);
}

HttpConnection::~HttpConnection() {
  if (stream_ != nullptr) stream_->detach();
}

void HttpConnection::wait_until(std::int64_t now_ms, std::int64_t limit_ms) {
  waits_since_ms_ = now_ms;
  deadline_ms_ = now_ms + limit_ms;
}

std::int64_t HttpConnection::deadline_ms() const {
  const bool waits_for_us = asked_ || (stream_ != nullptr && !writing());
  return waits_for_us ? std::numeric_limits<std::int64_t>::max() : deadline_ms_;
}

short HttpConnection::events() const {
  if (asked_) return 0;
  const short out = writing() ? wire_->wants(POLLOUT) : short{0};
  if (writing() && stream_ == nullptr) return out;
  return static_cast<short>(out | wire_->wants(POLLIN));
}

void HttpConnection::say(std::string text) {
  output_ = std::move(text);
  left_ = output_;
}

std::optional<HttpRequest> HttpConnection::advance(short revents) {
  if (asked_) {
    gone_ = gone_ || (revents & (POLLERR | POLLHUP)) != 0;
    return std::nullopt;
  }
  if (revents != 0 && (!writing() || stream_ != nullptr)) read_some();
  std::optional<HttpRequest> request;
  while (!gone_ && !lingering_ && !request) {
    if (writing() && !write_all()) break;
    if (stream_ != nullptr) {
      if (!refill()) break;
    } else if (last_answer_) {
      wire_->finish();
      lingering_ = true;
      wait_until(steady_ms(), linger_ms);
    } else {
      if (input_.empty()) break;
      request = next_request();
      if (!request && !writing()) break;
    }
  }
  if (!request && steady_ms() >= deadline_ms()) gone_ = true;
  return request;
}

void HttpConnection::read_some() {
  std::array<char, read_bytes> bytes;
  const std::ptrdiff_t count = wire_->read(bytes.data(), bytes.size());
  if (count == HttpWire::later) return;
  if (count == HttpWire::gone) {
    gone_ = true;
    return;
  }
  // Who reads a stream has nothing more to say.
  if (lingering_ || stream_ != nullptr) return;
  input_.append(bytes.data(), static_cast<std::size_t>(count));
  if (!std::exchange(in_request_, true)) wait_until(steady_ms(), timeout_ms_);
}

// True when all of the output has left.
bool HttpConnection::write_all() {
  while (writing()) {
    const std::ptrdiff_t count = wire_->write(left_);
    if (count == HttpWire::gone) gone_ = true;
    if (count <= 0) return false;
    left_.remove_prefix(static_cast<std::size_t>(count));
    // A slow reader may take its time as long as it reads at all.
    wait_until(steady_ms(), timeout_ms_);
  }
  output_.clear();
  piece_.reset();
  if (!in_request_) wait_until(steady_ms(), std::max(timeout_ms_, idle_ms));
  return true;
}

// From the stream. False: there is nothing to write.
bool HttpConnection::refill() {
  if (stream_->overflowed()) {
    gone_ = true;
    return false;
  }
  piece_ = stream_->take();
  if (piece_ != nullptr) {
    left_ = *piece_;
    wait_until(steady_ms(), timeout_ms_);
    return true;
  }
  if (!stream_->closed()) return false;
  stream_->detach();
  stream_.reset();
  last_answer_ = true;
  return true;
}

std::optional<HttpRequest> HttpConnection::next_request() {
  switch (parser_.consume(input_)) {
    case HttpParser::Outcome::more:
      if (parser_.take_expect_continue()) say("HTTP/1.1 100 Continue\r\n\r\n");
      return std::nullopt;
    case HttpParser::Outcome::refused:
      say(format_response(plain_response(parser_.status()), true, false, options_));
      last_answer_ = true;
      return std::nullopt;
    case HttpParser::Outcome::complete:
      break;
  }
  keep_alive_ = parser_.keep_alive();
  HttpRequest request = parser_.take();
  request.peer = peer_;
  request.has_certificate = wire_->has_certificate();
  asked_ = true;
  return request;
}

void HttpConnection::give(HttpResponse response, bool is_head, const EventFd& wake) {
  asked_ = false;
  in_request_ = !input_.empty();
  wait_until(steady_ms(), timeout_ms_);
  if (response.stream != nullptr) {
    keep_alive_ = false;
    last_answer_ = is_head;
    if (is_head) response.stream->close();
  }
  const bool keep_alive = keep_alive_ && !response.close;
  say(format_response(response, !is_head, keep_alive, options_));
  if (response.stream != nullptr && !is_head) {
    stream_ = std::move(response.stream);
    stream_->attach(wake);
    return;
  }
  last_answer_ = !keep_alive;
}

}  // namespace godwit
