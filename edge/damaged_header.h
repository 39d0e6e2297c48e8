// The first page of a damaged buffer file, made anew. It says where each table begins, and without
// it SQLite reads nothing; but it is the same in every buffer file of one format, so another file
// can lend it. Used by salvage.cc. Format: https://www.sqlite.org/fileformat2.html §1.3.
#pragma once

#include <string>

namespace godwit {

// Writes the first page of `model`, a fresh buffer file, into `damaged`, which nobody has open.
// Only when the rest looks like a buffer file. false: it does not, or it cannot be written.
bool rebuild_first_page(const std::string& damaged, const std::string& model);

}  // namespace godwit
