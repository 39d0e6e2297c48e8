"""Name set jetson_gpu against a Python exporter on the same jtop data: nothing that the exporter has is
missing, and values differ only where transport/naming/jetson_gpu.cc says. What ours gives is the golden
file, which naming_golden_test compares with the product."""
import pathlib
import unittest

from prometheus_client.parser import text_string_to_metric_families

from jtop_exporter import expose

TEST = pathlib.Path(__file__).parent.parent
# Changed with every reading, and so made a new series each time.
CHANGING = {"cpu", "memory", "gpu_memory", "priority", "state"}


def samples(text):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value
            for family in text_string_to_metric_families(text) for s in family.samples}


def agx_orin(hardware, data):
    """As naming_golden_test makes its AGX Orin of the Orin NX: the board whose rails the exporter knows."""
    hardware.update({"Module": "NVIDIA Jetson AGX Orin (64GB ram)", "P-Number": "p3701-0005",
                     "699-level Part Number": "699-13701-0005-500 M.0"})
    data["temperature"].update({"Tboard": {"temp": 38.0}, "Tdiode": {"temp": 39.5}})
    data["power"]["rail"] = {"VDD_GPU_SOC": {"avg": 5568}, "VDD_CPU_CV": {"avg": 1193}, "VIN_SYS_5V0": {"avg": 4235}}


class JetsonGpuTest(unittest.TestCase):
    def compare(self, board, transcript, change=None):
        theirs = samples(expose(TEST / "fixtures/jtop" / transcript / "payload", 1, change))
        ours = samples((TEST / f"golden/naming/jetson_gpu/{board}.prom").read_text())
        self.assertGreater(len(theirs), 20)
        for (name, labels), value in theirs.items():
            with self.subTest(name=name, labels=labels):
                self.check(ours, name, dict(labels), value, change)
        # Ours has no metric and no label that the exporter does not know.
        self.assertLessEqual({(n, k) for n, labels in ours for k, _ in labels},
                             {(n, k) for n, labels in theirs for k, _ in labels} |
                             {("gpu_temperatures", "temperature")})

    def check(self, ours, name, labels, value, steady_power):
        if name == "gpu_processes_info":
            labels = {key: text for key, text in labels.items() if key not in CHANGING}
        if name == "gpu_info_hardware_info":
            labels["serial_number"] = "unknown"  # never published
        key = (name, tuple(sorted(labels.items())))
        if name == "gpu_usage_power" and value == 0:
            # No such rail: no sample; or the one that the exporter does not know.
            self.assertGreater(ours.get(key, 1), 0)
            return
        self.assertIn(key, ours)
        # The host's clock; avg is of two readings.
        if name != "gpu_uptime" and (steady_power or name != "gpu_usage_power"):
            self.assertAlmostEqual(ours[key], value, places=3)

    def test_xavier_nx(self):
        self.compare("xavier-nx", "xavier-nx_4.2.7_py38_full")

    def test_orin_nx(self):
        self.compare("orin-nx", "orin-nx_4.3.1_py310_full")

    def test_agx_orin(self):
        self.compare("agx-orin", "orin-nx_4.3.1_py310_full", agx_orin)
        rails = samples((TEST / "golden/naming/jetson_gpu/agx-orin.prom").read_text())
        self.assertEqual(rails["gpu_usage_power", (("power", "gpu"),)], 5568)  # mW


if __name__ == "__main__":
    unittest.main()
