"""A static agent that does all it can: every collector that has a source here (this host, a simulated jtop service, a
replayed npu-smi), its buffer, its own HTTP server, and a TLS link to a broker, with a relay and a database behind.
Used to measure its memory (test/bench/static_memory.py, memory_test.py) and to see which functions run
(scripts/static/order.py)."""
import contextlib
import os
import pathlib
import re
import sys
import tempfile
import time

from programs import SOURCE

LIMIT = 16 << 20


def copy_in_pages(file, copy):
    """What is written at once becomes one piece of the page cache, up to 2 MB, which Linux from 6.18 on maps as a whole.
    Kernels of today's nodes (4.9 to 6.12) have pages of 4 KiB there, so here each page is written by itself."""
    data = pathlib.Path(file).read_bytes()
    with open(copy, "wb", buffering=0) as out:
        for at in range(0, len(data), 4096):
            out.write(data[at:at + 4096])
    copy.chmod(0o755)


@contextlib.contextmanager
def running(agent_file, relay_file, prefix=(), profile="xavier-nx-4.2.7", npus=True):
    """(pipeline, agent) with one tick a second; ends when left."""
    with tempfile.TemporaryDirectory(prefix="godwit-static-") as programs:
        (pathlib.Path(programs) / "godwit-relay").symlink_to(pathlib.Path(relay_file).resolve())
        copy_in_pages(agent_file, pathlib.Path(programs) / "godwit-agent")
        os.environ["GODWIT_BIN"] = programs
        sys.path.insert(0, str(SOURCE / "test/e2e"))
        import pipeline
        whole = pipeline.Pipeline()
        keys, port = whole.make_certificates(), pipeline.free_port()
        with open(whole.folder / "mosquitto.conf", "a") as config:
            config.write(f"listener {port} 127.0.0.1\nallow_anonymous true\ncafile {keys}/ca.crt\ncertfile {keys}/broker.crt\n"
                         f"keyfile {keys}/broker.key\nrequire_certificate true\nuser root\n")
        with whole as p:
            p.relay()
            collectors = f"  jtop: {{socket: {p.jtop(profile)}}}\n"
            if npus:
                npu_smi = p.npu_smi("910B/01-info-910B3-8cards-24.1.rc1.b030.txt")
                collectors += f"  npu_smi: {{command: {npu_smi}, interval: 10s}}\n"
            yield p, p.agent(
                "everything", interval="1s", flush="10s", prefix=prefix,
                mqtt=f"mqtt:\n  url: mqtts://localhost:{port}\n"
                     f"  tls: {{ca: {keys}/ca.crt, cert: {keys}/client.crt, key: {keys}/client.key}}\n",
                collectors=collectors)


class Cgroup:
    """A memory cgroup (v2, else v1) of our own; `folder` is None where it cannot be made."""

    def __init__(self, limit=LIMIT):
        self.folder, self.peak, self.limit = None, None, limit
        for top, bound, peak in (("/sys/fs/cgroup", "memory.max", "memory.peak"),
                                 ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes")):
            folder = pathlib.Path(top) / f"godwit-test-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                if (folder / bound).exists():
                    (folder / bound).write_text(str(limit))
                    self.folder, self.peak = folder, folder / peak
                    return
            except OSError:
                pass
            folder.rmdir()

    def report(self):
        if not self.folder:
            return "no cgroup could be made here"
        peak = int(self.peak.read_text()) if self.peak.exists() else 0
        return f"limit {self.limit >> 20} MiB, peak {peak / 1e6:.1f} MB with the page cache, killed {self.kills()} times"

    def kills(self):
        """Processes that the limit has ended; None where the kernel does not count them."""
        events = self.folder / "memory.events"
        found = re.search(r"^oom_kill (\d+)", (events if events.exists() else self.folder / "memory.oom_control").read_text(), re.M)
        return int(found[1]) if found else None

    def remove(self):
        """Whoever was in it has been told to end."""
        end = time.monotonic() + 10
        while self.folder:
            try:
                return self.folder.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def prefix(self):
        """Words before a command line that put it there from the first page on."""
        return ["sh", "-c", f'echo $$ >{self.folder}/cgroup.procs; exec "$@"', "sh"] if self.folder else []


def memory_of(pid):
    """What /proc/PID/smaps_rollup says, in bytes by name."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {key: int(value) * 1024 for key, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
