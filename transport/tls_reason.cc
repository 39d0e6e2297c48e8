#include "transport/tls_reason.h"

#include <openssl/ssl.h>

#include "transport/clock.h"
#include "transport/text.h"

namespace godwit {

std::string describe_certificate_problem(void* ssl) {
  if (ssl == nullptr) return "";
  const long result = SSL_get_verify_result(static_cast<const SSL*>(ssl));
  if (result == X509_V_OK) return "";
  const std::string text =
      concat("the broker's certificate is not accepted: ", X509_verify_cert_error_string(result));
  const bool too_early = result == X509_V_ERR_CERT_NOT_YET_VALID;
  if (too_early || result == X509_V_ERR_CERT_HAS_EXPIRED) {
    // To the day: a reason that is the same at the next try is not logged anew.
    return concat(
        text, " (this machine's clock says ", format_utc(system_clock()().wall_ms).substr(0, 10),
        too_early ? ": is it set? It" : ": if that is right, the certificate must be renewed. It",
        " is tried again until it works)");
  }
  return concat(text, " (check mqtt.tls.ca_file)");
}

}  // namespace godwit
