#include "cloud/kubeconfig.h"

#include <catch2/catch.hpp>

#include "test/support/support.h"

namespace godwit {
namespace {

const std::string text = R"(apiVersion: v1
kind: Config
current-context: lab
contexts:
- {name: other, context: {cluster: far, user: nobody}}
- name: lab
  context: {cluster: lab, user: relay, namespace: godwit}
clusters:
- name: far
  cluster: {server: "https://far"}
- name: lab
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: Q0E=}
users:
- {name: nobody, user: {exec: {command: aws}}}
- name: relay
  user: {client-certificate: keys/relay.crt, client-key-data: S0VZ}
)";

std::string with(std::string from, const std::string& to) {
  std::string changed = text;
  const auto at = changed.find(from);
  REQUIRE(at != std::string::npos);
  return changed.replace(at, from.size(), to);
}

TEST_CASE("the current context says where and who") {
  const auto read = parse_kubeconfig(text, "/etc/godwit");
  REQUIRE(read.ok());
  CHECK(read->url == "https://10.0.0.1:6443");
  CHECK(read->ca_pem == "CA");
  CHECK(read->cert_file == "/etc/godwit/keys/relay.crt");
  CHECK(read->key_pem == "KEY");
  CHECK(!read->insecure);
  const auto token = parse_kubeconfig(with("client-certificate: keys/relay.crt", "token: abc"), "");
  REQUIRE(token.ok());
  CHECK(token->token == "abc");

  const test::TempDir dir;
  test::write_file(dir.file("config"), with("client-certificate: keys/relay.crt", "tokenFile: t"));
  const auto file = read_kubeconfig(dir.file("config"));
  REQUIRE(file.ok());
  CHECK(file->token_file == dir.file("t"));
}

TEST_CASE("what is wrong with a kubeconfig is told") {
  const auto fails = [](const std::string& yaml, const std::string& part) {
    const auto read = parse_kubeconfig(yaml, "");
    REQUIRE(!read.ok());
    CHECK_THAT(read.error().message, Catch::Contains(part));
  };
  fails("", "current-context");
  fails("[", "YAML");
  fails(with("current-context: lab", "current-context: x"), "current-context \"x\"");
  fails(with("user: relay", "user: x"), "user of context");
  fails(with("current-context: lab", "current-context: other"), "exec plugins");
  fails(with("https://10.0.0.1:6443/", "10.0.0.1"), "server");
  fails(with("Q0E=", "Q0*E"), "certificate-authority-data");
  fails(
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
      "[*b,*b,*b,*b,*b,*b,"
      "*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
      "too many");
  CHECK(!read_kubeconfig("/nowhere/config").ok());
}

}  // namespace
}  // namespace godwit
