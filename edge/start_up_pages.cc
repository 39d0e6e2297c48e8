#include "edge/start_up_pages.h"

#include <cstdint>

#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

// Of the linker: scripts/static/order.py.
extern "C" char godwit_rest_of_code[], etext[];  // NOLINT(readability-identifier-naming)

namespace godwit {
namespace {

void advise(std::uintptr_t begin, std::uintptr_t end, int advice) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;
  end = end / page * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses of the program's own header
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

void let_go_of_start_up_pages() {
  // Code that runs seldom becomes a mapping of its own, so that the kernel does not map it in the
  // neighbourhood of code that runs often: since Linux 6.18 that may be megabytes.
  advise(reinterpret_cast<std::uintptr_t>(godwit_rest_of_code),
         reinterpret_cast<std::uintptr_t>(etext), MADV_RANDOM);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what getauxval() is for
  const auto* header = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
  for (auto left = getauxval(AT_PHNUM); left > 0; --left, ++header) {
    if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0) continue;
    advise(header->p_vaddr, header->p_vaddr + header->p_memsz, MADV_DONTNEED);
  }
}

}  // namespace godwit
