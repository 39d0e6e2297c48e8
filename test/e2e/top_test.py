"""`godwit top` on a real pseudo terminal, with a screen model (pyte), a real broker and simulated nodes."""
import fcntl
import os
import pathlib
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
import unittest

import pyte

from fleet import JETSON, Fleet, jetson_values, now_ms
from pipeline import BIN, Pipeline, eventually

TAKEN, GIVEN = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A child on a terminal of its own, and what its screen shows."""

    def __init__(self, argv, columns=80, rows=24):
        self.near, self.far = pty.openpty()
        self.before = termios.tcgetattr(self.far)
        self.lock = threading.Lock()
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(columns, rows)
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdin=self.far, stdout=self.far, stderr=self.far,
            env={**os.environ, "TERM": "xterm-256color"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = os.read(self.near, 65536)
            except OSError:
                return
            with self.lock:
                self.raw += data
                self.stream.feed(data)

    def resize(self, columns, rows):
        with self.lock:
            self.screen.resize(rows, columns)
            fcntl.ioctl(self.far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def lines(self):
        with self.lock:
            return list(self.screen.display)

    def text(self):
        return "\n".join(self.lines())

    def selected(self):
        """The line that is shown reversed."""
        with self.lock:
            for y in range(self.screen.lines):
                if self.screen.buffer[y][0].reverse:
                    return self.screen.display[y]
        return ""

    def keys(self, text):
        os.write(self.near, text.encode())

    def shows(self, *words, limit=20):
        try:
            eventually(lambda: all(w in self.text() for w in words), limit=limit)
        except AssertionError:
            raise AssertionError(f"not within {limit} s on the screen: {words}\n{self.text()}") from None

    def is_given_back(self):
        with self.lock:
            taken_last = self.raw.rfind(TAKEN)
            return self.raw.rfind(GIVEN) > taken_last >= 0 and termios.tcgetattr(self.far) == self.before

    def end(self, limit=20):
        code = self.child.wait(limit)
        eventually(self.is_given_back, limit=5, what="the terminal as it was")
        return code

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.far)
        os.close(self.near)


class TopTest(unittest.TestCase):
    def setUp(self):
        self.pipeline = Pipeline()
        self.p = self.pipeline.__enter__()
        self.addCleanup(self.pipeline.__exit__, None, None, None)
        self.fleet = Fleet(self.p.broker_port)
        self.addCleanup(self.fleet.close)

    def top(self, columns=80, rows=24, *more):
        terminal = Terminal([BIN / "godwit", "top", "--broker", f"mqtt://127.0.0.1:{self.p.broker_port}", *more],
                            columns, rows)
        self.addCleanup(terminal.close)
        return terminal

    def jetson(self, name, **values):
        self.fleet.status(name)
        schema = self.fleet.schema(name, JETSON)
        return lambda **now: self.fleet.frame(name, schema, jetson_values(**{**values, **now}))

    def test_pages_and_keys(self):
        well, hot = self.jetson("edge-a", usage=0.25), self.jetson("edge-b", usage=0.75, celsius=91, hot=True)
        self.fleet.status("edge-c", online=False, wall_ms=now_ms() - 7_200_000)
        self.fleet.status("edge-d")
        self.fleet.latest("edge-d", "tegra", {
            'godwit_board_info{module="\x1b]0;owned\x07\u6771\u4eac"}': 1,
            'hw_temperature_celsius{hw_id="\x1b[2J\x1b[31mx"}': 60})
        top = self.top()
        top.shows("4 nodes, 3 online", "edge-a", "down 2h", "\u6771")
        def heard():
            well()
            hot()
            return "warning" in top.text() and "91\u00b0C" in top.text() and "75%" in top.text()
        eventually(heard, what="figures of frames")
        self.assertTrue(top.selected().startswith("edge-a"), top.text())
        self.assertTrue(all(len(line) <= 80 for line in top.lines()))
        self.assertIn("q quit", top.lines()[23])

        top.keys("j\x1b[B")
        eventually(lambda: top.selected().startswith("edge-c"), what="two down")
        top.keys("k\r")
        top.shows("GPU gpu: temperature above 85 C", "readings", "hw_gpu_memory_limit_bytes", "16 GiB")
        top.keys("/celsius\r")
        top.shows("1 readings with celsius", "91 \u00b0C")
        top.keys("q")
        top.shows("4 nodes")
        top.keys("/ALL-NONE\r")
        top.shows("no node matches")
        top.keys("\x1b")
        top.shows("edge-a")
        top.keys("s")  # by health: who is away first
        top.shows("sort: health")
        eventually(lambda: top.lines()[2].startswith("edge-c") and top.lines()[3].startswith("edge-b"),
                   what="the sick first")
        self.assertTrue(top.selected().startswith("edge-c"), top.text())
        top.keys("?")
        top.shows("Ctrl-C", "any key")
        top.keys("x")

        self.assertNotIn("CLOCK", top.text())
        top.resize(132, 30)
        top.shows("CLOCK", "synchronised", "TODAY")
        top.resize(30, 5)
        eventually(lambda: len(top.lines()[4].rstrip()) > 10 and "down 2h" not in top.text(), what="a small screen")
        top.resize(80, 24)
        top.shows("4 nodes, 3 online")

        # A will tells no time: it is when it came.
        self.fleet.status("edge-a", online=False, wall_ms=0)
        top.shows("4 nodes, 2 online", "down ")
        self.fleet.publish("godwit/v1/edge-d/status", b"", True)
        top.shows("3 nodes")
        with top.lock:
            self.assertNotIn(b"\x1b]", top.raw)
            self.assertNotIn(b"owned\x07", top.raw)
        top.keys("q")
        self.assertEqual(top.end(), 0)

    def test_backlog(self):
        self.fleet.status("edge-a", backlog=7200)
        schema = self.fleet.schema("edge-a", JETSON)
        top = self.top()
        top.shows("edge-a")
        state = {"at": now_ms() - 7_200_000}
        def drains():  # a minute of backlog each time
            state["at"] += 60_000
            self.fleet.frame("edge-a", schema, jetson_values(), time_ms=state["at"], history=True)
            return " left" in top.text() and "1 catching up" in top.text()
        eventually(drains, what="how long it will take")
        top.keys("\r")
        eventually(lambda: drains() or "% are sent" in top.text(), what="how far it is")

    def test_every_exit(self):
        self.jetson("edge-a")
        ways = [("key", lambda top: top.keys("q"), 0), ("Ctrl-C", lambda top: top.keys("\x03"), 0)]
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            ways.append((number.name, lambda top, n=number: top.child.send_signal(n), 0))
        for number in (signal.SIGABRT, signal.SIGSEGV):
            ways.append((number.name, lambda top, n=number: top.child.send_signal(n), -number))
        for name, leave, code in ways:
            with self.subTest(name):
                top = self.top()
                top.shows("edge-a")
                self.assertNotEqual(termios.tcgetattr(top.far), top.before)
                leave(top)
                self.assertEqual(top.end(), code)

    def test_suspended_and_continued(self):
        self.jetson("edge-a")
        top = self.top()
        top.shows("edge-a")
        for stop in (lambda: top.keys("\x1a"), lambda: top.child.send_signal(signal.SIGTSTP)):
            stop()
            eventually(top.is_given_back, what="the terminal is given back")
            os.waitpid(top.child.pid, os.WUNTRACED)
            top.child.send_signal(signal.SIGCONT)
            eventually(lambda: not top.is_given_back(), what="the terminal is taken again")
            with top.lock:
                top.screen.reset()
            top.keys("\x0c")
            top.shows("edge-a")
        top.keys("q")
        self.assertEqual(top.end(), 0)

    def test_no_broker_and_back(self):
        self.jetson("edge-a")
        top = self.top()
        top.shows("1 nodes, 1 online")
        self.p.broker.stop()
        top.shows("no broker at")
        self.p.broker.start()
        top.shows("1 nodes", limit=40)
        no_terminal = subprocess.run([BIN / "godwit", "top"], stdin=subprocess.DEVNULL, capture_output=True,
                                     text=True, timeout=20, check=False)
        self.assertEqual(no_terminal.returncode, 1)
        self.assertIn("needs a terminal", no_terminal.stderr)

    def test_a_thousand_nodes(self):
        schema = None
        for i in range(1000):
            name = f"node-{i:04}"
            self.fleet.status(name, wait=False)
            schema = self.fleet.schema(name, JETSON, wait=i == 999)
        top = self.top(120, 40)
        top.shows("1000 nodes, 1000 online")
        for i in range(1000):
            self.fleet.frame(f"node-{i:04}", schema, jetson_values(usage=i / 1000), wait=i == 999)
        top.keys("s")  # health
        top.keys("s")  # use
        eventually(lambda: "100%" in top.lines()[2], what="the busiest on top")
        top.keys("\x1b[F")
        eventually(lambda: "node-0000" in top.text(), what="the last one")
        # Only what changes is drawn, twice a second at most.
        with top.lock:
            before = len(top.raw)
        start = time.monotonic()
        for i in range(100):
            self.fleet.frame("node-0999", schema, jetson_values(usage=0.9), wait=i == 99)
            time.sleep(0.02)
        with top.lock:
            drawn = top.raw[before:]
        draws = 2 * (time.monotonic() - start) + 2
        self.assertLessEqual(drawn.count(b"\x1b[3;1H"), draws)  # the busiest, whose frames come 50 times a second
        self.assertGreater(drawn.count(b"\x1b[3;1H"), 0)
        self.assertEqual(drawn.count(b"\x1b[2;1H"), 0)  # the titles stay
        ticks = os.sysconf("SC_CLK_TCK")
        spent = sum(map(int, pathlib.Path(f"/proc/{top.child.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / ticks
        self.assertLess(spent, 10)
        top.keys("q")
        self.assertEqual(top.end(), 0)


if __name__ == "__main__":
    unittest.main()
