// What a TCP connection has cost at IP level, as the kernel counts it: headers, bare ACKs and
// repeats included. Source: TCP_INFO, linux/tcp.h. Used by MqttSession.
#pragma once

#include <cstdint>

namespace godwit {

struct TcpUsage {
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t rtt_us = 0;  // smoothed; 0: not known
};

// Since the socket was made; zeros for what is no TCP socket. Bytes are counted by the kernel
// (before Linux 4.19 without repeats), packets times 20 or 40 bytes of IP and 32 of TCP with its
// timestamps.
TcpUsage tcp_usage(int fd);

}  // namespace godwit
