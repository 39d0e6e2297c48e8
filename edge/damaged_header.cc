#include "edge/damaged_header.h"

#include <array>
#include <cstdint>
#include <fstream>

namespace godwit {
namespace {

constexpr int page_size = 4096;
// Of a table's b-tree: where the kind of page stands, and what may stand there.
constexpr unsigned char interior_table = 0x05;
constexpr unsigned char leaf_table = 0x0d;
constexpr std::size_t frames_root = 3;  // second of the tables in buffer.cc
// In the header: fields that are not the model's.
constexpr std::size_t page_count_at = 28;
constexpr std::size_t free_list_at = 32;
constexpr std::size_t change_counter_at = 24;
constexpr std::size_t page_count_valid_for_at = 92;

using Page = std::array<char, page_size>;

bool read_page(std::ifstream& file, std::size_t number, Page& page) {
  file.seekg(static_cast<std::streamoff>((number - 1) * std::size_t{page_size}));
  return static_cast<bool>(file.read(page.data(), std::streamsize{page_size}));
}

void put_number(Page& page, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    page[at + i] = static_cast<char>(static_cast<unsigned char>(value >> (24 - 8 * i)));
  }
}

}  // namespace

bool rebuild_first_page(const std::string& damaged, const std::string& model) {
  Page first{};
  Page root{};
  std::ifstream lender(model, std::ios::binary);
  std::ifstream file(damaged, std::ios::binary);
  if (!read_page(lender, 1, first) || !read_page(file, frames_root, root)) return false;
  const auto kind = static_cast<unsigned char>(root[0]);
  if (kind != interior_table && kind != leaf_table) return false;
  // Zero: SQLite takes the size of the file. The free list is of no use to a reader.
  put_number(first, page_count_at, 0);
  put_number(first, free_list_at, 0);
  put_number(first, free_list_at + 4, 0);
  put_number(first, change_counter_at, 1);
  put_number(first, page_count_valid_for_at, 0);
  std::fstream out(damaged, std::ios::binary | std::ios::in | std::ios::out);
  out.write(first.data(), page_size);
  return static_cast<bool>(out.flush());
}

}  // namespace godwit
