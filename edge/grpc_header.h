// One header of HTTP/2 as nghttp2 takes it. Private to the two ends of gRPC, grpc.cc (server) and
// grpc_client.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include <nghttp2/nghttp2.h>

namespace godwit {

// nghttp2 copies both and changes neither.
inline nghttp2_nv grpc_header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace godwit
