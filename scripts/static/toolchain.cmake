# How the static programs are compiled and linked: for GODWIT_ARCH (arm64 or amd64), against Debian's
# static libraries in build/static-<arch>/sysroot, which scripts/build-static fills. Used by the presets
# static-arm64 and static-amd64 and for the two libraries that are built from Debian's sources.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GODWIT_ARCH)
set(CMAKE_SYSTEM_NAME Linux)
if(GODWIT_ARCH STREQUAL "arm64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
elseif(GODWIT_ARCH STREQUAL "amd64")
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
else()
  message(FATAL_ERROR "GODWIT_ARCH must be arm64 or amd64, not '${GODWIT_ARCH}'")
endif()
set(triple ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(CMAKE_SYSROOT ${root}/build/static-${GODWIT_ARCH}/sysroot)

set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CXX_COMPILER ${triple}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${triple})

# -B: libc and its start files come from the sysroot too, not from the cross compiler's own package, which
# gets no security updates.
set(flags "-B${CMAKE_SYSROOT}/usr/lib/${triple} -flto=auto -ffunction-sections -fdata-sections -fno-pie")
string(APPEND flags " -ffile-prefix-map=${root}=.")
set(CMAKE_C_FLAGS_INIT "${flags} -fno-asynchronous-unwind-tables -fno-unwind-tables")
set(CMAKE_CXX_FLAGS_INIT "${flags} -DGODWIT_STATIC")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -no-pie -Wl,--gc-sections -Wl,-O1 -Wl,-z,noexecstack -Werror=odr -Werror=lto-type-mismatch")

# With a map beside the program, from which scripts/static/finish.py tells what is in it.
set(CMAKE_CXX_LINK_EXECUTABLE "<CMAKE_CXX_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> \
-Wl,-Map=<TARGET>.map -o <TARGET> <LINK_LIBRARIES>")

set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} "${CMAKE_SYSROOT}/usr/local/lib/pkgconfig:\
${CMAKE_SYSROOT}/usr/lib/${triple}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig")
