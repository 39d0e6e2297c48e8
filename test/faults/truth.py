"""What an agent read, by its truth log, with the harness's own idea of when that was."""
import bisect
import dataclasses
import json
import sys


@dataclasses.dataclass
class Tick:
    values: dict  # series -> value
    true_ms: int  # by the harness's clock, not by the agent's
    stream: str
    seq: int
    late: bool  # read after the end of the comparison: may be stored or not
    times: list = dataclasses.field(default_factory=list)  # where the database has it


class Truth:
    """`lives`: [(offset in the file, milliseconds to add to the agent's boot time)] of each process that
    wrote to it. `end`: offset up to which everything must have arrived."""

    def __init__(self, path, lives, end):
        self.ticks, self.declared_times, self.losses = [], set(), {}
        self.unreadable = 0
        starts = [offset for offset, _ in lives]
        data = path.read_bytes() if path.exists() else b""
        offset = 0
        for line in data.splitlines(keepends=True):
            bases = lives[bisect.bisect_right(starts, offset) - 1][1]
            self._take(line, bases, offset >= end)
            offset += len(line)

    def _take(self, line, base_ms, late):
        try:
            entry = json.loads(line)
        except ValueError:
            # A killed process may have left the beginning of a line. The rest is the next one's.
            begin = max(line.rfind(begin) for begin in (b'{"seq"', b'{"sent"', b'{"lost"'))
            self.unreadable += 1
            return self._take(line[begin:], base_ms, late) if begin > 0 else None
        if "v" in entry:
            values = {sys.intern(series): float(value) for series, value in entry["v"].items()}
            self.ticks.append(Tick(values, round(entry["boot_ms"] + base_ms), entry["stream"], entry["seq"], late))
        elif "sent" in entry:
            self.declared_times.update(entry["t"])
        elif "lost" in entry:
            self.losses.setdefault(entry["stream"], []).extend(
                (first, last, entry["lost"]) for first, last in entry["seqs"])
        return None

    def declared_loss(self, tick):
        """The reason for which the agent gave this tick up, or None."""
        for first, last, reason in self.losses.get(tick.stream, ()):
            if first <= tick.seq <= last:
                return reason
        return None

    def newest_ms(self):
        return max((tick.true_ms for tick in self.ticks), default=0)
