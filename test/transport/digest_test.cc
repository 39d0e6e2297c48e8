#include "transport/digest.h"

#include <catch2/catch.hpp>

#include "transport/text.h"

using namespace godwit;

TEST_CASE("SHA-256 gives the digests of FIPS 180") {
  CHECK(to_hex(sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("HMAC-SHA-256 gives the values of RFC 4231") {
  CHECK(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("base64 gives the texts of RFC 4648, both ways, and refuses others") {
  const std::pair<std::string, std::string> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : known) {
    CHECK(to_base64(bytes) == text);
    CHECK(*from_base64(text) == bytes);
  }
  for (const auto* bad : {"Zg", "Zg=", "Zg==\n", " Zg=", "Z===", "====", "Zm9v Zg==", "Zg==Zg=="}) {
    CHECK(!from_base64(bad).ok());
  }
}
