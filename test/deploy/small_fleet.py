"""A small fleet for what asks a database: three nodes with accelerators of each kind, one whose link is too slow, one that
comes with a full buffer and has lost readings, and one that is gone. Prometheus takes their readings, scrapes the relay and evaluates
deploy/prometheus/rules.yaml."""
import json
import pathlib
import shutil
import sys
import urllib.parse

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / "test/e2e"))
from durability_test import ThinningTest  # noqa: E402
from pipeline import Pipeline, Process, Prometheus, eventually, free_port, http_get  # noqa: E402

RULES = SOURCE / "deploy/prometheus/rules.yaml"
CLUSTER = "site-1"


class ScrapingPrometheus(Prometheus):
    """One that takes samples in any order, so that the nodes send fresh readings first."""

    def __init__(self, folder):
        self.relay_port = free_port()
        rules = pathlib.Path(folder) / "rules.yaml"
        # The windows stay what they are; only the pace of evaluation is of a test.
        rules.write_text(RULES.read_text().replace("interval: 1m", "interval: 1s"))
        super().__init__(folder, out_of_order="1d", scrape_configs=f"""
rule_files: ["{rules}"]
scrape_configs:
  - job_name: godwit-relay
    scrape_interval: 1s
    static_configs:
      - targets: ["127.0.0.1:{self.relay_port}"]
        labels: {{cluster: {CLUSTER}}}
""")

    def api(self, path, **arguments):
        query = urllib.parse.urlencode(arguments, doseq=True)
        return json.loads(http_get(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"))["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]


class SmallFleet(Pipeline):
    def __init__(self):
        super().__init__(ScrapingPrometheus)

    def __enter__(self):
        super().__enter__()
        try:
            self.start_fleet()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def start_fleet(self):
        self.relay(port=self.database.relay_port, extra=f"external_labels: [cluster={CLUSTER}]\n")
        root = self.folder / "host"
        shutil.copytree(SOURCE / "test/fixtures/host", root, symlinks=True)
        (root / "run").mkdir(exist_ok=True)
        service = self.add(Process(self.folder, "jtop", [
            sys.executable, SOURCE / "test/peers/jtop_sim.py", "--socket", root / "run/jtop.sock"]))
        service.start()
        eventually((root / "run/jtop.sock").exists, what="the jtop service's socket")
        self.agent("jetson-1", interval="500ms", extra=f"root: {root}\n", collectors="  jtop: {socket: /run/jtop.sock}\n")
        npu = self.tool("npu-smi", "npu-smi", "case $* in\n*health*) exec cat 910A/15-t-health-alarm-3codes.txt ;;\nesac\n"
                        "set -- 910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt 310B/01-info-310B4-alarm-23.0.0-a.txt\n"
                        "shift $(( $(date +%s) % 2 ))\nexec cat $1\n")
        self.agent("ascend-1", interval="500ms", collectors=f"  npu_smi: {{command: {npu}, interval: 1s}}\n")
        gpu = self.tool("nvidia-smi", "nvidia-smi", "case $1 in\n--help*) exec cat help-query-gpu-590.txt ;;\n"
                        "--query-compute*) exec cat compute-apps.csv ;;\nesac\nexec cat two-gpus-one-hot.csv\n")
        self.agent("gpu-1", interval="500ms", collectors=f"  nvidia_smi: {{command: {gpu}, interval: 1s}}\n")
        self.agent("slow-1", extra="link: {max_rate: 300}\n")
        filler = ThinningTest()
        filler.TICKS = 3000  # more than the buffer holds
        filler.fill(self.folder)
        self.agent("full-1", buffer=f"buffer:\n  path: {self.folder / 'n1.db'}\n  max_bytes: 256KiB\n")
        gone = self.agent("gone-1")
        self.wait_delivered(gone)
        gone.stop()

    def tool(self, name, fixtures, script):
        """A program that answers from the captures of that folder."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\ncd '{SOURCE / 'test/fixtures' / fixtures}'\n{script}")
        path.chmod(0o755)
        return path
