"""Which pods use the GPU: a kubelet's pod-resources service (a real grpcio server, messages made by protoc) and
an agent on a Jetson that is a folder."""
import concurrent.futures
import re
import signal
import stat
import subprocess
import time
import unittest
import urllib.request

import grpc

from npd_test import Node
from pipeline import BIN, SOURCE, eventually

ID = "c" * 64


def answer(*containers):
    """ListPodResourcesResponse of (pod, container, resource, [device ids])."""
    text = "".join(
        f'pod_resources {{ name: "{pod}" namespace: "lab" containers {{ name: "{container}" cpu_ids: [0, 1] memory {{ '
        f'memory_type: "hugepages-2Mi" size: 1 }} devices {{ resource_name: "{resource}" '
        + "".join(f'device_ids: "{one}" ' for one in ids) + 'topology { nodes { ID: 0 } } } } }\n'
        for pod, container, resource, ids in containers)
    return subprocess.run(["protoc", "--encode=v1.ListPodResourcesResponse", f"-I{SOURCE / 'test/peers'}",
                           "pod_resources.proto"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


class Kubelet(grpc.GenericRpcHandler):
    def __init__(self, node, message):
        self.message, self.methods = message, []
        self.socket = node.root / "var/lib/kubelet/pod-resources/kubelet.sock"
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[self])
        self.server.add_insecure_port(f"unix://{self.socket}")
        self.server.start()

    def service(self, details):
        self.methods.append(details.method)
        return grpc.unary_unary_rpc_method_handler(self.list)

    def list(self, request, context):
        assert request == b"", request
        if callable(self.message):
            return self.message(context)
        return self.message

    def stop(self):
        self.server.stop(None).wait()


class PodResourcesTest(unittest.TestCase):
    def node(self):
        node = Node(GODWIT_COLLECTORS_POD_RESOURCES_INTERVAL="200ms", GODWIT_COLLECTORS_POD_RESOURCES_DEADLINE="2s",
                    GODWIT_COLLECTORS_PODS_URL="")
        self.addCleanup(node.folder.cleanup)
        self.addCleanup(lambda: node.end(signal.SIGKILL))
        return node

    def kubelet(self, node, message):
        kubelet = Kubelet(node, message)
        self.addCleanup(kubelet.stop)
        return kubelet

    def once(self, node):
        """(pods, standard error) of `once`."""
        done = subprocess.run([BIN / "godwit-agent", "once", "--format", "prom"], env=node.environment(), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertNotIn("kube_pod_container_device_info", done.stdout)
        return self.users(done.stdout), done.stderr

    def users(self, metrics):
        lines = re.findall(r"^godwit_accelerator_pod_info{(.*)} 1", metrics, re.M)
        return sorted(tuple(re.search(rf'\b{name}="(.*?)"', line).group(1)
                            for name in ("hw_type", "hw_id", "namespace", "pod", "container")) for line in lines)

    def test_answers(self):
        node = self.node()
        kubelet = self.kubelet(node, answer(("camera", "detect", "nvidia.com/gpu", ["tegra::0", "tegra::7"]),
                                            ("radar", "main", "nvidia.com/gpu", ["tegra::3"]),
                                            ("web", "main", "example.com/disk", ["tegra"])))
        self.assertEqual(self.once(node)[0], [("gpu", "gpu", "lab", "camera", "detect"),
                                              ("gpu", "gpu", "lab", "radar", "main")])
        self.assertEqual(kubelet.methods, ["/v1.PodResourcesLister/List"])
        # A node with a great many pods, in many frames.
        many = [(f"pod-{i}-" + "x" * 200, "main", "nvidia.com/gpu", ["GPU-other"]) for i in range(240)]
        kubelet.message = answer(*many, ("last", "main", "nvidia.com/gpu", ["tegra"]))
        self.assertEqual(self.once(node)[0], [("gpu", "gpu", "lab", "last", "main")])
        for message, error in (
                (b"\x0a" + b"\xff" * 20, "no list of pod resources"),
                (b"\x00" * (5 << 20), "more than 4194304 bytes"),
                (lambda context: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too often"), '"too often"'),
                (lambda context: time.sleep(3) or b"", "no answer in time")):
            kubelet.message = message
            users, errors = self.once(node)
            self.assertEqual(users, [])
            self.assertIn(error, errors)

    def test_processes_where_there_is_no_kubelet(self):
        node = self.node()
        node.write("sys/kernel/debug/nvmap/iovmm/maps", "CLIENT                        PROCESS      PID        SIZE\n"
                   "user                          detect       4711     500000K\n"
                   "total                                               500000K")
        uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
        node.write("proc/4711/cgroup", f"0::/kubepods/burstable/pod{uid}/{ID}")
        group = f"sys/fs/cgroup/kubepods/burstable/pod{uid}"
        for folder in (group, f"{group}/{ID}"):
            node.write(f"{folder}/cpu.stat", "usage_usec 1000000")
        node.write("sys/fs/cgroup/cgroup.controllers", "cpu memory")
        node.write(f"var/log/pods/lab_camera_{uid}/detect/0.log", "")
        node.write(f"var/log/containers/camera_lab_detect-{ID}.log", "")
        users, errors = self.once(node)
        self.assertEqual(users, [("gpu", "gpu", "lab", "camera", "detect")])
        self.assertIn("kubelet.sock: No such file or directory: no kubelet tells which container has which device",
                      errors)

    def test_restart_of_the_kubelet(self):
        node = self.node()
        kubelet = self.kubelet(node, answer(("camera", "detect", "nvidia.com/gpu", ["tegra"])))
        node.settings["GODWIT_HTTP_NAMING"] = "canonical,dcgm"
        features = node.path / "features"
        node.settings["GODWIT_NFD_FILE"] = str(features)
        node.start()

        def users():
            with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics") as reply:
                text = reply.read().decode()
            self.assertNotIn("kube_pod_container_device_info", text)
            users = [user[3] for user in self.users(text)]
            if users:  # as dcgm-exporter says it
                self.assertRegex(text, rf'DCGM_FI_DEV_GPU_UTIL{{.*pod="{users[0]}".*}} 42')
            return users
        eventually(lambda: node.process.poll() is None and self.answers(users) == ["camera"], what="the pod")
        kubelet.stop()
        kubelet.socket.touch()  # a stale file in its place, and many runs that find it so
        time.sleep(1)
        self.assertEqual(users(), ["camera"])
        kubelet = self.kubelet(node, answer(("radar", "main", "nvidia.com/gpu", ["tegra"])))
        eventually(lambda: users() == ["radar"], what="the other pod")
        eventually(features.exists, what="a file for node-feature-discovery")
        self.assertIn("godwit-gpu.count=1\ngodwit-gpu.memory=7812\ngodwit-gpu.present=true\n", features.read_text())
        self.assertEqual(stat.S_IMODE(features.stat().st_mode), 0o644)
        log = (node.path / "log").read_text()
        self.assertEqual(log.count("kubelet.sock"), 1, log)

    def answers(self, users):
        try:
            return users()
        except OSError:
            return None


if __name__ == "__main__":
    unittest.main()
