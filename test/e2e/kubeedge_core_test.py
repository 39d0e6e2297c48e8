"""The real KubeEdge between agent and relay: CloudCore with its Router, EdgeHub and EventBus, and the API server in
which the relay keeps the Rules. `scripts/test --kubeedge` runs this; GODWIT_CUTS names the cuts of the link in seconds."""
import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

from kubeedge_test import STEADY, World, delivered
from pipeline import Pipeline, Process, TcpProxy, eventually, free_port

REAL = json.loads(os.environ.get("GODWIT_KUBERNETES", "null"))
PROGRAMS = pathlib.Path(os.environ.get("GODWIT_KUBEEDGE", "/nonexistent"))
CUTS = [float(word) for word in os.environ.get("GODWIT_CUTS", "20 120").split()]


def kubectl(*words, given=None):
    return subprocess.run(["kubectl", *words], check=True, capture_output=True, text=True, input=given).stdout


class RealWorld(World):
    """As World, with KubeEdge itself where that has a stand-in."""

    def __init__(self, pipeline, node, internal):
        super().__init__(pipeline, node, internal=internal)
        self.cloud.close()
        if internal:
            self.local.stop()  # edgecore has its own
        self.folder = pipeline.folder
        self.router_port, hub_port, https_port = free_port(), free_port(), free_port()
        kubectl("apply", "--server-side", "-f", "-", given=json.dumps(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": {"node-role.kubernetes.io/edge": ""}}}))
        self.cloudcore = self.program("cloudcore", {
            "apiVersion": "cloudcore.config.kubeedge.io/v1alpha1", "kind": "CloudCore",
            "commonConfig": {"monitorServer": {"bindAddress": f"127.0.0.1:{free_port()}"}},
            "kubeAPIConfig": {"kubeConfig": os.environ["KUBECONFIG"]},
            "modules": {
                "cloudHub": {"advertiseAddress": ["127.0.0.1"], "https": {"address": "127.0.0.1", "port": https_port},
                             "webSocket": {"address": "127.0.0.1", "port": hub_port}, "unixSocket": {"enable": False},
                             **self.keys("cloud")},
                "deviceController": {"enable": False}, "iptablesManager": {"enable": False},
                "router": {"enable": True, "address": "127.0.0.1", "port": self.router_port}}}, "--config")
        self.cloudcore.start()
        secret = eventually(self.token, 90, "CloudCore's token for nodes")
        eventually(lambda: socket.create_connection(("127.0.0.1", https_port)).close() is None, 90, "CloudCore is there")
        self.link = TcpProxy(hub_port)
        self.edgecore = self.program("edgecore", {
            "apiVersion": "edgecore.config.kubeedge.io/v1alpha2", "kind": "EdgeCore",
            "database": {"dataSource": str(self.folder / "edgecore.db")},
            "modules": {
                "edged": {"hostnameOverride": node},
                "edgeHub": {"httpServer": f"https://127.0.0.1:{https_port}", "token": secret, **self.keys("edge"),
                            "websocket": {"enable": True, "server": f"127.0.0.1:{self.link.port}",
                                          "handshakeTimeout": 30, "readDeadline": 15, "writeDeadline": 15}},
                "eventBus": {"mqttMode": 0 if internal else 2, "mqttServerExternal": f"tcp://127.0.0.1:{self.local_port}",
                             "mqttServerInternal": f"tcp://127.0.0.1:{self.local_port}"}}})
        self.edgecore.start()

    def keys(self, side):
        folder = self.folder / side
        folder.mkdir()
        return {"tlsCAFile": f"{folder}/rootCA.crt", "tlsCAKeyFile": f"{folder}/rootCA.key", "tlsCertFile": f"{folder}/server.crt",
                "tlsPrivateKeyFile": f"{folder}/server.key"}

    def program(self, name, config, *words):
        (self.folder / f"{name}.json").write_text(json.dumps(config))
        return self.pipeline.add(Process(self.folder, name, [PROGRAMS / name, *words, self.folder / f"{name}.json"]))

    def token(self):
        assert self.cloudcore.alive(), self.cloudcore.output()[-3000:]
        found = subprocess.run(["kubectl", "-n", "kubeedge", "get", "secret", "tokensecret", "-o", "jsonpath={.data.tokendata}"],
                               check=False, capture_output=True, text=True).stdout
        return base64.b64decode(found).decode()

    def relay_settings(self, mqtt):
        return {"mqtt": mqtt, "extra": (
            f"eventbus:\n  router_url: http://127.0.0.1:{self.router_port}\n  master_key_file: {self.key}\n"
            f"  target_url: http://127.0.0.1:{self.relay_ports[0]}/kubeedge\n"
            f"kubernetes: {{url: '{REAL['url']}', ca: {REAL['ca']}, token_file: {self.admin()}}}\n")}

    def admin(self):
        path = self.folder / "admin"
        path.write_text(REAL["admin"])
        return path

    def cut(self, seconds):
        """Silence; what was written into the dead connection meanwhile is lost."""
        self.link.freeze()
        time.sleep(seconds)
        self.link.cut()
        self.link.mend()


@unittest.skipUnless(REAL and PROGRAMS.exists(), "needs KubeEdge and an API server: scripts/test --kubeedge")
class KubeedgeCoreTest(unittest.TestCase):
    def test_nothing_is_lost_or_comes_twice(self):
        self.carry(CUTS, internal=False)

    def test_broker_inside_edgecore(self):
        self.carry([], internal=True)

    def carry(self, cuts, internal):
        with Pipeline() as p:
            world = RealWorld(p, "edge-1", internal)
            world.relay()
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings("eventbus"))

            def catches_up(what, limit=240):
                before, start = delivered(agent), time.monotonic()
                eventually(lambda: delivered(agent) > before + 20, limit, f"deliveries after {what}")
                p.wait_delivered(agent, limit)
                print(f"{what}: all delivered {time.monotonic() - start:.0f} s later", flush=True)
            catches_up("the start")
            for seconds in cuts:
                world.cut(seconds)
                catches_up(f"a cut of {seconds:.0f} s")
            world.edgecore.stop(signal.SIGKILL)
            time.sleep(5)
            world.edgecore.start()
            catches_up("a restart of edgecore")
            world.cloudcore.stop(signal.SIGKILL)
            time.sleep(5)
            world.cloudcore.start()
            catches_up("a restart of CloudCore")
            samples = p.compare("edge-1", p.deliver_all(agent))
            print(f"{samples} samples compared: none lost, none twice")
            self.assertGreater(samples, 1000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
