#!/usr/bin/env python3
"""offline.py BIN_FOLDER DAYS [INTERVAL_S]: an agent of 150 series comes back after DAYS without a link.

How large its buffer has become, how long the whole backlog takes through a real broker and a real
relay into a real VictoriaMetrics, and whether all of it is there: every sample counted, and every
time and value of three series compared."""
import array
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

os.environ["GODWIT_BIN"] = sys.argv[1]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "test/e2e"))
from pipeline import Pipeline, VictoriaMetrics, http_get  # noqa: E402

DAYS = int(sys.argv[2])
INTERVAL = int(sys.argv[3]) if len(sys.argv) > 3 else 5
TICKS = DAYS * 86400 // INTERVAL
KEPT = (0, 50, 100)  # as spool_writer keeps them


class LongMetrics(VictoriaMetrics):
    def __init__(self, folder):
        super().__init__(folder)
        self.process.argv = [a.replace("-retentionPeriod=1", "-retentionPeriod=100y") for a in self.process.argv]

    def get(self, path, **query):
        return http_get(f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}", 300)


def write_spool(folder, names):
    exporter = [sys.executable, str(SOURCE / "test/bench/trace_exporter.py")]
    tsv = folder / "series.tsv"
    tsv.write_bytes(subprocess.run([*exporter, "series"], stdout=subprocess.PIPE, check=True).stdout)
    names += [line.split("\t") for line in tsv.read_text().splitlines()]
    trace = subprocess.Popen([*exporter, "bin", "--seconds", str(TICKS)], stdout=subprocess.PIPE)
    marks = [str(d * 86400 // INTERVAL) for d in (1, 7, 30) if d < DAYS] + [str(TICKS)]
    subprocess.run([pathlib.Path(sys.argv[1]) / "spool_writer", tsv, str(INTERVAL), folder / "edge.db",
                    folder / "kept.bin", *marks], stdin=trace.stdout, check=True)


def waiting_ticks(agent):
    for line in http_get(agent.http + "/metrics").decode().splitlines():
        if line.startswith("godwit_buffer_ticks "):
            return float(line.split()[1])
    raise AssertionError("the agent does not tell what waits")


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(database, names, folder):
    database.get("/internal/force_flush")
    found = {}
    for row in database.get("/api/v1/query", query=f'count_over_time({{instance="edge",__name__=~"edge_.+"}}[{DAYS + 2}d]) keep_metric_names',
                            time=time.time() + 60).splitlines():
        for series in json.loads(row)["data"]["result"]:
            found[json.dumps(series["metric"], sort_keys=True)] = int(series["value"][1])
    wrong = {name: count for name, count in found.items() if count != TICKS}
    assert len(found) == len(names) and not wrong, (len(found), list(wrong.items())[:3])
    values = array.array("d", (folder / "kept.bin").read_bytes())
    for place, column in enumerate(KEPT):
        name, labels = names[column][:2]
        rows = [json.loads(line) for line in database.get(
            "/api/v1/export", **{"match[]": f'{name}{{instance="edge"{"," + labels if labels else ""}}}'}).splitlines()]
        points = [p for row in rows for p in zip(row["timestamps"], row["values"])]
        assert [v for _, v in points] == list(values[place::len(KEPT)]), f"{name}: other values"
        steps = {b[0] - a[0] for a, b in zip(points, points[1:])}
        assert steps == {INTERVAL * 1000}, f"{name}: distances {steps}"


def main():
    with tempfile.TemporaryDirectory(prefix="godwit-offline-") as name, Pipeline(LongMetrics) as pipeline:
        folder, names = pathlib.Path(name), []
        write_spool(folder, names)
        relay = pipeline.relay()
        started = time.monotonic()
        agent = pipeline.agent("edge", interval="5s", flush="10s", buffer=f"buffer:\n  path: {folder}/edge.db\n",
                               collectors="  jtop: {enabled: false}\n  npu_smi: {enabled: false}\n")
        while waiting_ticks(agent) > 20:
            assert time.monotonic() - started < 600, f"not within 10 min: {waiting_ticks(agent)} ticks wait"
            time.sleep(0.2)
        seconds = time.monotonic() - started
        print(f"{TICKS * len(names)} samples of {DAYS} days: all delivered {seconds:.1f} s after the link was back "
              f"({TICKS * len(names) / seconds / 1e3:.0f} thousand per second)")
        parts = {"agent": agent, "mosquitto": pipeline.broker, "relay": relay,
                 "VictoriaMetrics": pipeline.database.process}
        print("CPU seconds: " + ", ".join(f"{n} {cpu_seconds(p):.1f}" for n, p in parts.items()))
        compare(pipeline.database, names, folder)
        print("all there, once, in their order, with their times and values")


main()
