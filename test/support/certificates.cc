#include "test/support/certificates.h"

#include <stdexcept>

namespace godwit::test {

Certificates::Certificates() {
  run({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
       folder_.file("ca.key"), "-out", ca(), "-days", "2", "-subj", "/CN=test CA"});
  issue("server", "DNS:localhost,IP:127.0.0.1");
  issue("client", "DNS:client");
}

void Certificates::issue(const std::string& name, const std::string& alternative_names,
                         const std::string& not_before, const std::string& not_after) {
  run({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
       folder_.file(name + ".key"), "-out", folder_.file(name + ".csr"), "-subj", "/CN=" + name});
  // `openssl ca` is the one command that takes dates in the future and the past.
  write_file(folder_.file("ca.conf"),
             "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=" + folder_.path().string() +
                 "\ndatabase=" + folder_.file("index") + "\nrand_serial=yes\npolicy=p\n" +
                 "default_md=sha256\nx509_extensions=e\nunique_subject=no\n[p]\n" +
                 "commonName=supplied\n[e]\nsubjectAltName=" + alternative_names + "\n");
  write_file(folder_.file("index"), "");
  std::vector<std::string> sign{"ca",
                                "-batch",
                                "-notext",
                                "-config",
                                folder_.file("ca.conf"),
                                "-cert",
                                ca(),
                                "-keyfile",
                                folder_.file("ca.key"),
                                "-in",
                                folder_.file(name + ".csr"),
                                "-out",
                                folder_.file(name + ".pem")};
  if (not_before.empty()) {
    sign.insert(sign.end(), {"-days", "2"});
  } else {
    sign.insert(sign.end(), {"-startdate", not_before, "-enddate", not_after});
  }
  run(sign);
}

void Certificates::run(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{"openssl"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  ChildProcess process(argv, folder_.file("openssl.log"));
  if (process.wait() != 0) throw std::runtime_error("openssl failed: " + process.output());
}

}  // namespace godwit::test
