"""The agent as an external monitor and as a custom plugin of node-problem-detector: a real gRPC client
(grpcio) on the unix socket, messages made and read by protoc, a Jetson that is a folder."""
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.request

import grpc

from pipeline import BIN, SOURCE, eventually, free_port

PROTO = SOURCE / "test/peers"
SERVICE = "/npd.external.v1.ExternalMonitor/"
TYPES = ["GPUHealthy", "GPUHung", "GPUMemoryPressure", "GPUTemperatureHigh"]


def protoc(mode, message, data):
    return subprocess.run(["protoc", f"--{mode}=npd.external.v1.{message}", f"-I{PROTO}", "external_monitor.proto"],
                          input=data, stdout=subprocess.PIPE, check=True).stdout


def encode(parameters):
    text = "".join(f'parameters {{ key: "{k}" value: "{v}" }}\n' for k, v in parameters.items())
    return protoc("encode", "HealthCheckRequest", (text + "sequence: 7\n").encode())


def blocks(text, name):
    """The fields of each block NAME { … } of protoc's text, as a dict; a Timestamp becomes its seconds."""
    out = []
    for block in re.findall(rf"^{name} {{\n(.*?)^}}", text, re.M | re.S):
        out.append(dict(re.findall(r'(\w+): "?([^"\n]*)"?', block)))
    return out


class Node:
    def __init__(self, gpu=True, **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="godwit-npd-")
        self.path = pathlib.Path(self.folder.name)
        self.socket = self.path / "npd-gpu-monitor.sock"
        self.port = free_port()
        self.root = self.path / "root"
        (self.root / "proc").mkdir(parents=True)
        self.settings = settings
        self.process = None
        # The machine's NTP must not decide whether the agent knows the time.
        (self.path / "clock").write_text("synchronised yes\n")
        if gpu:
            self.write("sys/devices/gpu.0/load", "420")
            self.write("sys/firmware/devicetree/base/compatible", "nvidia,tegra194\0")
            self.write("sys/class/thermal/thermal_zone0/type", "GPU-therm")
            self.heat(60)
            self.write("proc/meminfo", "MemTotal: 8000000 kB\nNvMapMemUsed: 1000000 kB\n")

    def write(self, name, text):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def heat(self, celsius):
        self.write("sys/class/thermal/thermal_zone0/temp", str(celsius * 1000))

    def environment(self):
        return dict(os.environ, GODWIT_BUFFER_PATH=str(self.path / "buffer.db"), GODWIT_MQTT_URL="",
                    GODWIT_HTTP_LISTEN=f"127.0.0.1:{self.port}", GODWIT_ROOT=str(self.root), NODE_NAME="node-1",
                    GODWIT_NPD_SOCKET=str(self.socket), GODWIT_INTERVAL="200ms",
                    GODWIT_CLOCK_FILE=str(self.path / "clock"), **self.settings)

    def start(self):
        self.log = open(self.path / "log", "a")
        self.process = subprocess.Popen([BIN / "godwit-agent", "run"], env=self.environment(), stdout=self.log,
                                        stderr=subprocess.STDOUT)
        return self

    def check(self, *arguments):
        return subprocess.run([BIN / "godwit-agent", "npd-check", *arguments], env=self.environment(),
                              stdout=subprocess.PIPE, timeout=30)

    def end(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None
            self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        self.folder.cleanup()


class Client:
    """What node-problem-detector is to a monitor; PINGs as often as grpcio allows."""

    def __init__(self, node):
        self.channel = grpc.insecure_channel(f"unix://{node.socket}", options=[
            ("grpc.keepalive_time_ms", 100), ("grpc.keepalive_timeout_ms", 2000),
            ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 200)])
        self.states = []
        self.channel.subscribe(self.states.append)

    def call(self, method, data=b"", wait=True):
        return self.channel.unary_unary(SERVICE + method)(data, timeout=10, wait_for_ready=wait)

    def check(self, **parameters):
        text = protoc("decode", "Status", self.call("CheckHealth", encode(parameters))).decode()
        self.source = re.search(r'^source: "(.*)"', text, re.M).group(1)
        self.events = blocks(text, "events")
        return blocks(text, "conditions")

    def seen(self, **parameters):
        return {c["type"]: c["status"].replace("CONDITION_STATUS_", "") for c in self.check(**parameters)}

    def close(self):
        self.channel.close()


class NpdTest(unittest.TestCase):
    def client(self, node):
        client = Client(node)
        self.addCleanup(client.close)
        return client

    def test_external_monitor(self):
        with Node(GODWIT_HEALTH_RECOVERY="0s") as node:
            client = self.client(node)
            metadata = protoc("decode", "MonitorMetadata", client.call("GetMetadata")).decode()
            self.assertIn('api_version: "v1"', metadata)
            for name in TYPES:
                self.assertIn(f'supported_conditions: "{name}"', metadata)
            self.assertEqual(stat.S_IMODE(node.socket.stat().st_mode), 0o660)

            healthy = {name: "FALSE" for name in TYPES}
            eventually(lambda: client.seen() == healthy, what="a healthy GPU")
            self.assertEqual(client.source, "gpu-monitor")
            first = client.check()
            self.assertEqual([c["type"] for c in first], TYPES)
            self.assertLess(abs(int(first[0]["seconds"]) - time.time()), 120)
            self.assertEqual(client.check(), first)
            self.assertEqual(client.events, [])

            self.assertEqual(client.call("Stop"), b"")
            node.heat(91)
            eventually(lambda: client.seen()["GPUTemperatureHigh"] == "TRUE", what="a GPU that is too hot")
            hot = client.check()
            self.assertEqual((hot[0]["status"], hot[0]["reason"]), ("CONDITION_STATUS_TRUE", "GPUOverheating"))
            self.assertEqual(hot[3]["message"], "GPU gpu: temperature above 85 C")
            node.heat(92)  # another reading is no other message
            time.sleep(0.5)
            self.assertEqual(client.check(), hot)
            self.assertEqual(client.events, [])
            # This caller's own thresholds.
            self.assertEqual(client.seen(temperature_threshold="95.5"), healthy)
            full = client.check(memory_threshold="12")
            self.assertEqual([c["reason"] for c in full],
                             ["GPUMultipleIssues", "GPUIsNotHung", "GPUMemoryPressure", "GPUTemperatureHigh"])
            self.assertEqual([e["reason"] for e in client.events],
                             ["GPUMultipleIssues", "GPUMemoryPressure", "GPUTemperatureHigh"])
            self.assertEqual(list(client.seen(conditions="GPUMissing,GPUHung").items()),
                             [("GPUMissing", "FALSE"), ("GPUHung", "FALSE")])
            node.heat(60)
            eventually(lambda: client.seen() == healthy, what="a GPU that has cooled down")
            # PINGs were answered, and nobody said GOAWAY, all the time.
            gone = client.states[client.states.index(grpc.ChannelConnectivity.READY):]
            self.assertEqual(set(gone), {grpc.ChannelConnectivity.READY})

    def test_events_only_on_changes(self):
        with Node() as node:
            client = self.client(node)
            node.heat(99)
            reasons = []

            def hot():
                seen = client.seen()
                reasons.extend((e["severity"], e["reason"]) for e in client.events)
                return seen["GPUTemperatureHigh"] == "TRUE"
            eventually(hot, what="a GPU that is too hot")
            for _ in range(3):
                hot()
            self.assertEqual(reasons.count(("SEVERITY_WARN", "GPUOverheating")), 1)
            self.assertEqual(reasons.count(("SEVERITY_WARN", "GPUTemperatureHigh")), 1)

    def test_restart_of_either_side(self):
        with Node() as node:
            client = self.client(node)
            eventually(lambda: client.seen()["GPUHealthy"] == "FALSE", what="a healthy GPU")
            record = node.path / "buffer.db.health"
            eventually(lambda: "GPUHealthy False" in record.read_text(), what="the conditions' times in a file")
            since = [c["seconds"] for c in client.check()]
            time.sleep(1.1)
            node.end(signal.SIGKILL)
            self.assertTrue(node.socket.is_socket())  # a stale one
            with self.assertRaises(grpc.RpcError):
                client.call("CheckHealth", wait=False)
            node.start()
            eventually(lambda: client.seen()["GPUHealthy"] == "FALSE", what="the same client sees the new agent")
            self.assertEqual([c["seconds"] for c in client.check()], since)
            client.close()
            for _ in range(20):  # more than the agent has room for
                self.assertEqual(Client(node).seen()["GPUHealthy"], "FALSE")
            # A second agent leaves the first one's socket alone.
            other = subprocess.Popen([BIN / "godwit-agent", "run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     env=dict(node.environment(), GODWIT_BUFFER_PATH="", GODWIT_HTTP_LISTEN=""))
            self.assertIn(b"another program listens there", other.stdout.readline() + other.stdout.readline())
            other.kill()
            other.communicate()
            self.assertEqual(self.client(node).seen()["GPUHealthy"], "FALSE")

    def test_refusals(self):
        with Node(gpu=False) as node:
            client = self.client(node)
            self.assertEqual(client.seen(), {name: "UNKNOWN" for name in TYPES})
            for method, data, code in (
                    ("Nothing", b"", grpc.StatusCode.UNIMPLEMENTED),
                    ("CheckHealth", b"\xff" * 20, grpc.StatusCode.INVALID_ARGUMENT),
                    ("CheckHealth", encode({"temperature_threshold": "warm"}), grpc.StatusCode.INVALID_ARGUMENT),
                    ("CheckHealth", encode({"conditions": "Nothing"}), grpc.StatusCode.INVALID_ARGUMENT),
                    ("CheckHealth", b"x" * 100_000, grpc.StatusCode.RESOURCE_EXHAUSTED)):
                with self.assertRaises(grpc.RpcError) as caught:
                    client.call(method, data)
                self.assertEqual(caught.exception.code(), code, caught.exception)
            with socket.socket(socket.AF_UNIX) as raw:
                raw.settimeout(20)
                raw.connect(str(node.socket))
                raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                while raw.recv(4096):
                    pass
            self.assertEqual(client.seen()["GPUHung"], "UNKNOWN")

    def test_custom_plugin(self):
        with Node() as node:
            conditions = f"http://127.0.0.1:{node.port}/conditions"
            eventually(lambda: b"GPUHealthy" in urllib.request.urlopen(conditions).read(), what="a healthy GPU")
            self.assertEqual(node.check("GPUHealthy").returncode, 0)
            self.assertEqual(node.check("GPUTemperatureHigh").stdout, b"GPU temperature is normal\n")
            self.assertEqual(node.check("NPUUnhealthy").returncode, 2)
            node.heat(90)
            eventually(lambda: node.check("GPUTemperatureHigh").returncode == 1, what="a GPU that is too hot")
            worst = node.check()
            self.assertEqual((worst.returncode, worst.stdout), (1, b"GPU gpu: temperature above 85 C\n"))
            with urllib.request.urlopen(conditions) as answer:
                conditions = {c["type"]: c for c in json.load(answer)}
            self.assertEqual(conditions["GPUTemperatureHigh"]["status"], "True")
            self.assertRegex(conditions["GPUHung"]["transition"], r"^20..-..-..T..:..:..\.?\d*Z$")
            # It is the agent that answers: with another threshold the same problem goes on.
            node.settings["GODWIT_HEALTH_TEMPERATURE"] = "100"
            self.assertEqual(node.check("GPUTemperatureHigh").returncode, 1)
            del node.settings["GODWIT_HEALTH_TEMPERATURE"]
            # Without an agent it reads for itself.
            node.end()
            alone = node.check("GPUTemperatureHigh")
            self.assertEqual((alone.returncode, alone.stdout), (1, b"GPU gpu: temperature above 85 C\n"))
            node.heat(40)
            self.assertEqual(node.check("GPUTemperatureHigh").returncode, 0)
            self.assertEqual(node.check("XIDErrors").returncode, 2)

    def test_shipped_configuration(self):
        """The keys that node-problem-detector reads, in the types that it can read, and our healthy texts."""
        folder = SOURCE / "deploy/npd"
        with Node() as node:
            client = self.client(node)
            eventually(lambda: client.seen()["GPUTemperatureHigh"] == "FALSE", what="a healthy GPU")
            healthy = {c["type"]: (c["reason"], c["message"]) for c in client.check()}
            external = json.loads((folder / "external-monitor.json").read_text())
            self.assertEqual((external["plugin"], external["source"]), ("external", client.source))
            self.assertEqual([c["type"] for c in external["conditions"]], TYPES)
            config = external["pluginConfig"]
            self.assertLessEqual(set(config), {"socketAddress", "invoke_interval", "timeout", "skip_initial_status",
                                               "retryPolicy", "healthCheck", "pluginParameters"})
            # time.Duration in plain JSON: integer nanoseconds; a text ends node-problem-detector.
            for value in (config["invoke_interval"], config["timeout"], config["retryPolicy"]["initialBackoff"],
                          config["retryPolicy"]["maxBackoff"], config["healthCheck"]["interval"],
                          config["healthCheck"]["timeout"]):
                self.assertIsInstance(value, int)
                self.assertGreaterEqual(value, 10**9)
            self.assertLess(config["timeout"], config["invoke_interval"])
            component = (SOURCE / "deploy/components/npd/kustomization.yaml").read_text()
            self.assertIn(f'GODWIT_NPD_SOCKET, value: {config["socketAddress"]}', component)

            for name in ("gpu", "npu"):
                custom = json.loads((folder / f"custom-plugin-{name}.json").read_text())
                self.assertEqual(custom["plugin"], "custom")
                for key in ("invoke_interval", "timeout"):
                    self.assertRegex(custom["pluginConfig"][key], r"^\d+s$")
                declared = {c["type"]: (c["reason"], c["message"]) for c in custom["conditions"]}
                self.assertEqual({r["condition"] for r in custom["rules"]}, set(declared))
                for rule in custom["rules"]:
                    self.assertEqual(rule["type"], "permanent")
                    done = node.check(*rule["args"][1:])
                    self.assertLessEqual(len(done.stdout.rstrip(b"\n")), custom["pluginConfig"]["max_output_length"])
                    self.assertEqual(done.returncode, 0 if name == "gpu" else 2)
                for kind, texts in declared.items():
                    self.assertEqual(healthy.get(kind, ("NPUIsHealthy", "NPU is healthy")), texts)


if __name__ == "__main__":
    unittest.main()
