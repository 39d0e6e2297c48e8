"""pages.py [SECONDS [NODES [PAGES]]]: what the relay spends on NODES (1,000) simulated nodes that report once a second,
without anybody who looks and with PAGES (5) fleet pages that follow the stream, SECONDS (30) each. Programs: GODWIT_BIN."""
import json
import os
import pathlib
import sys
import threading
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "test/static"), str(SOURCE / "test/e2e")]
from everything import memory_of  # noqa: E402
from pipeline import BIN, Pipeline, Process, eventually, free_port, http_get  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / TICK


class Page(threading.Thread):
    """Reads the stream as a page does, and counts."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.stream, self.updates, self.bytes = urllib.request.urlopen(url, timeout=30), 0, 0

    def run(self):
        for line in self.stream:
            self.bytes += len(line)
            self.updates += line.startswith(b"event: fleet")


def watch(name, relay, seconds, pages=()):
    spent, updates, size = cpu_seconds(relay.child.pid), sum(p.updates for p in pages), sum(p.bytes for p in pages)
    time.sleep(seconds)
    spent = cpu_seconds(relay.child.pid) - spent
    line = f"{name}: {100 * spent / seconds:.1f} % of a core, resident {memory_of(relay.child.pid)['Rss'] / 1e6:.1f} MB"
    if pages:
        updates, size = sum(p.updates for p in pages) - updates, sum(p.bytes for p in pages) - size
        line += f"; {updates / seconds / len(pages):.2f} updates of {size / max(1, updates) / 1e3:.0f} kB a second and page"
    print(line)


def main(seconds=30, nodes=1000, pages=5):
    port = free_port()
    with Pipeline() as p:
        relay = p.relay(extra=f"web: {{listen: '127.0.0.1:{port}'}}\n")
        p.add(Process(p.folder, "simulator", [BIN / "fleet_simulator", p.broker_port, nodes])).start()
        url = f"http://127.0.0.1:{port}/web/v1"
        eventually(lambda: len(json.loads(http_get(url + "/fleet"))["nodes"]) == nodes, 120, "all nodes")
        watch(f"{nodes} nodes, nobody looks", relay, seconds)
        readers = [Page(url + "/stream") for _ in range(pages)]
        for reader in readers:
            reader.start()
        watch(f"{nodes} nodes, {pages} pages", relay, seconds, readers)


main(*map(int, sys.argv[1:]))
