"""The whole main job, twice: agents, a broker, two relays that share its frames and a database, once with
Prometheus and once with VictoriaMetrics. Parts can be killed, frozen and started again at any moment."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import network
from database_proxy import DatabaseProxy
from pipeline import Pipeline, Prometheus, VictoriaMetrics, eventually, http_get

QUIET = ("memory", "disk", "filesystem", "network", "pressure", "thermal", "hwmon", "uname", "boottime", "jtop",
         "npu_smi", "tegra")
DISK_BYTES = 12 << 20
AGENTS_OF = {"prometheus": ("p1", "p2"), "victoria": ("v1", "v2")}
# Prometheus as README.md says that it should be set.
DATABASES = {"prometheus": lambda folder: Prometheus(folder, out_of_order="1d"), "victoria": VictoriaMetrics}


def wall_minus_boot_ms():
    """Of this machine, which no fault touches."""
    wall, boot = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return (wall - boot) / 1e6


class Part:
    """One process. `wanted`: it should be running; when it is not, it has crashed."""

    def __init__(self, role, name, process, ready=None):
        self.role, self.name, self.process = role, name, process
        self.ready, self.wanted = ready, True

    def before_start(self):
        pass

    def start(self):
        if not self.process.alive():
            self.before_start()
            self.process.start()
        self.wanted = True

    def kill(self):
        self.wanted = False
        self.process.stop(signal.SIGKILL)

    def crashed(self):
        return self.wanted and not self.process.alive()


class AgentPart(Part):
    def __init__(self, cell, process, link, disk, settings):
        super().__init__("agent", process.name, process)
        self.cell, self.link, self.disk, self.settings = cell, link, disk, settings
        self.truth = cell.pipeline.folder / f"{process.name}.truth"
        # See truth.Truth.
        self.lives, self.kills = [(0, wall_minus_boot_ms())], []

    def truth_size(self):
        return self.truth.stat().st_size if self.truth.exists() else 0

    def before_start(self):
        self.lives.append((self.truth_size(), wall_minus_boot_ms()))

    def kill(self):
        super().kill()
        self.kills.append(time.time() * 1000)

    def state(self):
        """What it says of itself, or {}."""
        try:
            return json.loads(http_get(self.process.http + "/debug", 5))
        except (OSError, ValueError):
            return {}

    def fill_disk(self):
        with open(self.disk / "ballast", "ab", buffering=0) as out:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    pass

    def free_disk(self):
        (self.disk / "ballast").unlink(missing_ok=True)


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
        disk = self.pipeline.folder / f"{name}.disk"
        disk.mkdir()
        if self.world.namespaces:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", disk], check=True)
        buffer = "".join(f"  {key}: {value}\n" for key, value in settings["buffer"].items())
        process = self.pipeline.agent(
            name, interval=settings["interval"], flush=settings["flush"], host=link.address, prefix=link.prefix,
            mqtt=f"mqtt:\n  url: mqtt://{link.broker_address(self.pipeline.broker_port)}\n  keepalive: 5s\n",
            buffer=f"buffer:\n  path: {disk / 'buffer.db'}\n{buffer}",
            collectors="".join(f"  {quiet}: {{enabled: false}}\n" for quiet in QUIET))
        return AgentPart(self, process, link, disk, settings)

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
