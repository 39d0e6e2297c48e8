#include "transport/http_tls.h"

#include <array>
#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "transport/clock.h"
#include "transport/log.h"
#include "transport/text.h"

namespace godwit {
namespace {

constexpr std::int64_t look_interval_ms = 1000;

// OpenSSL counts references to a context itself: one lives as long as its last connection.
struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

Error refuse(std::string_view what, const std::string& file) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_peek_last_error(), reason.data(), reason.size());
  ERR_clear_error();
  return {ErrorCode::invalid, concat(what, " ", file, ": ", reason.data())};
}

Result<Context> load(const HttpTlsFiles& files) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return refuse("TLS", "");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  constexpr std::array<unsigned char, 6> name = {'g', 'o', 'd', 'w', 'i', 't'};
  SSL_CTX_set_session_id_context(context.get(), name.data(), name.size());
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.cert.c_str()) != 1) {
    return refuse("the certificate", files.cert);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return refuse("the key", files.key);
  }
  if (files.client_ca.empty()) return context;
  if (SSL_CTX_load_verify_locations(context.get(), files.client_ca.c_str(), nullptr) != 1) {
    return refuse("the clients' CA", files.client_ca);
  }
  SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(files.client_ca.c_str()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

// Changes whenever a file does.
std::string stamp_of(const HttpTlsFiles& files) {
  std::string out;
  for (const auto* file : {&files.cert, &files.key, &files.client_ca}) {
    struct stat status {};
    if (file->empty() || stat(file->c_str(), &status) != 0) continue;
    out += concat(status.st_ino, ".", status.st_size, ".", status.st_mtim.tv_sec, ".",
                  status.st_mtim.tv_nsec, " ");
  }
  return out;
}

class TlsWire final : public HttpWire {
 public:
  TlsWire(UniqueFd socket, SSL_CTX* context) : socket_(std::move(socket)), ssl_(SSL_new(context)) {
    if (ssl_ == nullptr) return;
    SSL_set_fd(ssl_.get(), socket_.get());
    SSL_set_accept_state(ssl_.get());
  }
  [[nodiscard]] bool usable() const { return ssl_ != nullptr; }
  [[nodiscard]] int fd() const override { return socket_.get(); }

  std::ptrdiff_t read(char* to, std::size_t size) override {
    ERR_clear_error();
    return outcome(SSL_read(ssl_.get(), to, static_cast<int>(size)), read_waits_for_, POLLIN);
  }
  std::ptrdiff_t write(std::string_view bytes) override {
    ERR_clear_error();
    const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
    return outcome(SSL_write(ssl_.get(), bytes.data(), size), write_waits_for_, POLLOUT);
  }
  [[nodiscard]] short wants(short usual) const override {
    return usual == POLLIN ? read_waits_for_ : write_waits_for_;
  }
  void finish() override {
    ERR_clear_error();
    if (!failed_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    shutdown(fd(), SHUT_WR);
  }
  [[nodiscard]] bool has_certificate() const override {
    return SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
           SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  }

 private:
  std::ptrdiff_t outcome(int count, short& waits_for, short usual) {
    waits_for = usual;
    if (count > 0) return count;
    const int error = SSL_get_error(ssl_.get(), count);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      waits_for = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      return later;
    }
    failed_ = true;
    return gone;
  }

  const UniqueFd socket_;
  const std::unique_ptr<SSL, FreeSsl> ssl_;
  short read_waits_for_ = POLLIN, write_waits_for_ = POLLOUT;
  bool failed_ = false;
};

class TlsWires {
 public:
  TlsWires(HttpTlsFiles files, Context context, std::string stamp)
      : files_(std::move(files)), context_(std::move(context)), stamp_(std::move(stamp)) {}

  std::unique_ptr<HttpWire> make(UniqueFd socket) {
    look();
    auto wire = std::make_unique<TlsWire>(std::move(socket), context_.get());
    if (!wire->usable()) return nullptr;
    return wire;
  }

 private:
  void look() {
    if (steady_ms() < next_look_ms_) return;
    next_look_ms_ = steady_ms() + look_interval_ms;
    std::string stamp = stamp_of(files_);
    if (stamp == stamp_) return;
    stamp_ = std::move(stamp);
    auto fresh = load(files_);
    if (fresh) {
      context_ = std::move(*fresh);
      log::info("tls", "certificates read anew", {{"cert", files_.cert}});
    } else {
      log::error("tls", concat("the certificates in use stay: ", fresh.error().message));
    }
  }

  const HttpTlsFiles files_;
  Context context_;
  std::string stamp_;
  std::int64_t next_look_ms_ = 0;
};

}  // namespace

Result<HttpWireMaker> make_tls_wires(const HttpTlsFiles& files) {
  std::string stamp = stamp_of(files);
  auto context = load(files);
  if (!context) return context.error();
  // Shared: std::function wants to be copied.
  const auto wires =
      std::make_shared<TlsWires>(files, std::move(context).value(), std::move(stamp));
  return HttpWireMaker([wires](UniqueFd socket) { return wires->make(std::move(socket)); });
}

}  // namespace godwit
