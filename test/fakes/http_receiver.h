// A small HTTP/1.1 server on a thread of its own, one connection at a time, whose answers the test
// writes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace godwit::test {

class HttpReceiver {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };
  // Returns the whole answer, head and body. Called on the server's thread.
  using Handler = std::function<std::string(const Request&)>;

  explicit HttpReceiver(Handler handler);
  HttpReceiver(const HttpReceiver&) = delete;
  HttpReceiver& operator=(const HttpReceiver&) = delete;
  ~HttpReceiver();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void run();
  void serve(int connection);

  Handler handler_;
  int port_ = 0;
  int listener_ = -1;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// "HTTP/1.1 <status> X" with Content-Length.
std::string http_answer(int status, const std::string& body = "", const std::string& headers = "");

}  // namespace godwit::test
