"""static_memory.py [SECONDS]: memory of the static agent of this machine's architecture with every collector on
(this host, a simulated jtop service, a replayed npu-smi), connected to a broker and a relay, under a
memory limit of 16 MiB where this machine lets us make a cgroup. Prints what the kernel says of the process.

Private memory is what the process wrote (anonymous pages). File pages are the program's own code and constants,
which the kernel maps 64 KiB at a time around each page that is used, and takes back when it needs them."""
import json
import os
import pathlib
import re
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 16 << 20


class Cgroup:
    """A memory cgroup (v2, else v1) of our own ; `folder` is None where it cannot be made."""

    def __init__(self):
        self.folder, self.peak = None, None
        for top, limit, peak in (("/sys/fs/cgroup", "memory.max", "memory.peak"),
                                 ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes")):
            folder = pathlib.Path(top) / f"godwit-bench-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                if (folder / limit).exists():
                    (folder / limit).write_text(str(LIMIT))
                    self.folder, self.peak = folder, folder / peak
                    return
            except OSError:
                pass
            folder.rmdir()

    def report(self):
        if not self.folder:
            return "no cgroup could be made here"
        events = self.folder / "memory.events"
        kills = re.search(r"^oom_kill (\d+)", (events if events.exists() else self.folder / "memory.oom_control").read_text(), re.M)
        peak = int(self.peak.read_text()) if self.peak.exists() else 0
        return f"limit {LIMIT >> 20} MiB, peak {peak / 1e6:.1f} MB with the page cache, killed {kills[1] if kills else '?'} times"

    def remove(self):
        if self.folder:
            self.folder.rmdir()


def memory_of(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {key: int(value) * 1024 for key, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


def main(seconds):
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-bench-"))
    (folder / "godwit-agent").symlink_to(SOURCE / f"build/static-{arch}/bin/godwit-agent")
    (folder / "godwit-relay").symlink_to(pathlib.Path(os.environ.get("GODWIT_BIN", SOURCE / "build/release/bin")).resolve() / "godwit-relay")
    os.environ["GODWIT_BIN"] = str(folder)
    sys.path.insert(0, str(SOURCE / "test/e2e"))
    import pipeline
    cgroup = Cgroup()
    with pipeline.Pipeline() as p:
        p.relay()
        jtop, npu_smi = p.jtop(), p.npu_smi("910B/01-info-910B3-8cards-24.1.rc1.b030.txt")
        # In the cgroup from the first page on.
        prefix = ["sh", "-c", f'echo $$ >{cgroup.folder}/cgroup.procs; exec "$@"', "sh"] if cgroup.folder else []
        agent = p.agent("bench", interval="1s", flush="10s", prefix=prefix,
                        collectors=f"  jtop:\n    socket: {jtop}\n  npu_smi:\n    command: {npu_smi}\n    interval: 10s\n")
        pid = agent.child.pid
        time.sleep(seconds)
        memory = memory_of(pid)
        state = json.loads(pipeline.http_get(agent.http + "/debug"))
        series = sum(1 for line in pipeline.http_get(agent.http + "/metrics").decode().splitlines()
                     if line and not line.startswith("#"))
        print(f"static {arch} agent after {seconds} s: {series} series at 1 Hz, {state['delivered_seq']} ticks delivered")
        print(f"resident {memory['Rss'] / 1e6:.1f} MB = written (private) {memory['Anonymous'] / 1e6:.1f} MB "
              f"+ files {(memory['Rss'] - memory['Anonymous']) / 1e6:.1f} MB")
        print(cgroup.report())
    cgroup.remove()


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
