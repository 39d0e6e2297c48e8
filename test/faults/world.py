"""The whole main job, twice: agents, a broker, two relays that share its frames and a database, once with
Prometheus and once with VictoriaMetrics. Parts can be killed, frozen and started again at any moment."""
import pathlib
import shutil
import signal
import subprocess
import tempfile

import network
from database_proxy import DatabaseProxy
from parts import AgentPart, ClockScript, Part, wall_minus_boot_ms
from pipeline import BIN, Pipeline, Prometheus, VictoriaMetrics, eventually, http_get
from power_cut import Disk

QUIET = ("memory", "disk", "filesystem", "network", "pressure", "thermal", "hwmon", "uname", "boottime", "jtop",
         "npu_smi", "tegra")
DISK_BYTES = 12 << 20
AGENTS_OF = {"prometheus": ("p1", "p2"), "victoria": ("v1", "v2")}
# Prometheus as cloud/RELAY.md says that it should be set.
DATABASES = {"prometheus": lambda folder: Prometheus(folder, out_of_order="1d"), "victoria": VictoriaMetrics}


class Cell:
    def __init__(self, world, name):
        self.world, self.name = world, name
        host = "0.0.0.0" if world.namespaces else "127.0.0.1"
        self.pipeline = p = Pipeline(DATABASES[name], host=host, folder=world.folder / name)
        self.answers = DatabaseProxy(host, p.database.port)
        self.broker = Part("broker", f"{name}-broker", p.broker)
        self.database = Part("database", name, p.database.process, p.database.ready)
        self.relays, self.agents, self.links = [], [], {}

    def start(self):
        self.pipeline.start_broker()
        self.pipeline.database.start()
        for i in (1, 2):
            self.relays.append(self._relay(f"{self.name}-relay-{i}"))
        for agent in AGENTS_OF[self.name][:self.world.agents_per_cell]:
            self.agents.append(self._agent(agent))

    def parts(self):
        return [self.broker, self.database, *self.relays, *self.agents]

    def _relay(self, name):
        link = self.links[name] = self.world.network.link(self.pipeline.broker_port)
        host = network.WORLD if self.world.namespaces else "127.0.0.1"
        process = self.pipeline.relay(
            name, host=link.address, prefix=link.prefix,
            mqtt=f"mqtt:\n  url: mqtt://{link.broker_address(self.pipeline.broker_port)}\n  keepalive: 5s\n",
            remote_write=f"remote_write:\n  url: http://{host}:{self.answers.port}/api/v1/write\n"
                         "  timeout: 4s\n  retry_for: 3s\n",
            extra=f"name: {name}\n")
        return Part("relay", name, process, lambda: http_get(process.http + "/healthz"))

    def _agent(self, name):
        link = self.links[name] = self.world.network.link(self.pipeline.broker_port)
        settings = self.world.agent_settings[name]
        disk, shadow = (self.pipeline.folder / f"{name}.{what}" for what in ("disk", "shadow"))
        disk.mkdir()
        if self.world.namespaces:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk], check=True)
        disk = Disk(disk, shadow)
        disk.begin()
        clock = ClockScript(self.pipeline.folder / f"{name}.clock")
        buffer = "".join(f"  {key}: {value}\n" for key, value in settings["buffer"].items())
        shim = [f"{key}={value}" for key, value in disk.environment(BIN / "libdisk_shim.so").items()]
        process = self.pipeline.agent(
            name, interval=settings["interval"], flush=settings["flush"], host=link.address,
            prefix=[*link.prefix, "env", *shim],
            mqtt=f"mqtt:\n  url: mqtt://{link.broker_address(self.pipeline.broker_port)}\n  keepalive: 5s\n",
            buffer=f"buffer:\n  path: {disk.folder / 'buffer.db'}\n{buffer}",
            extra=f"clock_file: {clock.path}\n",
            collectors="".join(f"  {quiet}: {{enabled: false}}\n" for quiet in QUIET))
        return AgentPart(self, process, link, disk, clock, settings)

    def close(self):
        for part in reversed(self.parts()):
            part.process.send(signal.SIGCONT)
            part.process.stop(signal.SIGKILL)
        self.answers.close()


class World:
    """`agent_settings`: {name: {interval, flush, buffer: {key: value}}}."""

    def __init__(self, seed, agent_settings, agents_per_cell=2, cells=("prometheus", "victoria"),
                 namespaces=None):
        self.namespaces = network.can_make_namespaces() if namespaces is None else namespaces
        self.agent_settings, self.agents_per_cell = agent_settings, agents_per_cell
        self.begin_offset_ms = wall_minus_boot_ms()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-faults-"))
        if self.namespaces:
            network.enter_own_namespaces()
        self.network = network.PacketNetwork(seed) if self.namespaces else network.ProxyNetwork()
        self.cells = []
        try:
            for name in cells:
                (self.folder / name).mkdir()
                self.cells.append(Cell(self, name))
                self.cells[-1].start()
        except BaseException:
            self.close(keep=True)
            raise
        self.agents = {agent.name: agent for cell in self.cells for agent in cell.agents}
        self.parts = {part.name: part for cell in self.cells for part in cell.parts()}
        self.links = {name: link for cell in self.cells for name, link in cell.links.items()}
        self.by_name = {cell.name: cell for cell in self.cells}

    def start_all(self, limit=60):
        """After faults have ended: whatever is not running runs again."""
        for part in self.parts.values():
            part.process.send(signal.SIGCONT)
            if not part.process.alive():
                part.start()
        for part in self.parts.values():
            if part.ready:
                eventually(part.ready, limit, f"{part.name} is ready")

    def close(self, keep=False):
        for cell in self.cells:
            cell.close()
        if self.namespaces:
            for disk in self.folder.glob("*/*.disk"):
                subprocess.run(["umount", "-l", disk], check=False, capture_output=True)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
