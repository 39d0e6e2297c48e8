"""What is kept through kills, full and read-only disks, damaged files and small buffers, by agents as
they run: each is compared with its truth log."""
import array
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

from pipeline import BIN, SOURCE, Pipeline, eventually, free_port, http_get

SMALL = "buffer:\n  path: {path}\n  durability: {mode}\n  grace: 1s\n"


def spool_of(agent):
    out = subprocess.run([BIN / "godwit-agent", "spool", "--config", agent.config, "--json"],
                         capture_output=True, text=True, check=True, timeout=30)
    return json.loads(out.stdout)


class KillTest(unittest.TestCase):
    """Kills and one clean end in an outage; then everything that was promised arrives."""

    def run_mode(self, mode, may_miss_per_kill):
        with Pipeline() as p:
            p.relay()
            agent = p.agent("n1", buffer=SMALL.format(path=p.folder / "n1.db", mode=mode))
            eventually(lambda: p.database.samples("n1"), what="first samples")
            p.proxy.cut()
            for life in range(4):
                time.sleep(random.uniform(0.8, 1.6))
                if life == 2:
                    self.assertEqual(agent.stop(), 0)
                else:
                    agent.stop(signal.SIGKILL)
                agent.start()
            p.proxy.mend()
            p.wait_delivered(agent)
            self.assertGreater(p.compare("n1", p.deliver_all(agent), ticks_may_miss=3 * may_miss_per_kill), 100)

    def test_balanced(self):
        self.run_mode("balanced", 1)

    def test_strict(self):
        self.run_mode("strict", 1)

    def test_spare_flash(self):
        # What is in RAM: a row being gathered (1 s) and those within the grace of 1 s, at 5 ticks per second.
        self.run_mode("spare-flash", 15)


class ThinningTest(unittest.TestCase):
    """The bound of a full buffer is lowered while there is no link."""

    TICKS, SERIES = 6000, 150

    def fill(self, folder):
        exporter = [sys.executable, SOURCE / "test/bench/trace_exporter.py"]
        names = subprocess.run([*exporter, "series"], stdout=subprocess.PIPE, check=True).stdout
        (folder / "series.tsv").write_bytes(names)
        trace = subprocess.run([*exporter, "bin", "--seconds", str(self.TICKS)], stdout=subprocess.PIPE,
                               check=True).stdout
        subprocess.run([BIN / "spool_writer", folder / "series.tsv", "1", folder / "n1.db", folder / "kept.bin",
                        str(self.TICKS)], input=trace, stdout=subprocess.DEVNULL, check=True)

    def test_lowered_bound(self):
        with Pipeline() as p:
            self.fill(p.folder)
            relay = p.relay()
            p.proxy.cut()
            agent = p.agent("n1", buffer=f"buffer:\n  path: {p.folder / 'n1.db'}\n  max_bytes: 256KiB\n")
            eventually(lambda: spool_of(agent)["file_bytes"] <= 256 << 10, 60, "the buffer keeps its bound")
            self.assertEqual(agent.stop(), 0)
            spool = spool_of(agent)
            self.assertGreater(spool["lost"]["thinned"]["ticks"], self.TICKS // 2)
            self.assertLess(spool["lost"].get("full", {}).get("ticks", 0), self.TICKS // 20)
            agent.start()
            p.proxy.mend()
            p.wait_delivered(agent)
            p.deliver_all(agent)
            lost = spool_of(agent)["lost"]
            gone = sum(count["ticks"] for count in lost.values())
            metrics = http_get(relay.http + "/metrics").decode()
            for reason, count in spool["lost"].items():
                told = float(re.search(rf'godwit_node_lost_ticks_total{{node="n1",reason="{reason}"}} (\S+)',
                                       metrics)[1])
                self.assertTrue(count["ticks"] <= told <= lost[reason]["ticks"], f"{reason}: {told}")
            stored = p.database.samples("n1")
            kept = {series: points for series, points in stored.items() if series.startswith("edge_")}
            self.assertEqual(len(kept), self.SERIES)
            most = max(len(points) for points in kept.values())
            # The running agent may have thinned its own ticks too.
            own = len(set(p.lost("n1")) & set(p.truth("n1")[0]))
            self.assertEqual(most, self.TICKS - (gone - own), "what is not counted as lost is there")
            values = array.array("d", (p.folder / "kept.bin").read_bytes())[::3]  # of the first series
            points = kept['edge_cpu_usage_percent{core="0"}']
            # As spool_writer dates its last tick, but for a moment.
            last = (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000 - 60_000
            for t, value in points.items():
                self.assertEqual(value, values[self.TICKS - 1 - round((last - t) / 1000)])
            self.assertGreater(len(points), 100)


def mounted(test, folder, *options):
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", *options, folder], check=False).returncode != 0:
        test.skipTest("needs the right to mount")
    test.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)


class DiskTest(unittest.TestCase):
    """A disk that is of no use for a while: the agent goes on in RAM and comes back to it."""

    # What is not delivered goes to the file after a second, so that it is seen soon.
    EAGER = "buffer:\n  path: {path}\n  durability: spare-flash\n  grace: 1s\n"

    def wait_for(self, agent, in_memory):
        value = f"\ngodwit_buffer_in_memory {int(in_memory)}\n"
        eventually(lambda: value in http_get(agent.http + "/metrics").decode(), 60, value.strip())

    def truth(self, p):
        return [json.loads(line) for line in (p.folder / "n1.truth").read_text().splitlines()]

    def finish(self, p, agent):
        self.wait_for(agent, False)
        self.assertEqual(agent.stop(), 0)
        ticks = [e for e in self.truth(p) if "v" in e]
        agent.start()
        p.proxy.mend()
        p.wait_delivered(agent)
        agent.stop()
        # Rows that moved from RAM to the file have other numbers there: times tell which is which.
        times = {(e["stream"], seq): t for e in self.truth(p) if "sent" in e for seq, t in zip(e["sent"], e["t"])}
        offset = next(times[e["stream"], e["seq"]] - e["boot_ms"] for e in ticks if (e["stream"], e["seq"]) in times)
        stored = p.database.samples("n1")
        for tick in ticks:
            for series, value in tick["v"].items():
                self.assertEqual(stored[series].get(tick["boot_ms"] + offset), float(value), series)
        self.assertGreater(len(ticks), 10)

    def test_full_and_free(self):
        with Pipeline() as p:
            disk = p.folder / "disk"
            mounted(self, disk, "-t", "tmpfs", "-o", "size=4m", "tmpfs")
            p.relay()
            agent = p.agent("n1", buffer=self.EAGER.format(path=disk / "n1.db"))
            eventually(lambda: p.database.samples("n1"), what="first samples")
            p.proxy.cut()
            with open(disk / "filler", "wb", buffering=0) as filler:
                try:
                    while filler.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            self.wait_for(agent, True)
            (disk / "filler").unlink()
            self.finish(p, agent)

    def test_read_only_and_back(self):
        with Pipeline() as p:
            disk = p.folder / "disk"
            mounted(self, disk, "-t", "tmpfs", "tmpfs")
            p.relay()
            agent = p.agent("n1", buffer=self.EAGER.format(path=disk / "n1.db"))
            eventually(lambda: p.database.samples("n1"), what="first samples")
            p.proxy.cut()
            time.sleep(2)
            agent.stop(signal.SIGTERM)
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            agent.start()
            self.wait_for(agent, True)
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            self.finish(p, agent)


class SpoolFileTest(unittest.TestCase):
    def test_two_agents_on_one_file(self):
        with Pipeline() as p:
            p.relay()
            first = p.agent("n1")
            eventually(lambda: p.database.samples("n1"), what="first samples")
            second = p.agent("n2", buffer=f"buffer:\n  path: {p.folder / 'n1.db'}\n", wait=False)
            eventually(lambda: not second.alive(), 30, "the second one ends")
            self.assertNotEqual(second.child.returncode, 0)
            self.assertIn(str(first.child.pid), second.output())
            self.assertLess(len(second.output().splitlines()), 6, second.output())
            self.assertGreater(p.compare("n1", p.deliver_all(first)), 100)

    def test_bad_files(self):
        def sqlite_file(path, script):
            with sqlite3.connect(path) as db:
                db.executescript(script)

        def good_then(change):
            def make(path):
                shutil.copy(self.good, path)
                change(path)
            return make

        def overwrite(path):
            with open(path, "r+b") as file:
                for at in range(8192, path.stat().st_size, 4096):
                    file.seek(at + 512)
                    file.write(random.Random(at).randbytes(1024))

        bad = {
            "empty": lambda path: path.write_bytes(b""),
            "one byte": lambda path: path.write_bytes(b"S"),
            "text": lambda path: path.write_text("not a database\n" * 1000),
            "another program's": lambda path: sqlite_file(path, "CREATE TABLE users(name TEXT);"),
            "a newer format": good_then(lambda path: sqlite_file(path, "PRAGMA user_version=99;")),
            "cut in half": good_then(lambda path: os.truncate(path, path.stat().st_size // 2)),
            "noise in its pages": good_then(overwrite),
            "a folder": lambda path: path.mkdir(),
            "a link to nowhere": lambda path: path.symlink_to("/nonexistent/godwit.db"),
        }
        with Pipeline() as p:
            p.relay()
            maker = p.agent("maker", buffer=f"buffer:\n  path: {p.folder / 'good.db'}\n", port=free_port())
            time.sleep(3)
            maker.stop()
            self.good = p.folder / "good.db"
            agents = {}
            for number, (what, make) in enumerate(bad.items()):
                folder = p.folder / f"bad-{number}"
                folder.mkdir()
                make(folder / "edge.db")
                for command in ("check", "spool"):
                    config = p.folder / f"bad-{number}.yaml"
                    config.write_text(f"node: {{name: bad-{number}}}\nbuffer: {{path: {folder}/edge.db}}\n")
                    run = subprocess.run([BIN / "godwit-agent", command, "--config", config], capture_output=True,
                                         text=True, timeout=30, check=False)
                    self.assertGreaterEqual(run.returncode, 0, f"{what}: {command}: {run.stderr}")
                    if run.returncode != 0:
                        self.assertEqual(len(run.stderr.strip().splitlines()), 1, f"{what}: {run.stderr}")
                agents[what] = p.agent(f"bad-{number}", buffer=f"buffer:\n  path: {folder}/edge.db\n")
            for what, agent in agents.items():
                eventually(lambda a=agent: p.database.samples(a.node), 40, f"{what}: readings flow")
                self.assertTrue(agent.alive(), what)
                self.assertLess(len(agent.output().splitlines()), 25, f"{what}: {agent.output()}")
                self.assertEqual(agent.stop(), 0, what)


if __name__ == "__main__":
    unittest.main()
