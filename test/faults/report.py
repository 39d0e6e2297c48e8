"""The table at the end of a run, for people and as JSON."""
import collections

from verdict import Verdict

FEWEST_OF_FULL_RUN = {"faults": 1000, "kill": 100, "power-cut": 50}


class Outcome:
    def __init__(self, options, run, verdicts, notes, seconds):
        self.options, self.run, self.verdicts, self.notes, self.seconds = options, run, verdicts, notes, seconds
        self.total = Verdict()
        for verdict in verdicts.values():
            self.total.add(verdict)
        self.by_kind = collections.Counter((fault.kind, self._role(fault)) for fault in run.happened)
        self.crashes = run.faults.crashes

    def _role(self, fault):
        part = self.run.world.parts.get(fault.target)
        return part.role if part else fault.target.rsplit("-", 1)[-1]

    def shortfalls(self):
        """What makes the run prove less than it should."""
        short = []
        if not self.total.stored:
            short.append("nothing was stored")
        for name, verdict in self.verdicts.items():
            if not verdict.stored:
                short.append(f"nothing of {name} was stored")
        if len(self.run.happened) < len(self.run.schedule) and not self.run.interrupted:
            short.append(f"only {len(self.run.happened)} of {len(self.run.schedule)} faults happened")
        if not self.run.happened:
            short.append("no fault happened")
        return short

    def good(self):
        return self.total.good() and not self.crashes and not self.shortfalls()

    def command(self):
        return f"scripts/faults --seed {self.options.seed} --minutes {self.options.minutes:g}"

    def rows(self):
        yield "faults", len(self.run.happened)
        for (kind, role), count in sorted(self.by_kind.items()):
            yield f"  {kind.replace('-', ' ')}, {role}", count
        yield "samples made", self.total.made
        yield "samples stored", self.total.stored
        yield "lost by declared reason", sum(self.total.lost_by_reason.values())
        for reason, count in sorted(self.total.lost_by_reason.items()):
            yield f"  {reason}", count
        for name, title in Verdict.MUST_BE_0.items():
            yield f"{title} (must be 0)", self.total.faulty[name]
        yield "parts that ended by themselves (must be 0)", len(self.crashes)
        yield "largest error of a time, ms", round(self.total.worst_time_ms)

    def text(self):
        lines = ["", f"{self.command()}: {self.seconds:.0f} s, links by "
                     + ("packet relay in network namespaces" if self.run.world.namespaces else
                        "TCP proxies (not root: no lost packets, no full disks)"), ""]
        lines += [f"| {'what':<48} | {'count':>12} |", f"|{'-' * 50}|{'-' * 13}:|"]
        lines += [f"| {title:<48} | {count:>12,} |" for title, count in self.rows()]
        lines += [""] + [text for _, text in self.total.examples] + self.crashes + self.shortfalls() + self.notes
        if not self.good():
            lines += [f"FAILED; the same faults again: {self.command()}"]
        return "\n".join(lines)

    def as_json(self):
        return {"command": self.command(), "seconds": round(self.seconds, 1), "good": self.good(),
                "faults": {f"{kind} {role}": count for (kind, role), count in self.by_kind.items()},
                "made": self.total.made, "stored": self.total.stored,
                "lost_by_reason": dict(self.total.lost_by_reason), "must_be_0": dict(self.total.faulty),
                "crashes": self.crashes, "shortfalls": self.shortfalls(), "notes": self.notes,
                "examples": [text for _, text in self.total.examples]}
