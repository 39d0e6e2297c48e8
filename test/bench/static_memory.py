"""static_memory.py [SECONDS]: memory of the static agent of this machine's architecture with every collector on and a
TLS link, under a memory limit of 16 MiB where this machine lets us make a cgroup. Prints what the kernel says of the
process.

Private memory is what the process wrote (anonymous pages). File pages are the program's own code and constants,
which the kernel maps 64 KiB at a time around each page that is used, and takes back when it needs them."""
import json
import os
import pathlib
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
os.environ["GODWIT_STATIC_ARCH"] = ARCH
sys.path.insert(0, str(SOURCE / "test/static"))
from everything import Cgroup, memory_of, running  # noqa: E402
from programs import STATIC_BIN  # noqa: E402


def main(seconds):
    cgroup = Cgroup()
    relay = pathlib.Path(os.environ.get("GODWIT_BIN", SOURCE / "build/release/bin")) / "godwit-relay"
    with running(STATIC_BIN / "godwit-agent", relay, cgroup.prefix()) as (p, agent):
        import pipeline
        print(f"static {ARCH} agent, {os.uname().release}")
        for at in (15, seconds):
            time.sleep(at if at == 15 else seconds - 15)
            state = json.loads(pipeline.http_get(agent.http + "/debug"))
            series = sum(1 for line in pipeline.http_get(agent.http + "/metrics").decode().splitlines()
                         if line and not line.startswith("#"))
            memory = memory_of(agent.child.pid)
            print(f"after {at:4d} s: {series} series at 1 Hz, {state['delivered_seq']} ticks delivered; resident "
                  f"{memory['Rss'] / 1e6:.1f} MB = written (private) {memory['Anonymous'] / 1e6:.1f} MB "
                  f"+ files {(memory['Rss'] - memory['Anonymous']) / 1e6:.1f} MB")
        print(cgroup.report())
    cgroup.remove()


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
