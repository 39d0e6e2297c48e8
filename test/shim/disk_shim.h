// The disk shim: a library for LD_PRELOAD (or linked into a test) that stands between a program and
// the files under one folder. It makes calls fail, and it keeps a second folder with what a power
// cut would leave behind. Linux, glibc, programs that link libc dynamically.
//
// Environment, read at the first call:
//   DISK_SHIM_FOLDER   the folder that is watched: absolute, without symbolic links
//   DISK_SHIM_SHADOW   where the contents as of the last sync are kept (see power_cut.py); optional
//   DISK_SHIM_FAULT    the fault, see below; optional
//   DISK_SHIM_CONTROL  a file with the fault in its first line, read again whenever it changes;
//                      replace it by rename. Missing or empty: no fault. Wins over DISK_SHIM_FAULT
//
// A fault: "<calls> <n> <error> [once|always]", for example "write 17 ENOSPC always".
//   calls  names joined by "+": open write sync truncate reserve map rename unlink read; "any" is
//   all
//          but read. write: write, pwrite, writev, pwritev. sync: fsync, fdatasync, msync.
//          truncate: ftruncate. reserve: fallocate, posix_fallocate.
//   n      1 is the next such call after the fault was set
//   error  EIO, ENOSPC, EROFS, EACCES, EDQUOT, or "short": the call writes (or reads) half
//   once   (the default) only that call fails; always: it and all later ones of these calls
//
// What becomes durable, and when. fsync and fdatasync: the file's contents and size. msync: the
// range, and the size. O_SYNC and O_DSYNC writes: like fsync. rename and unlink: at once (on a real
// disk they may come later, in order). A new name: with the first sync of its file. Nothing else:
// of a page written twice since its last sync only the first and the last version are known.
//
// Not seen: writes through FILE*, sendfile, copy_file_range, io_uring, names with ".." or links.
#pragma once

#include <cstdint>

extern "C" {
// For a test that links the shim. Both paths may be null: then there is nothing to watch or keep.
void disk_shim_watch(const char* folder, const char* shadow);
// Like DISK_SHIM_FAULT; null or "": no fault. Restarts the count. false: not understood.
bool disk_shim_fault(const char* fault);
// Calls that the present fault would have counted; without a fault all but reads.
std::uint64_t disk_shim_calls();
// Of those, how many were made to fail.
std::uint64_t disk_shim_faults();
}
