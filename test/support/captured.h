// What a test's code writes to standard error: the log.
#pragma once

#include <cstdio>
#include <string>

#include <unistd.h>

#include "test/support/support.h"

namespace godwit::test {

template <class Speak>
std::string captured(const Speak& speak) {
  const TempDir dir;
  const std::string file = dir.file("err");
  std::fflush(stderr);
  const int saved = dup(2);
  FILE* const out = std::fopen(file.c_str(), "w");
  dup2(fileno(out), 2);
  speak();
  std::fflush(stderr);
  dup2(saved, 2);
  close(saved);
  std::fclose(out);
  return read_file(file);
}

}  // namespace godwit::test
