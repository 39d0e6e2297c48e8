"""The processes that faults happen to."""
import json
import signal
import time

from pipeline import http_get


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


class ClockScript:
    """What time one agent believes it is (edge/clock_file.h), and what the harness knows to be true."""

    def __init__(self, path):
        self.path, self.boots = path, 0
        self.boot_id, self.boot_offset_ms = "", 0
        self.tell()

    def tell(self, wall="wall_offset_ms 0", synchronised=False):
        lines = [f"boot_offset_ms {self.boot_offset_ms}", wall, f"synchronised {'yes' if synchronised else 'no'}"]
        if self.boot_id:
            lines.append(f"boot_id {self.boot_id}")
        new = self.path.with_name(self.path.name + ".new")
        new.write_text("\n".join(lines) + "\n")
        new.rename(self.path)

    def reboot(self):
        """While the agent does not run. Its boot time begins at 0 again."""
        self.boots += 1
        self.boot_id = f"boot-{self.boots}"
        self.boot_offset_ms = -(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)

    def base_ms(self):
        """What makes true wall time of the agent's boot time."""
        return wall_minus_boot_ms() - self.boot_offset_ms


class AgentPart(Part):
    def __init__(self, cell, process, link, disk, clock, settings):
        super().__init__("agent", process.name, process)
        self.cell, self.link, self.disk, self.clock, self.settings = cell, link, disk, clock, settings
        self.truth = cell.pipeline.folder / f"{process.name}.truth"
        self.lives = [(0, clock.base_ms())]  # see truth.Truth
        self.kills, self.cuts = [], []  # when, by this machine's clock
        self.filled = False

    def truth_size(self):
        return self.truth.stat().st_size if self.truth.exists() else 0

    def before_start(self):
        self.lives.append((self.truth_size(), self.clock.base_ms()))

    def kill(self):
        super().kill()
        self.kills.append(time.time() * 1000)

    def cut_power(self, seed):
        """Kills it, and its disk forgets what was not synced."""
        self.kill()
        self.cuts.append(self.kills[-1])
        filled = self.filled
        self.free_disk()
        self.disk.cut(seed)
        if filled:
            self.fill_disk()
        self.clock.reboot()

    def state(self):
        """What it says of itself, or {}."""
        try:
            return json.loads(http_get(self.process.http + "/debug", 5))
        except (OSError, ValueError):
            return {}

    def fill_disk(self):
        self.filled = True
        with open(self.disk.folder / "ballast", "ab", buffering=0) as out:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    pass

    def free_disk(self):
        self.filled = False
        (self.disk.folder / "ballast").unlink(missing_ok=True)
