# The fleet page of godwit-relay: built by Node.js where it is there, and embedded. Sets PAGE_SOURCE.
set(GODWIT_PAGE AUTO CACHE STRING
  "Embed the fleet page: ON, OFF, or AUTO: where Node.js 18 or newer and npm are there")
set(PAGE_SOURCE web_no_page.cc)
if(NOT GODWIT_PAGE STREQUAL "OFF")
  # The build machine's, also when the programs are for another one.
  find_program(GODWIT_NODE node NO_CMAKE_FIND_ROOT_PATH)
  find_program(GODWIT_NPM npm NO_CMAKE_FIND_ROOT_PATH)
  set(node_version 0)
  if(GODWIT_NODE AND GODWIT_NPM)
    execute_process(COMMAND ${GODWIT_NODE} --version OUTPUT_VARIABLE node_version
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REPLACE "v" "" node_version "${node_version}")
  endif()
  if(node_version VERSION_GREATER_EQUAL 18)
    set(page ${CMAKE_CURRENT_SOURCE_DIR}/dashboard)
    set(PAGE_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/web_page_files.cc)
    file(GLOB_RECURSE page_files CONFIGURE_DEPENDS ${page}/src/*)
    set(fallback "")
    if(NOT GODWIT_PAGE STREQUAL "ON")
      set(fallback ${CMAKE_CURRENT_SOURCE_DIR}/web_no_page.cc)
    endif()
    add_custom_command(OUTPUT ${PAGE_SOURCE}
      COMMAND ${page}/embed ${CMAKE_BINARY_DIR}/dashboard ${PAGE_SOURCE} ${fallback}
      DEPENDS ${page_files} ${page}/build ${page}/build.mjs ${page}/embed ${page}/embed.mjs
        ${page}/package.json ${page}/package-lock.json ${page}/tsconfig.json web_no_page.cc
      COMMENT "Building the fleet page" VERBATIM)
  elseif(GODWIT_PAGE STREQUAL "ON")
    message(FATAL_ERROR "GODWIT_PAGE=ON needs Node.js 18 or newer with npm")
  else()
    message(STATUS "No Node.js 18 with npm: godwit-relay goes without its fleet page")
  endif()
endif()
# By itself also where another takes its place: what checks sources finds how it is compiled.
add_library(web_no_page OBJECT EXCLUDE_FROM_ALL web_no_page.cc)
target_link_libraries(web_no_page PRIVATE transport)
