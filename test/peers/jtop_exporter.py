#!/usr/bin/python3
"""A Prometheus exporter for jtop with the gpu_* names, as the Python ones that Godwit's name set
jetson_gpu stands in for work: what it makes of one reading of the jtop service.

  jtop_exporter.py FOLDER NUMBER   FOLDER holds init.json and copy-NUMBER.json of a jtop session"""
import json
import pathlib
import sys

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

SENSORS = ("AO", "GPU", "Tdiode", "AUX", "CPU", "thermal", "Tboard")
RAILS = {"cv": ("VDD_CPU_CV", "CV"), "gpu": ("VDD_GPU_SOC", "GPU"), "sys5v": ("VIN_SYS_5V0", "SYS5V")}
PROCESS = ("pid", "user", "gpu", "type", "priority", "state", "cpu", "memory", "gpu_memory", "name")


def info(family, /, **labels):
    return InfoMetricFamily(family, "", value={key: str(value) for key, value in labels.items()})


def gauge(name, label, values):
    family = GaugeMetricFamily(name, "", labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


class JtopCollector:
    def __init__(self, board, data):
        self.board, self.data = board, data

    def collect(self):
        yield from self.identity()
        yield from self.usage()
        for process in self.data.get("processes", []):
            if process:
                yield info("gpu_processes", process="info", **dict(zip(PROCESS, process)))

    def identity(self):
        hardware = self.board["hardware"]
        def known(key):
            return hardware.get(key) or "unknown"
        yield info("gpu_info_board", board_info="info", machine=known("Module"), jetpack=known("Jetpack"),
                   l4t=known("L4T"))
        yield info("gpu_info_hardware", board_hw="hardware", codename=known("Codename"), soc=known("SoC"),
                   module=known("P-Number"), board=known("699-level Part Number"),
                   cuda_arch_bin=known("CUDA Arch BIN"), serial_number=known("Serial Number"))
        yield info("gpu_nvpmode", nvpmode="mode", mode=self.data["nvp"]["model"]["name"])
        minutes = int(self.data["uptime"]) // 60
        yield gauge("gpu_uptime", "uptime", {"days": minutes // 1440, "hours": minutes // 60 % 24,
                                             "minutes": minutes % 60})

    def usage(self):
        cores = self.data["cpu"]["cpu"]
        busy = [100 - int(core["idle"]) if core.get("online") else 0 for core in cores]
        busy = (busy + [0] * 8)[:8]
        yield gauge("gpu_usage_cpu", "cpu", {f"cpu_{i + 1}": value for i, value in enumerate(busy)})
        gpu = next(iter(self.data["gpu"].values()))
        yield gauge("gpu_usage_gpu", "gpu", {"val": gpu["status"]["load"]})
        fan = next(iter(self.data["fan"].values()))
        yield gauge("gpu_usage_fan", "fan", {"speed": fan["speed"][0]})
        sensors = self.data["temperature"]
        yield gauge("gpu_temperatures", "temperature",
                    {name.lower(): sensors[name]["temp"] for name in SENSORS if name in sensors})
        rails = self.data["power"]["rail"]
        yield gauge("gpu_usage_power", "power",
                    {key: next((rails[name]["avg"] for name in names if name in rails), 0)
                     for key, names in RAILS.items()})


def expose(folder, number, change=None):
    """`change(hardware, data)` makes another board of the one that was recorded."""
    def load(name):
        return json.loads((pathlib.Path(folder) / name).read_text())[1]
    board, data = load("init.json")["init"]["board"], load(f"copy-{number}.json")
    if change:
        change(board["hardware"], data)
    registry = CollectorRegistry()
    registry.register(JtopCollector(board, data))
    return generate_latest(registry).decode()


if __name__ == "__main__":
    sys.stdout.write(expose(sys.argv[1], sys.argv[2]))
