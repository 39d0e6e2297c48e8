"""End-to-end with clocks that are wrong: whatever the node's clock says and does, what the database has is
at the time at which it was read by the clock of this test. The agent's clock comes from a file
(edge/clock_file.h); the machine's is not touched."""
import json
import os
import signal
import subprocess
import time
import unittest
from datetime import datetime, timedelta, timezone

from pipeline import Pipeline, Process, eventually, free_port, http_get

# A step of up to a second is not followed, and a relay's time is known as well as its round trip is short.
PRECISION_MS = 1000
QUIET = "".join(f"  {name}: {{enabled: false}}\n" for name in
                ("cpu", "disk", "filesystem", "network", "pressure", "thermal", "hwmon", "uname", "boottime"))
HOUR_MS = 3_600_000


def boot_ms():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Node:
    """An agent whose clock this test holds."""

    def __init__(self, pipeline, **clock):
        self.p, self.name, self.boots, self.offset = pipeline, "n", 0, 0
        self.file = pipeline.folder / "clock"
        self.lives = []  # (offset in the truth log, milliseconds from its boot time to true time)
        self.agent = None
        self.boot(**clock)

    def set(self, **clock):
        lines = {"boot_id": f"boot-{self.boots}", "boot_offset_ms": self.offset, **clock}
        new = self.file.with_suffix(".new")
        new.write_text("".join(f"{key} {value}\n" for key, value in lines.items()))
        os.replace(new, self.file)

    def boot(self, **clock):
        """A new boot that began 3 s ago. An agent that runs is killed, as by a power cut."""
        if self.agent:
            self.agent.stop(signal.SIGKILL)
        self.boots += 1
        self.offset = 3000 - boot_ms()
        self.set(**clock)
        truth = self.p.folder / f"{self.name}.truth"
        # The true time of a boot time: what this machine's clock says minus the agent's boot time.
        wall_minus_boot = time.time_ns() // 1_000_000 - boot_ms() - self.offset
        self.lives.append((truth.stat().st_size if truth.exists() else 0, wall_minus_boot))
        if self.agent:
            self.agent.start()
        else:
            self.agent = self.p.agent(self.name, interval="200ms", flush="1s", collectors=QUIET,
                                      extra=f"clock_file: {self.file}\n", wait=False)

    def state(self):
        return json.loads(http_get(self.agent.http + "/debug"))

    def wait_for(self, clock):
        eventually(lambda: self.state()["clock"] == clock, what=f"clock {clock}")

    def truth(self):
        """[(true time in ms, seq, values)] of every tick."""
        ticks, offset = [], 0
        for line in (self.p.folder / f"{self.name}.truth").read_bytes().splitlines(keepends=True):
            entry = json.loads(line)
            base = [base for begin, base in self.lives if begin <= offset][-1]
            if "v" in entry:
                ticks.append((entry["boot_ms"] + base, entry["seq"], entry["v"]))
            offset += len(line)
        return ticks


class ClockTest(unittest.TestCase):
    def setUp(self):
        self.p = Pipeline()
        self.p.__enter__()
        self.addCleanup(lambda: self.p.__exit__(*((None,) * 3)))

    def check(self, node, lost=()):
        """Every tick that the agent took and did not declare lost for one of these reasons is stored at its
        true time, and nothing else is stored."""
        self.p.wait_delivered(node.agent)
        last = self.p.deliver_all(node.agent)
        declared = self.p.lost(node.name)
        stored = sorted((t, value) for t, value in self.p.database.samples(node.name)
                        ["godwit_collector_duration_seconds{collector=\"load\"}"].items())
        series = "godwit_collector_duration_seconds{collector=\"load\"}"
        # Durations are as good as unique, so a stored sample shows its tick.
        reads = {}
        for true_ms, seq, values in node.truth():
            if series in values and (seq <= last or values[series] in {v for _, v in stored}):
                reads.setdefault(values[series], []).append((true_ms, seq))
        for t, value in stored:
            near = [true_ms for true_ms, _ in reads.get(value, ())]
            self.assertTrue(any(abs(t - true_ms) <= PRECISION_MS for true_ms in near),
                            f"{value} is stored at {t}, was read at {near}\n{node.agent.output()[-3000:]}")
        values = {value for _, value in stored}
        for value, places in reads.items():
            if value not in values:
                for _, seq in places:
                    self.assertIn(declared.get(seq), lost, f"tick {seq}\n{node.agent.output()[-3000:]}")
        self.assertGreater(len(stored), 20)
        return len(stored)

    def test_boot_in_1970_without_ntp(self):
        self.p.proxy.cut()
        self.p.relay()
        node = Node(self.p, wall_at_boot_ms=0, synchronised="no")
        time.sleep(3)
        self.assertEqual(node.state()["clock"], "unknown")
        self.p.proxy.mend()
        node.wait_for("relay")
        time.sleep(2)
        # The kernel's clock is set at last: the same time, better known.
        node.set(wall_offset_ms=0, synchronised="yes")
        node.wait_for("synchronised")
        time.sleep(1)
        self.check(node)

    def test_boot_in_1970_and_an_rtc_that_rewinds(self):
        self.p.relay(extra="clock: no\n")
        node = Node(self.p, wall_at_boot_ms=0, synchronised="no")
        time.sleep(2)
        self.assertEqual(self.p.database.samples("n"), {})
        node.set(synchronised="yes")
        node.wait_for("synchronised")
        time.sleep(2)
        node.set(wall_at_boot_ms=0, synchronised="no")
        time.sleep(3)
        node.set(synchronised="yes")
        time.sleep(1)
        state = node.state()
        self.assertEqual((state["clock"], state["clock_steps"]), ("synchronised", 0))
        self.check(node)

    def test_steps_of_a_trusted_clock(self):
        self.p.relay()
        node = Node(self.p)
        node.wait_for("synchronised")
        # What the relay confirmed is kept when the kernel claims another year, or two hours ago.
        for step_ms in (-2 * HOUR_MS, 90_000 * HOUR_MS, -40_000 * HOUR_MS):
            node.set(wall_offset_ms=step_ms)
            time.sleep(1.5)
            node.set()
            time.sleep(0.5)
        # By half a second: not worth uneven distances.
        node.set(wall_offset_ms=500)
        time.sleep(1.5)
        self.assertEqual(node.state()["clock_steps"], 0)
        node.set()
        self.check(node)

    def test_kernel_that_vouches_for_a_wrong_year(self):
        self.p.relay()
        node = Node(self.p, wall_offset_ms=100_000 * HOUR_MS)
        eventually(lambda: "more than an hour off" in node.agent.output(), what="a line in the log")
        node.wait_for("relay")
        time.sleep(2)
        node.set()
        node.wait_for("synchronised")
        time.sleep(1)
        self.check(node)

    def test_reboots_offline(self):
        """Three boots without a link; of the second one nobody ever knows the time."""
        self.p.relay()
        node = Node(self.p)
        node.wait_for("synchronised")
        time.sleep(2)
        self.p.proxy.cut()
        time.sleep(2)
        node.boot(wall_at_boot_ms=0, synchronised="no")
        time.sleep(3)
        node.boot(wall_at_boot_ms=0, synchronised="no")
        time.sleep(2)
        self.p.proxy.mend()
        node.wait_for("relay")
        time.sleep(2)
        self.check(node, lost=("undatable",))
        self.assertIn("undatable", set(self.p.lost("n").values()))


class CertificateTest(unittest.TestCase):
    """A clock in 1970 finds every certificate not yet valid. The machine's clock is right here, so the
    certificate's dates are wrong instead."""

    def test_dates(self):
        with Pipeline() as p:
            keys = p.make_certificates()
            port = free_port()
            config = p.folder / "tls.conf"
            config.write_text(f"user root\nlistener {port} 127.0.0.1\ncafile {keys}/ca.crt\n"
                              f"certfile {keys}/broker.crt\nkeyfile {keys}/broker.key\nallow_anonymous true\n")
            broker = p.add(Process(p.folder, "tls-broker", [p.broker.argv[0], "-c", config]))
            now = datetime.now(timezone.utc)
            self.sign(keys, now + timedelta(days=300), now + timedelta(days=400))
            broker.start()
            tls = f"mqtt:\n  url: mqtts://localhost:{port}\n  tls: {{ca: {keys}/ca.crt}}\n"
            agent = p.agent("n", mqtt=tls)
            year = now.strftime("%Y-")
            eventually(lambda: f"not yet valid (this machine's clock says {year}" in agent.output(),
                       what="a line that names the clock")
            broker.stop()
            self.sign(keys, now - timedelta(days=400), now - timedelta(days=300))
            broker.start()
            eventually(lambda: f"has expired (this machine's clock says {year}" in agent.output(),
                       what="a line that says expired")
            broker.stop()
            # Told once and not at every attempt; and it goes on by itself when the dates fit.
            self.assertEqual(agent.output().count("not yet valid"), 1, agent.output())
            self.sign(keys, now - timedelta(days=1), now + timedelta(days=1))
            broker.start()
            eventually(lambda: "uplink: connected" in agent.output(), what="a connection")

    def sign(self, keys, begin, end):
        """The broker's certificate anew, valid from `begin` to `end`."""
        form = "%Y%m%d%H%M%SZ"
        (keys / "index.txt").write_text("")
        (keys / "serial").write_text(f"{time.time_ns():018X}\n")
        (keys / "ca.conf").write_text(
            f"[ca]\ndefault_ca = d\n[d]\ndatabase = {keys}/index.txt\nserial = {keys}/serial\n"
            f"new_certs_dir = {keys}\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
        subprocess.run(["openssl", "ca", "-batch", "-config", "ca.conf", "-cert", "ca.crt", "-keyfile", "ca.key",
                        "-in", "broker.csr", "-out", "broker.crt", "-extfile", "broker.ext", "-notext",
                        "-startdate", begin.strftime(form), "-enddate", end.strftime(form)],
                       cwd=keys, check=True, capture_output=True)


if __name__ == "__main__":
    unittest.main()
