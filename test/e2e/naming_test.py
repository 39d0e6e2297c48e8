"""End-to-end: what was made for other exporters works with what the relay writes: KubeSphere's recording
rules, the first rows of the dashboard Node Exporter Full, the dashboards of Jetsons and of NVIDIA's
dcgm-exporter (grafana.com 12239), npu-exporter's readers."""
import http.server
import json
import pathlib
import re
import shutil
import sys
import threading
import unittest
import urllib.parse

from pipeline import BIN, SOURCE, Pipeline, Process, Prometheus, eventually, free_port, http_get

RULES = pathlib.Path(__file__).with_name("kubesphere_rules.yml")
NODE = "jetson-1"
POD = "godwit-agent-x7x2p"

# As the panels have them, without rate intervals of a day. $node and $job are the dashboard's variables.
NODE_EXPORTER_FULL = [
    'irate(node_pressure_cpu_waiting_seconds_total{instance="$node",job="$job"}[5m])',
    'irate(node_pressure_memory_waiting_seconds_total{instance="$node",job="$job"}[5m])',
    'irate(node_pressure_io_waiting_seconds_total{instance="$node",job="$job"}[5m])',
    'irate(node_pressure_irq_stalled_seconds_total{instance="$node",job="$job"}[5m])',
    '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle", instance="$node"}[5m])))',
    'scalar(node_load1{instance="$node",job="$job"}) * 100 / count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu))',
    '(1 - (node_memory_MemAvailable_bytes{instance="$node", job="$job"} / node_memory_MemTotal_bytes{instance="$node", job="$job"})) * 100',
    '(node_memory_SwapTotal_bytes{instance="$node",job="$job"} - node_memory_SwapFree_bytes{instance="$node",job="$job"})',
    '100 - ((node_filesystem_avail_bytes{instance="$node",job="$job",mountpoint="/",fstype!="rootfs"} * 100) / node_filesystem_size_bytes{instance="$node",job="$job",mountpoint="/",fstype!="rootfs"})',
    'count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu))',
    'node_filesystem_size_bytes{instance="$node",job="$job",mountpoint="/",fstype!="rootfs"}',
    'node_memory_MemTotal_bytes{instance="$node",job="$job"}',
    'node_memory_SwapTotal_bytes{instance="$node",job="$job"}',
    'node_time_seconds{instance="$node",job="$job"} - node_boot_time_seconds{instance="$node",job="$job"}',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job", mode="system"}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job", mode="user"}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job", mode="iowait"}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job", mode=~".*irq"}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job",  mode!=\'idle\',mode!=\'user\',mode!=\'system\',mode!=\'iowait\',mode!=\'irq\',mode!=\'softirq\'}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    'sum(irate(node_cpu_seconds_total{instance="$node",job="$job", mode="idle"}[5m])) / scalar(count(count(node_cpu_seconds_total{instance="$node",job="$job"}) by (cpu)))',
    '((node_memory_MemTotal_bytes{instance="$node", job="$job"} - node_memory_MemFree_bytes{instance="$node", job="$job"}) / node_memory_MemTotal_bytes{instance="$node", job="$job"}) * 100',
    '((node_memory_SwapTotal_bytes{instance="$node",job="$job"} - node_memory_SwapFree_bytes{instance="$node",job="$job"}) / (node_memory_SwapTotal_bytes{instance="$node",job="$job"})) * 100',
    'node_memory_Cached_bytes{instance="$node",job="$job"} + node_memory_Buffers_bytes{instance="$node",job="$job"} + node_memory_SReclaimable_bytes{instance="$node",job="$job"}',
    'node_memory_MemFree_bytes{instance="$node",job="$job"}',
    'node_memory_MemTotal_bytes{instance="$node",job="$job"} - node_memory_MemFree_bytes{instance="$node",job="$job"} - (node_memory_Cached_bytes{instance="$node",job="$job"} + node_memory_Buffers_bytes{instance="$node",job="$job"} + node_memory_SReclaimable_bytes{instance="$node",job="$job"})',
    'rate(node_network_receive_bytes_total{instance="$node",job="$job"}[5m])*8',
    'rate(node_network_transmit_bytes_total{instance="$node",job="$job"}[5m])*8',
    '100 - ((node_filesystem_avail_bytes{instance="$node",job="$job",device!~\'rootfs\'} * 100) / node_filesystem_size_bytes{instance="$node",job="$job",device!~\'rootfs\'})',
]
# The panel "Tensor Core Utilization" has its own: DCGM_FI_PROF_PIPE_TENSOR_ACTIVE, which DCGM alone can tell.
DCGM = [
    'DCGM_FI_DEV_GPU_TEMP{instance=~"$instance", gpu=~"$gpu"}',
    'avg(DCGM_FI_DEV_GPU_TEMP{instance=~"$instance", gpu=~"$gpu"})',
    'DCGM_FI_DEV_POWER_USAGE{instance=~"$instance", gpu=~"$gpu"}',
    'sum(DCGM_FI_DEV_POWER_USAGE{instance=~"$instance", gpu=~"$gpu"})',
    'DCGM_FI_DEV_SM_CLOCK{instance=~"$instance", gpu=~"$gpu"} * 1000000',
    'DCGM_FI_DEV_GPU_UTIL{instance=~"$instance", gpu=~"$gpu"}',
    'DCGM_FI_DEV_FB_USED{instance=~"$instance", gpu=~"$gpu"}',
    # Of no panel, but asked for by rules.
    'DCGM_FI_DEV_FB_USED{instance=~"$instance"} / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)',
    'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{instance=~"$instance"} > 0',
]
JETSON = ["jetson_uptime", "jetson_info_board_info", "jetson_info_hardware_info", "jetson_usage_gpu",
          "jetson_nvpmode_info", "jetson_usage_cpu", "jetson_usage_fan", "jetson_usage_ram", "jetson_usage_swap", "jetson_usage_disk", "jetson_usage_power",
          "jetson_temperatures"]
JETSON_GPU = ["gpu_info_board_info", "gpu_info_hardware_info", "gpu_usage_gpu", "gpu_nvpmode_info", "gpu_uptime",
              "gpu_usage_cpu", "gpu_usage_fan", "gpu_temperatures", "gpu_usage_power", "gpu_processes_info"]


class KubeStateMetrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = "".join(
            f'kube_pod_info{{namespace="godwit",pod="{pod}",node="{node}",host_ip="10.0.0.7",role="edge"}} 1\n'
            for node, pod in ((NODE, POD), ("other", "other-pod"))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class KubeSpherePrometheus(Prometheus):
    """As KubeSphere runs it: its rules, and kube-state-metrics."""

    def __init__(self, folder):
        super().__init__(folder)
        self.pods = http.server.ThreadingHTTPServer(("127.0.0.1", 0), KubeStateMetrics)
        threading.Thread(target=self.pods.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{self.pods.server_address[1]}"
        with open(pathlib.Path(folder) / "prometheus.yml", "a", encoding="utf-8") as config:
            config.write(f"""rule_files: [{RULES}]
scrape_configs:
  - {{job_name: kube-state-metrics, honor_labels: true, scrape_interval: 1s, scrape_timeout: 1s,
     static_configs: [{{targets: ["{target}"]}}]}}
""")

    def stop(self, *arguments):
        self.pods.shutdown()
        self.pods.server_close()
        return super().stop(*arguments)

    def query(self, expression):
        query = urllib.parse.urlencode({"query": expression})
        return json.loads(http_get(f"http://127.0.0.1:{self.port}/api/v1/query?{query}"))["data"]["result"]


class NamingTest(unittest.TestCase):
    def answered(self, expression):
        result = eventually(lambda: self.p.database.query(expression), 60, expression)
        self.assertTrue(result, expression)
        return result

    def start(self):
        self.p = Pipeline(KubeSpherePrometheus)
        self.p.__enter__()
        self.addCleanup(lambda: self.p.__exit__(*((None,) * 3)))
        self.p.relay(extra="naming: [canonical, node, jetson_gpu, jetson, dcgm, npu_exporter]\n")
        root = self.p.folder / "host"
        shutil.copytree(SOURCE / "test/fixtures/host", root, symlinks=True)
        (root / "run").mkdir(exist_ok=True)
        service = self.p.add(Process(self.p.folder, "jtop", [
            sys.executable, SOURCE / "test/peers/jtop_sim.py", "--socket", root / "run/jtop.sock"]))
        service.start()
        eventually((root / "run/jtop.sock").exists, what="the jtop service's socket")
        # The fixture's counters stand still: what is counted is series, not seconds.
        self.p.agent(NODE, interval="500ms", extra=f"root: {root}\n",
                     collectors="  jtop: {socket: /run/jtop.sock}\n",
                     env={"POD_NAME": POD, "POD_NAMESPACE": "godwit"})
        npu = self.p.npu_smi("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt")
        gpus = self.p.nvidia_smi("two-gpus-one-hot.csv")
        self.gpus = self.p.agent("gpu-1", interval="500ms",
                                 collectors=f"  nvidia_smi: {{command: {gpus}, interval: 1s}}\n")
        self.ascend = self.p.agent("ascend-1", interval="500ms", collectors=f"  npu_smi: {{command: {npu}, interval: 1s}}\n")

    def test_other_exporters_readers(self):
        self.start()
        self.check_npu()
        self.ascend.stop()
        self.check_dcgm("gpu-1", ("0", "1"))
        self.gpus.stop()
        self.check_kubesphere()
        for expression in NODE_EXPORTER_FULL:
            self.answered(expression.replace("$node", NODE).replace("$job", "node-exporter"))
        variables = self.answered("node_uname_info")
        self.assertEqual({v["metric"]["job"] for v in variables}, {"node-exporter"})
        self.check_jetson()
        self.check_dcgm(NODE, ("0",))
        self.assertEqual(self.p.database.query("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"), [])
        self.check_without_relay()
        # A moment of up may have come before all that the node has was known.
        eventually(lambda: {u["metric"]["job"] for u in self.p.database.query(f'up{{instance="{NODE}"}} == 1')} ==
                   {"godwit", "node-exporter", "jetson-exporter", "dcgm-exporter"}, 60, "up of every set that the node has")
        self.answered('up{instance="ascend-1",job="npu-exporter"} == 0')

    def check_kubesphere(self):
        for record in re.findall(r"record: (node:\S+)", RULES.read_text()):
            metric = self.answered(f'{record}{{node="{NODE}"}}')[0]["metric"]
            self.assertEqual((metric["host_ip"], metric["role"]), ("10.0.0.7", "edge"), record)

    def check_jetson(self):
        for name in JETSON_GPU:
            for series in self.answered(name):
                metric = series["metric"]
                self.assertEqual((metric["instance"], metric["job"], metric["pod"]), (NODE, "jetson-exporter", POD))
        self.assertEqual(len(self.answered("gpu_info_board_info")), 1)
        for name in JETSON:
            for series in self.answered(name):
                # The dashboard makes a column of each label.
                metric = {k for k in series["metric"] if k not in ("__name__", "instance", "job")}
                self.assertEqual(len(metric) == 1 or name.endswith("_info"), True, series)

    def check_dcgm(self, node, gpus):
        for gpu in (*gpus, ".*"):
            for expression in DCGM:
                self.answered(expression.replace("$instance", node).replace("$gpu", gpu))
        series = self.answered(f'DCGM_FI_DEV_GPU_TEMP{{instance="{node}"}}')
        self.assertEqual({s["metric"]["gpu"] for s in series}, set(gpus))
        for metric in (s["metric"] for s in series):
            self.assertEqual((metric["job"], metric["Hostname"]), ("dcgm-exporter", node))
            self.assertTrue(metric["UUID"] and metric["device"] and metric["modelName"], metric)

    def check_without_relay(self):
        """The agent in the place of the exporter that a ServiceMonitor scrapes: same names as the relay's."""
        port = free_port()
        config = self.p.folder / "local.yaml"
        config.write_text(f"node: {{name: {NODE}}}\nmqtt: {{url: ''}}\nbuffer: {{path: ''}}\n"
                          f"root: {self.p.folder / 'host'}\ncollectors: {{jtop: {{socket: /run/jtop.sock}}}}\n")
        agent = self.p.add(Process(self.p.folder, "local", [
            BIN / "godwit-agent", "run", "--config", config, "--listen", f"127.0.0.1:{port}",
            "--naming", "jetson_gpu"]))
        agent.start()

        def names():
            page = http_get(f"http://127.0.0.1:{port}/metrics")
            page = page.decode() if isinstance(page, bytes) else page
            return {line.split("{")[0] for line in page.splitlines() if not line.startswith("#")}
        eventually(lambda: names() == set(JETSON_GPU), what="the names of jetson_gpu and no others")
        self.assertEqual(agent.stop(), 0)

    def check_npu(self):
        chips = self.answered("npu_chip_info_hbm_used_memory")
        self.assertEqual({int(c["metric"]["id"]) for c in chips}, set(range(8)))
        self.assertEqual(self.answered("machine_npu_nums")[0]["value"][1], "8")
        self.assertEqual({c["value"][1] for c in self.answered("npu_chip_info_health_status")}, {"1"})


if __name__ == "__main__":
    unittest.main()
