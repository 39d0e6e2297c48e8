"""The cluster metrics API: agents on trees of pods, a relay, and what it answers of present and past."""
import json
import pathlib
import shutil
import time
import unittest
import urllib.error
import urllib.request

from pipeline import Pipeline, Prometheus, VictoriaMetrics, eventually, free_port, http_get

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
QUIET = "  pods: {interval: 1s, url: \"\"}\n  network_rtt: {enabled: true, interval: 1s, targets: [broker]}\n"


class ApiTest(unittest.TestCase):
    def get(self, path):
        return json.loads(http_get(self.api + path))

    def status(self, path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.api + path, method=method), timeout=20) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_prometheus(self):
        self.check_present_and_past(Prometheus)

    def test_victoria_metrics(self):
        self.check_present_and_past(VictoriaMetrics)

    def check_present_and_past(self, database):
        with Pipeline(database) as p:
            port = free_port()
            self.api = f"http://127.0.0.1:{port}"
            p.relay(extra=f"web: {{listen: 127.0.0.1:{port}}}\n")
            for node, tree in (("edge-1", "v2"), ("edge-2", "v1")):
                root = pathlib.Path(p.folder) / f"root-{node}"
                shutil.copytree(FIXTURES / "host", root, symlinks=True)
                shutil.copytree(FIXTURES / "pods" / tree, root, dirs_exist_ok=True)
                p.agent(node, interval="1s", extra=f"root: {root}\n", collectors=QUIET)

            def present():
                snapshot = self.get("/api/v1/metrics/snapshot")["data"]
                nodes = snapshot["node_metrics"]
                return snapshot if len(nodes) == 2 and len(snapshot["pod_metrics"]) == 4 and \
                    all(n["cpu_usage_rate"] >= 0 and n["network_latency"] > 0 for n in nodes.values()) else None

            snapshot = eventually(present, what="two nodes with their pods")
            node = snapshot["node_metrics"]["edge-1"]
            self.assertTrue(node["healthy"], node)
            self.assertGreater(node["memory_capacity"], 0)
            self.assertGreater(node["cpu_capacity"], 0)
            self.assertEqual(snapshot["cluster_metrics"]["running_pods"], 4)
            self.assertEqual({(n["source_pod"], n["target_pod"], n["connected"]) for n in snapshot["network_metrics"]},
                             {("edge-1", "broker", True), ("edge-2", "broker", True)})
            pod = self.get("/api/v1/metrics/pods/edge-apps/camera-7d4f")["data"]
            self.assertEqual((pod["node_name"], pod["memory_usage"], pod["cpu_limit"], pod["restarts"], pod["phase"]),
                             ("edge-1", 41943040, 500, 2, "Running"))
            self.assertEqual([c["name"] for c in pod["containers"]], ["detect"])
            self.assertEqual(self.status("/api/v1/metrics/nodes/nobody"), (404, "Node not found: nobody\n"))
            self.assertEqual(self.status("/api/v1/metrics/nodes", "POST"), (405, "Method Not Allowed\n"))

            # The database has the same, a little later. Its moments look back 5 minutes.
            at = int(time.time()) + 5

            def past():
                pods = self.get(f"/api/v1/metrics/pods?at={at}")
                nodes = self.get(f"/api/v1/metrics/nodes?at={at}")
                return (pods["data"], nodes["data"]) if (pods["count"], nodes["count"]) == (4, 2) else None

            pods, nodes = eventually(past, what="the same in the database")
            self.assertEqual(pods["edge-apps/camera-7d4f"]["memory_usage"], pod["memory_usage"])
            self.assertEqual(nodes["edge-1"]["memory_capacity"], node["memory_capacity"])
            self.assertEqual(self.get(f"/api/v1/metrics/pods/edge-apps/camera-7d4f?at={at}")["data"]["phase"], "Running")
            # With a smaller step VictoriaMetrics 1.79 keeps the last 30 s to itself.
            step = "1s" if database is Prometheus else "1m"
            moments = self.get(f"/api/v1/metrics/cluster?at={at}&range=1m&step={step}")
            self.assertEqual(moments["count"], len(moments["data"]))
            self.assertEqual(moments["data"][-1]["data"]["total_nodes"], 2)
            self.assertEqual(self.status("/api/v1/metrics/cluster?range=1m&step=x")[0], 400)


if __name__ == "__main__":
    unittest.main()
