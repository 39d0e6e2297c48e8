#include "transport/tcp_usage.h"

#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace godwit {
namespace {

constexpr std::uint64_t tcp_header = 32;
constexpr std::uint64_t ipv4_header = 20;
constexpr std::uint64_t ipv6_header = 40;

}  // namespace

TcpUsage tcp_usage(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  int domain = AF_INET;
  socklen_t domain_length = sizeof domain;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length);
  const std::uint64_t header = tcp_header + (domain == AF_INET6 ? ipv6_header : ipv4_header);
  // An older kernel fills in a shorter structure; the rest stays 0.
  const bool knows_sent = length >= offsetof(tcp_info, tcpi_bytes_sent) + sizeof(std::uint64_t);
  const std::uint64_t payload = knows_sent ? info.tcpi_bytes_sent : info.tcpi_bytes_acked;
  return {payload + info.tcpi_segs_out * header,
          info.tcpi_bytes_received + info.tcpi_segs_in * header, info.tcpi_rtt};
}

}  // namespace godwit
