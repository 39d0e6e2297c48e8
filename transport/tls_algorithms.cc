// The cryptography of the static agent: what OpenSSL 3.0's default provider offers there. Linked in
// front of Debian's libcrypto.a, these functions take the place of the members that name every
// algorithm OpenSSL has, of its HTTP client and of a table for one curve: 0.8 MB that neither TLS
// as a client nor this program's hashes ever call. The implementations are Debian's, untouched;
// names and shapes are those of OpenSSL's providers/defltprov.c, prov/names.h and decoders.inc.
// With a later OpenSSL whose internals are named otherwise this does not link. What is offered is
// proved by test/static/tls_test.py.
//
// TLS 1.2 and 1.3 with AES-GCM, ChaCha20-Poly1305 and AES-CBC; X25519, NIST curves and
// finite-field groups; RSA, ECDSA and Ed25519 certificates; keys that are not encrypted in PKCS#8,
// PKCS#1 and SEC 1 form. Not: encrypted keys (nobody is there to type), CCM, Camellia, ARIA, DSA,
// SM2, X448, Ed448.
#include <cstddef>
#include <initializer_list>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/http.h>

extern "C" {
extern const OSSL_DISPATCH ossl_md5_functions[], ossl_md5_sha1_functions[], ossl_sha1_functions[],
    ossl_sha224_functions[], ossl_sha256_functions[], ossl_sha384_functions[],
    ossl_sha512_functions[], ossl_sha3_256_functions[], ossl_sha3_384_functions[],
    ossl_aes128cbc_functions[], ossl_aes256cbc_functions[], ossl_aes256ecb_functions[],
    ossl_aes256ctr_functions[], ossl_aes128gcm_functions[], ossl_aes256gcm_functions[],
    ossl_chacha20_ossl_poly1305_functions[], ossl_hmac_functions[], ossl_kdf_hkdf_functions[],
    ossl_kdf_tls1_3_kdf_functions[], ossl_kdf_tls1_prf_functions[], ossl_ecdh_keyexch_functions[],
    ossl_x25519_keyexch_functions[], ossl_dh_keyexch_functions[], ossl_drbg_ctr_functions[],
    ossl_seed_src_functions[], ossl_rsa_signature_functions[], ossl_ecdsa_signature_functions[],
    ossl_ed25519_signature_functions[], ossl_mac_legacy_hmac_signature_functions[],
    ossl_rsa_asym_cipher_functions[], ossl_rsa_keymgmt_functions[], ossl_rsapss_keymgmt_functions[],
    ossl_ec_keymgmt_functions[], ossl_x25519_keymgmt_functions[], ossl_ed25519_keymgmt_functions[],
    ossl_dh_keymgmt_functions[], ossl_mac_legacy_keymgmt_functions[],
    ossl_pem_to_der_decoder_functions[], ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions[],
    ossl_PrivateKeyInfo_der_to_rsa_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions[],
    ossl_type_specific_keypair_der_to_rsa_decoder_functions[],
    ossl_PrivateKeyInfo_der_to_rsapss_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions[],
    ossl_PrivateKeyInfo_der_to_ec_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions[],
    ossl_type_specific_no_pub_der_to_ec_decoder_functions[],
    ossl_PrivateKeyInfo_der_to_ed25519_decoder_functions[],
    ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions[];

struct prov_ctx_st;
prov_ctx_st* ossl_prov_ctx_new();
void ossl_prov_ctx_free(prov_ctx_st* context);
void ossl_prov_ctx_set0_libctx(prov_ctx_st* context, OSSL_LIB_CTX* library);
void ossl_prov_ctx_set0_handle(prov_ctx_st* context, const OSSL_CORE_HANDLE* handle);
void ossl_prov_ctx_set0_core_bio_method(prov_ctx_st* context, BIO_METHOD* method);
BIO_METHOD* ossl_prov_ctx_get0_core_bio_method(prov_ctx_st* context);
BIO_METHOD* ossl_bio_prov_init_bio_method();
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH* core);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH* core);
int ossl_prov_get_capabilities(void* context, const char* capability, OSSL_CALLBACK* call,
                               void* argument);
const void* EC_GFp_mont_method();
}

namespace {

constexpr OSSL_ALGORITHM end{nullptr, nullptr, nullptr, nullptr};

constexpr OSSL_ALGORITHM algorithm(const char* names, const OSSL_DISPATCH* functions) {
  return {names, "provider=default", functions, nullptr};
}

constexpr OSSL_ALGORITHM decoder(const char* names, const char* properties,
                                 const OSSL_DISPATCH* functions) {
  return {names, properties, functions, nullptr};
}

constexpr const char* from_pem = "provider=default,fips=yes,input=pem";
constexpr const char* from_private_key =
    "provider=default,fips=yes,input=der,structure=PrivateKeyInfo";
constexpr const char* from_public_key =
    "provider=default,fips=yes,input=der,structure=SubjectPublicKeyInfo";
constexpr const char* from_own_form = "provider=default,fips=yes,input=der,structure=type-specific";

constexpr OSSL_ALGORITHM digests[] = {
    algorithm("SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", ossl_sha1_functions),
    algorithm("SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", ossl_sha224_functions),
    algorithm("SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", ossl_sha256_functions),
    algorithm("SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", ossl_sha384_functions),
    algorithm("SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", ossl_sha512_functions),
    algorithm("SHA3-256:2.16.840.1.101.3.4.2.8", ossl_sha3_256_functions),
    algorithm("SHA3-384:2.16.840.1.101.3.4.2.9", ossl_sha3_384_functions),
    algorithm("MD5:SSL3-MD5:1.2.840.113549.2.5", ossl_md5_functions),
    algorithm("MD5-SHA1", ossl_md5_sha1_functions),
    end};

constexpr OSSL_ALGORITHM ciphers[] = {
    algorithm("AES-128-CBC:AES128:2.16.840.1.101.3.4.1.2", ossl_aes128cbc_functions),
    algorithm("AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", ossl_aes256cbc_functions),
    algorithm("AES-256-ECB:2.16.840.1.101.3.4.1.41", ossl_aes256ecb_functions),
    algorithm("AES-256-CTR", ossl_aes256ctr_functions),
    algorithm("AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", ossl_aes128gcm_functions),
    algorithm("AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", ossl_aes256gcm_functions),
    algorithm("ChaCha20-Poly1305", ossl_chacha20_ossl_poly1305_functions),
    end};

constexpr OSSL_ALGORITHM macs[] = {algorithm("HMAC", ossl_hmac_functions), end};

constexpr OSSL_ALGORITHM key_derivations[] = {algorithm("HKDF", ossl_kdf_hkdf_functions),
                                              algorithm("TLS13-KDF", ossl_kdf_tls1_3_kdf_functions),
                                              algorithm("TLS1-PRF", ossl_kdf_tls1_prf_functions),
                                              end};

constexpr OSSL_ALGORITHM random_sources[] = {algorithm("CTR-DRBG", ossl_drbg_ctr_functions),
                                             algorithm("SEED-SRC", ossl_seed_src_functions), end};

constexpr OSSL_ALGORITHM key_exchanges[] = {
    algorithm("ECDH", ossl_ecdh_keyexch_functions),
    algorithm("X25519:1.3.101.110", ossl_x25519_keyexch_functions),
    algorithm("DH:dhKeyAgreement:1.2.840.113549.1.3.1", ossl_dh_keyexch_functions), end};

constexpr OSSL_ALGORITHM signatures[] = {
    algorithm("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_signature_functions),
    algorithm("ECDSA", ossl_ecdsa_signature_functions),
    algorithm("ED25519:1.3.101.112", ossl_ed25519_signature_functions),
    algorithm("HMAC", ossl_mac_legacy_hmac_signature_functions), end};

constexpr OSSL_ALGORITHM asymmetric_ciphers[] = {
    algorithm("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_asym_cipher_functions), end};

constexpr OSSL_ALGORITHM keys[] = {
    algorithm("RSA:rsaEncryption:1.2.840.113549.1.1.1", ossl_rsa_keymgmt_functions),
    algorithm("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", ossl_rsapss_keymgmt_functions),
    algorithm("EC:id-ecPublicKey:1.2.840.10045.2.1", ossl_ec_keymgmt_functions),
    algorithm("X25519:1.3.101.110", ossl_x25519_keymgmt_functions),
    algorithm("ED25519:1.3.101.112", ossl_ed25519_keymgmt_functions),
    algorithm("DH:dhKeyAgreement:1.2.840.113549.1.3.1", ossl_dh_keymgmt_functions),
    algorithm("HMAC", ossl_mac_legacy_keymgmt_functions),
    end};

constexpr OSSL_ALGORITHM decoders[] = {
    decoder("DER", from_pem, ossl_pem_to_der_decoder_functions),
    decoder("DER", from_public_key, ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions),
    decoder("RSA", from_private_key, ossl_PrivateKeyInfo_der_to_rsa_decoder_functions),
    decoder("RSA", from_public_key, ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions),
    decoder("RSA", from_own_form, ossl_type_specific_keypair_der_to_rsa_decoder_functions),
    decoder("RSA-PSS", from_private_key, ossl_PrivateKeyInfo_der_to_rsapss_decoder_functions),
    decoder("RSA-PSS", from_public_key, ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions),
    decoder("EC", from_private_key, ossl_PrivateKeyInfo_der_to_ec_decoder_functions),
    decoder("EC", from_public_key, ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions),
    decoder("EC", from_own_form, ossl_type_specific_no_pub_der_to_ec_decoder_functions),
    decoder("ED25519", from_private_key, ossl_PrivateKeyInfo_der_to_ed25519_decoder_functions),
    decoder("ED25519", from_public_key, ossl_SubjectPublicKeyInfo_der_to_ed25519_decoder_functions),
    end};

const OSSL_ALGORITHM* offered(void* /*context*/, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_DIGEST:
      return digests;
    case OSSL_OP_CIPHER:
      return ciphers;
    case OSSL_OP_MAC:
      return macs;
    case OSSL_OP_KDF:
      return key_derivations;
    case OSSL_OP_RAND:
      return random_sources;
    case OSSL_OP_KEYMGMT:
      return keys;
    case OSSL_OP_KEYEXCH:
      return key_exchanges;
    case OSSL_OP_SIGNATURE:
      return signatures;
    case OSSL_OP_ASYM_CIPHER:
      return asymmetric_ciphers;
    case OSSL_OP_DECODER:
      return decoders;
    default:
      return nullptr;
  }
}

void tear_down(void* context) {
  auto* const own = static_cast<prov_ctx_st*>(context);
  BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(own));
  ossl_prov_ctx_free(own);
}

using Function = void (*)();

const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, reinterpret_cast<Function>(tear_down)},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<Function>(offered)},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<Function>(ossl_prov_get_capabilities)},
    {0, nullptr}};

}  // namespace

extern "C" {

int ossl_default_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* core,
                               const OSSL_DISPATCH** functions, void** context) {
  if (ossl_prov_bio_from_dispatch(core) == 0 || ossl_prov_seeding_from_dispatch(core) == 0)
    return 0;
  while (core->function_id != 0 && core->function_id != OSSL_FUNC_CORE_GET_LIBCTX) ++core;
  if (core->function_id == 0) return 0;
  prov_ctx_st* const own = ossl_prov_ctx_new();
  BIO_METHOD* const bio = ossl_bio_prov_init_bio_method();
  if (own == nullptr || bio == nullptr) {
    ossl_prov_ctx_free(own);
    return 0;
  }
  // The library's own context: this provider is part of the library.
  ossl_prov_ctx_set0_libctx(
      own, reinterpret_cast<OSSL_LIB_CTX*>(OSSL_FUNC_core_get_libctx(core)(handle)));
  ossl_prov_ctx_set0_handle(own, handle);
  ossl_prov_ctx_set0_core_bio_method(own, bio);
  *functions = provider_functions;
  *context = own;
  return 1;
}

// Only asked for by name, and nobody does.
int ossl_base_provider_init(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*core*/,
                            const OSSL_DISPATCH** /*functions*/, void** /*context*/) {
  return 0;
}

// Looked up by number when a certificate's signature is verified.
void openssl_add_all_digests_int() {
  for (const EVP_MD* const digest :
       {EVP_md5(), EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    EVP_add_digest(digest);
  }
}

// Looked up by name for encrypted keys in files.
void openssl_add_all_ciphers_int() {}

// P-256 by the method of the other prime curves: a handshake takes a few milliseconds longer, and a
// table of 150 KB goes.
const void* EC_GFp_nistz256_method() { return EC_GFp_mont_method(); }
void* EC_nistz256_pre_comp_dup(void* table) { return table; }
void EC_nistz256_pre_comp_free(void* /*table*/) {}

// Certificates and revocation lists are not fetched over HTTP.
BIO* OSSL_HTTP_get(const char* /*url*/, const char* /*proxy*/, const char* /*no_proxy*/,
                   BIO* /*bio*/, BIO* /*read_bio*/, OSSL_HTTP_bio_cb_t /*update*/,
                   void* /*argument*/, int /*buffer_size*/,
                   const STACK_OF(CONF_VALUE) * /*headers*/, const char* /*expected_type*/,
                   int /*expect_asn1*/, std::size_t /*max_length*/, int /*timeout*/) {
  return nullptr;
}
}
