"""The disk shim and power_cut.py: what is synced stays, what is not may go, and calls fail as asked."""

import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import unittest

import power_cut

LIBRARY = pathlib.Path(os.environ["GODWIT_BIN"]) / "libdisk_shim.so"


class ShimTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="godwit-shim-")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name).resolve()
        self.disk = power_cut.Disk(self.scratch / "disk", self.scratch / "shadow")
        self.disk.folder.mkdir()
        self.control = self.scratch / "control"

    def file(self, name="file"):
        return self.disk.folder / name

    def run_program(self, text, **environment):
        """Runs the lines as Python under the shim, in the folder; their output."""
        done = subprocess.run(
            [sys.executable, "-I", "-c", "import os, mmap, errno\n" + textwrap.dedent(text)],
            cwd=self.disk.folder, env={**os.environ, **self.disk.environment(LIBRARY, self.control),
                                       **environment},
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def cut_with_nothing_more(self):
        """A cut after which only synced pages are there."""
        for seed in range(1000):
            if power_cut.random.Random(seed).choice([0.0, 0.1, 0.5, 0.9, 1.0]) == 0.0:
                return self.disk.cut(seed)
        raise AssertionError("no such seed")

    def test_unsynced_writes_are_forgotten(self):
        self.disk.begin()
        self.run_program("""
            fd = os.open("file", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"a" * 8192)
            os.fsync(fd)
            os.pwrite(fd, b"b" * 100, 0)
            os.pwrite(fd, b"c" * 4096, 8192)
            open("never", "wb", buffering=0).write(b"d" * 10)
            """)
        report = self.cut_with_nothing_more()
        self.assertEqual(self.file().read_bytes(), b"a" * 8192)
        self.assertFalse(self.file("never").exists())
        self.assertEqual(sorted(report["files"]), ["file", "never"])

    def test_every_way_to_sync_keeps(self):
        self.disk.begin()
        self.run_program("""
            fd = os.open("fdatasync", os.O_RDWR | os.O_CREAT)
            os.writev(fd, [b"a" * 5000, b"b"])
            os.fdatasync(fd)
            fd = os.open("dsync", os.O_RDWR | os.O_CREAT | os.O_DSYNC)
            os.pwrite(fd, b"c" * 10, 5)
            os.mkdir("sub")
            fd = os.open("sub/mapped", os.O_RDWR | os.O_CREAT)
            os.posix_fallocate(fd, 0, 3 * 4096)
            mapping = mmap.mmap(fd, 3 * 4096)
            mapping[0:1] = b"x"
            mapping[4096:4097] = b"y"
            mapping[8192:8193] = b"z"
            mapping.flush(4096, 4096)
            """)
        self.cut_with_nothing_more()
        self.assertEqual(self.file("fdatasync").read_bytes(), b"a" * 5000 + b"b")
        self.assertEqual(self.file("dsync").read_bytes(), b"\0" * 5 + b"c" * 10)
        mapped = self.file("sub/mapped").read_bytes()
        self.assertEqual(len(mapped), 3 * 4096)
        self.assertEqual((mapped[0:1], mapped[4096:4097], mapped[8192:8193]), (b"\0", b"y", b"\0"))

    def test_rename_truncate_and_unlink(self):
        self.disk.begin()
        self.run_program("""
            def make(name, text):
                fd = os.open(name, os.O_RDWR | os.O_CREAT)
                os.write(fd, text)
                os.fsync(fd)
                return fd
            make("old", b"old")
            make("new", b"new")
            os.rename("new", "old")
            make("short", b"0123456789")
            os.ftruncate(os.open("short", os.O_RDWR), 3)
            fd = make("cut", b"0123456789")
            os.ftruncate(fd, 3)
            os.fsync(fd)
            make("gone", b"gone")
            os.unlink("gone")
            """)
        self.cut_with_nothing_more()
        self.assertEqual(self.file("old").read_bytes(), b"new")
        self.assertFalse(self.file("new").exists())
        self.assertEqual(self.file("short").read_bytes(), b"0123456789")
        self.assertEqual(self.file("cut").read_bytes(), b"012")
        self.assertFalse(self.file("gone").exists())

    def test_what_was_not_synced_by_a_killed_program_is_still_not(self):
        self.disk.begin()
        self.run_program('os.write(os.open("file", os.O_RDWR | os.O_CREAT), b"a" * 4096)')
        # Another program syncs another file, then this one.
        self.run_program('os.fsync(os.open("other", os.O_RDWR | os.O_CREAT))')
        self.assertFalse((self.disk.shadow / "file").exists())
        self.run_program('os.fsync(os.open("file", os.O_RDWR))')
        self.cut_with_nothing_more()
        self.assertEqual(self.file().read_bytes(), b"a" * 4096)

    def test_seeds(self):
        """Pages come and go with the seed, the same seed does the same, some pages are torn."""
        pages = 200
        seen = set()
        torn = 0
        for seed in list(range(40)) * 2:
            self.file().write_bytes(b"a" * 4096 * pages)
            self.disk.begin()
            self.file().write_bytes(b"b" * 4096 * pages)
            torn += self.disk.cut(seed)["files"]["file"]["pages_torn"]
            after = self.file().read_bytes()
            self.assertEqual(len(after), 4096 * pages)
            self.assertEqual(set(after[i:i + 512] in (b"a" * 512, b"b" * 512)
                                 for i in range(0, len(after), 512)), {True})
            seen.add((seed, after))
            self.assertEqual((self.disk.shadow / "file").read_bytes(), after)
        self.assertEqual(len(seen), 40)
        self.assertGreater(len({after for _, after in seen}), 10)
        self.assertGreater(torn, 0)

    def test_sqlite_survives_cuts(self):
        """The model is not harsher than what SQLite was made for: committed rows stay, in order."""
        program = """
            import sqlite3
            db = sqlite3.connect("test.db", isolation_level=None)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=%s")
            db.execute("PRAGMA wal_autocheckpoint=20")
            db.execute("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text)")
            first = db.execute("SELECT coalesce(max(id), 0) FROM t").fetchone()[0]
            for i in range(first + 1, first + 61):
                db.execute("INSERT INTO t VALUES(?, ?)", (i, str(i) * 300))
            print(first + 60, flush=True)
            os.kill(os.getpid(), 9)
            """
        self.disk.begin()
        for seed in range(12):
            full = seed % 2 == 0
            done = subprocess.run(
                [sys.executable, "-I", "-c",
                 "import os\n" + textwrap.dedent(program % ("FULL" if full else "NORMAL"))],
                cwd=self.disk.folder, env={**os.environ, **self.disk.environment(LIBRARY)},
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
            self.disk.cut(seed)
            db = sqlite3.connect(self.file("test.db"))
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            rows = db.execute("SELECT id, text FROM t ORDER BY id").fetchall()
            db.close()
            self.assertEqual([i for i, _ in rows], list(range(1, len(rows) + 1)))
            self.assertTrue(all(text == str(i) * 300 for i, text in rows))
            if full:
                self.assertEqual(len(rows), int(done.stdout))
            self.disk.begin()

    def test_the_nth_call_fails_once(self):
        out = self.run_program("""
            fd = os.open("file", os.O_RDWR | os.O_CREAT)
            for i in range(5):
                try:
                    print(os.pwrite(fd, b"abcd", 4 * i), end=" ")
                except OSError as error:
                    print(errno.errorcode[error.errno], end=" ")
            """, DISK_SHIM_FAULT="write 3 EIO")
        self.assertEqual(out, "4 4 EIO 4 4")

    def test_from_the_nth_call_on(self):
        for fault, expected in (("write 2 ENOSPC always", "4 ENOSPC ENOSPC ok"),
                                ("write 2 short", "4 2 4 ok"),
                                ("sync 1 EIO", "4 4 4 EIO"),
                                ("open 2 EACCES", "EACCES"),
                                ("any 4 EIO", "4 EIO 4 ok"),
                                ("open+sync 3 EROFS", "4 4 4 EROFS")):
            out = self.run_program("""
                def attempt(call, *arguments):
                    try:
                        result = call(*arguments)
                        print("ok" if result is None else result, end=" ")
                    except OSError as error:
                        print(errno.errorcode[error.errno], end=" ")
                try:
                    os.open("unasked", os.O_RDWR | os.O_CREAT)
                    fd = os.open("file", os.O_RDWR | os.O_CREAT)
                except OSError as error:
                    print(errno.errorcode[error.errno], end=" ")
                    os._exit(print(flush=True) or 0)
                for i in range(3):
                    attempt(os.write, fd, b"abcd")
                attempt(os.fsync, fd)
                """, DISK_SHIM_FAULT=fault)
            self.assertEqual(out, expected, fault)

    def test_map_reserve_rename_unlink_and_read(self):
        out = self.run_program("""
            def control(text):
                open(%r, "w").write(text)
            def attempt(fault, call, *arguments):
                control(fault)
                try:
                    call(*arguments)
                    print("ok", end=" ")
                except OSError as error:
                    print(errno.errorcode[error.errno], end=" ")
            fd = os.open("file", os.O_RDWR | os.O_CREAT)
            attempt("reserve 1 ENOSPC", os.posix_fallocate, fd, 0, 4096)
            attempt("", os.posix_fallocate, fd, 0, 4096)
            attempt("map 1 EIO", mmap.mmap, fd, 4096)
            attempt("truncate 1 EIO once", os.ftruncate, fd, 100)
            attempt("rename 1 EROFS", os.rename, "file", "other")
            attempt("read 1 EIO", os.pread, fd, 10, 0)
            attempt("unlink 1 EACCES always", os.unlink, "file")
            attempt("unlink 2 EACCES always", os.unlink, "file")
            """ % str(self.control))
        self.assertEqual(out, "ENOSPC ok EIO EIO EROFS EIO EACCES ok")

    def test_files_elsewhere_are_left_alone(self):
        elsewhere = self.scratch / "elsewhere"
        self.run_program("os.write(os.open(%r, os.O_RDWR | os.O_CREAT), b'x')" % str(elsewhere),
                         DISK_SHIM_FAULT="any 1 EIO always")
        self.assertEqual(elsewhere.read_bytes(), b"x")

    def test_a_wrong_fault_is_refused(self):
        done = subprocess.run(["/bin/cat", "/dev/null"],
                              env={"LD_PRELOAD": str(LIBRARY), "DISK_SHIM_FAULT": "x 1 EIO"},
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 99)
        self.assertIn("not understood", done.stderr)


if __name__ == "__main__":
    unittest.main()
