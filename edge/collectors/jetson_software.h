// What of NVIDIA's software a Jetson has, for godwit_board_info: its JetPack by its L4T release,
// its CUDA by the folder that it is in. For collectors/jtop (whose service knows no JetPack newer
// than itself, and no CUDA) and collectors/tegra.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "edge/host.h"

namespace godwit {

// "35.4.1" -> "5.1.2" (https://developer.nvidia.com/embedded/jetpack-archive); empty: not known.
std::string_view jetpack_of(std::string_view l4t);
// The newest of /usr/local/cuda-<version>, "11.4"; empty: none.
std::string installed_cuda(const Host& host);

// Adds the labels jetpack and cuda_version where they are not there and known.
void add_software(const std::string& cuda, std::map<std::string, std::string>& board);

}  // namespace godwit
