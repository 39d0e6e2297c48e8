"""What a cluster sees of its nodes: real agents, a real broker and relays, and an API server. That is the
stand-in of test/fakes, or a real kube-apiserver: scripts/test --kubernetes runs these cases with one."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from pipeline import BIN, SOURCE, Pipeline, eventually, http_get

sys.path.append(str(SOURCE / "test/peers"))
import k8s_monitor  # noqa: E402

REAL = os.environ.get("GODWIT_KUBERNETES")  # JSON: url, ca, token_file (the relay's), admin (a token)


class StandIn:
    """Each relay and the test itself have a port of their own."""

    def __init__(self, nodes, relays):
        self.child = subprocess.Popen([BIN / "kubernetes-api", str(relays + 1), *nodes], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        *ports, own = self.child.stdout.readline().split()
        self.url = f"http://127.0.0.1:{int(own)}"
        self.settings = [f"url: 'http://127.0.0.1:{int(port)}', token_file: ''" for port in ports]

    def get(self, path):
        return json.loads(http_get(self.url + path))

    def fail(self, status):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/fault?{status}", data=b"")).close()

    def close(self):
        self.child.stdin.close()
        self.child.wait(20)
        self.child.stdout.close()


class RealServer:
    def __init__(self, nodes, relays):
        self.real = json.loads(REAL)
        self.settings = [f"url: '{self.real['url']}', token_file: {self.real['token_file']}, "
                         f"ca: {self.real['ca']}"] * relays
        for component in ("node-annotations", "node-conditions"):
            subprocess.run(["kubectl", "apply", "-f", SOURCE / f"deploy/components/{component}/rbac.yaml"], check=True)
        for node in nodes:
            self.request("DELETE", f"/api/v1/nodes/{node}", missing=True)
            self.request("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})

    def request(self, method, path, body=None, missing=False):
        import ssl
        request = urllib.request.Request(self.real["url"] + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Bearer " + self.real["admin"],
                                                  "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(
                    cafile=self.real["ca"])) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            if missing and error.code == 404:
                return None
            raise

    def get(self, path):
        return self.request("GET", path)

    def close(self):
        for component in ("node-annotations", "node-conditions"):
            subprocess.run(["kubectl", "delete", "-f", SOURCE / f"deploy/components/{component}/rbac.yaml"], check=True)


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.api = (RealServer if REAL else StandIn)(["ascend-1", "plain-1"], relays=2)
        self.addCleanup(self.api.close)

    def node(self, name):
        return self.api.get(f"/api/v1/nodes/{name}")

    def shown(self, name):
        return k8s_monitor.read(self.node(name))

    def condition(self, name, kind):
        found = [c for c in self.node(name)["status"].get("conditions", []) if c["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else None

    def relay(self, p, index):
        return p.relay(f"relay-{index}", extra=(
            f"kubernetes: {{{self.api.settings[index]}, annotations: true, conditions: true, min_interval: 1s, "
            "stale_after: 15s}\n"))

    def test_annotations_and_conditions(self):
        with Pipeline() as p:
            relays = [self.relay(p, 0), self.relay(p, 1)]
            npu = p.npu_smi("A3/01-info-2cards-proc-25.2.0.txt")
            ascend = p.agent("ascend-1", collectors=f"  npu_smi: {{command: {npu}, interval: 1s}}\n")
            p.agent("plain-1")
            p.agent("unknown-1")
            eventually(lambda: self.shown("ascend-1")["chips"], what="annotations")
            eventually(lambda: self.shown("ascend-1")["health"] == "Healthy", what="the state of the NPUs")
            shown = self.shown("ascend-1")
            self.assertEqual([c["health"] for c in shown["chips"]], ["OK"] * 4)
            self.assertEqual((shown["power"], shown["temperature"]), (329, 37))  # its own mean, cut
            self.assertEqual(self.node("ascend-1")["metadata"]["annotations"]["npu.huawei.com/power"], "330")
            eventually(lambda: self.condition("ascend-1", "NPUUnhealthy") == ("False", "NPUIsHealthy"),
                       what="the condition of the NPUs")
            self.assertEqual(self.condition("ascend-1", "EdgeTelemetryStale"), ("False", "TelemetryIsFresh"))
            eventually(lambda: self.condition("plain-1", "EdgeTelemetryStale"), what="a node without NPUs")
            self.assertNotIn("npu.huawei.com/health", self.node("plain-1")["metadata"].get("annotations", {}))
            self.assertIsNone(self.condition("plain-1", "NPUUnhealthy"))

            def metrics():
                return "".join(http_get(relay.http + "/metrics").decode() for relay in relays)
            eventually(lambda: re.search(r"kubernetes_missing_nodes [1-9]", metrics()), what="the unknown node")
            if not REAL:  # a while of failures costs nothing but time
                for status in (500, 429, 409):
                    self.api.fail(status)
                    time.sleep(1)
                self.api.fail(0)
            before = self.node("ascend-1")["metadata"]["annotations"]["npu.huawei.com/metrics-updated"]
            eventually(lambda: self.node("ascend-1")["metadata"]["annotations"][
                "npu.huawei.com/metrics-updated"] > before, 60, "readings go on being shown")

            ascend.stop()
            relays[0].stop()  # the other one does it
            eventually(lambda: self.shown("ascend-1")["health"] == "Unhealthy", 60, "stale is Unhealthy")
            eventually(lambda: self.condition("ascend-1", "NPUUnhealthy") == ("Unknown", "TelemetryStale"), 60,
                       "stale is Unknown")
            self.assertEqual(self.condition("ascend-1", "EdgeTelemetryStale"), ("True", "NodeOffline"))
            self.assertEqual(self.shown("ascend-1")["chips"], [])
            self.assertEqual(self.condition("plain-1", "EdgeTelemetryStale"), ("False", "TelemetryIsFresh"))

            def reasons():
                return {event["reason"] for event in self.api.get("/api/v1/namespaces/default/events")["items"]
                        if event["involvedObject"]["name"] == "ascend-1"}
            eventually(lambda: reasons() >= {"TelemetryStale", "NodeOffline"}, what="Events")

    def test_golden_annotations_as_they_are_read(self):
        for path in sorted((SOURCE / "test/golden/annotations").iterdir()):
            node = json.loads(path.read_text())
            notes, shown = node["metadata"]["annotations"], k8s_monitor.read(node)
            with self.subTest(path.name):
                self.assertTrue(shown["chips"])
                alone = k8s_monitor.read({"metadata": {"annotations": {
                    k: v for k, v in notes.items() if not k.startswith("k8s-monitor.io")}}})
                # Both ways say the same, but that chips are rounded and its mean temperature is not ours.
                self.assertEqual(alone["health"], notes["npu.huawei.com/health"])
                for key in ("hbm_total", "hbm_used", "aicores"):
                    self.assertEqual(alone[key], shown[key], key)
                self.assertAlmostEqual(alone["power"], shown["power"], delta=1)
                self.assertAlmostEqual(alone["utilization"], shown["utilization"], delta=0.5)
                self.assertGreaterEqual(alone["temperature"], shown["temperature"])
                for key in ("temperature", "power", "error-count", "aicore-count", "hbm-total", "hbm-used"):
                    self.assertRegex(notes.get("npu.huawei.com/" + key, "0"), r"^\d+$")


if __name__ == "__main__":
    unittest.main()
