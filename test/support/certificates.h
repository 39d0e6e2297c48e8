// Keys and certificates made with the openssl program when a test runs, so that none is kept and
// none expires.
#pragma once

#include <string>

#include "test/support/support.h"

namespace godwit::test {

class Certificates {
 public:
  // A CA, a server for localhost and 127.0.0.1, a client; all good for two days.
  Certificates();

  [[nodiscard]] std::string ca() const { return folder_.file("ca.pem"); }
  [[nodiscard]] std::string server_cert() const { return folder_.file("server.pem"); }
  [[nodiscard]] std::string server_key() const { return folder_.file("server.key"); }
  [[nodiscard]] std::string client_cert() const { return folder_.file("client.pem"); }
  [[nodiscard]] std::string client_key() const { return folder_.file("client.key"); }

  // Makes <name>.pem and <name>.key signed by the CA, valid between two times like
  // "20300101000000Z"; files as file(name + ".pem").
  void issue(const std::string& name, const std::string& alternative_names,
             const std::string& not_before = "", const std::string& not_after = "");
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }

 private:
  void run(const std::vector<std::string>& arguments) const;
  TempDir folder_;
};

}  // namespace godwit::test
