"""Which fault happens when, to whom, for how long: all of it drawn from the seed before the run begins, so
that the same seed (with the same minutes and the same abilities of the machine) is the same run."""
import dataclasses
import math
import random

# Per hour. A short run has its share of each, at least one.
PER_HOUR = {
    "kill": {"agent": 140, "relay": 140, "broker": 140, "database": 130},
    "restart": {"agent": 50, "relay": 50, "broker": 50, "database": 50},
    "freeze": {"agent": 50, "relay": 50, "broker": 50, "database": 50},
    "answer-429": {"answers": 50},
    "answer-500": {"answers": 50},
    "answer-400": {"answers": 50},
    "answer-lost": {"answers": 70},
    "link-cut": {"agent-link": 50, "relay-link": 40},
    "link-slow": {"agent-link": 30, "relay-link": 20},
    "link-lossy": {"agent-link": 40, "relay-link": 30},
    "link-half-open": {"agent-link": 40, "relay-link": 30},
    "disk-full": {"disk": 50},
    "clock-step": {"clock": 50},
    "clock-unsynchronised": {"clock": 30},
    "reboot": {"clock": 40},
    "power-cut": {"clock": 80},
}
# Seconds from the fault to its end: shortest, longest.
LASTS = {
    "kill": (0.2, 4.0),
    "restart": (0.2, 2.0),
    "freeze": (0.5, 8.0),
    "answer-429": (1.0, 5.0),
    "answer-500": (1.0, 6.0),
    "answer-400": (2.0, 3.0),
    "answer-lost": (0.5, 4.0),
    "link-cut": (0.5, 10.0),
    "link-slow": (3.0, 12.0),
    "link-lossy": (3.0, 12.0),
    "link-half-open": (2.0, 15.0),
    "disk-full": (3.0, 15.0),
    "clock-step": (2.0, 10.0),
    "clock-unsynchronised": (3.0, 15.0),
    "reboot": (0.5, 4.0),
    "power-cut": (0.3, 4.0),
}
# Every part must get some time to itself, or nothing would ever arrive.
REST = 1.5


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float  # seconds since the start of the run
    kind: str
    target: str
    lasts: float
    dice: int  # for whatever else the fault has to choose

    def __str__(self):
        return f"{self.at:8.2f} {self.kind} {self.target} for {self.lasts:.2f} s"


def make(seed, seconds, targets, only=None):
    """targets: {role: {name: kinds it cannot have}}; roles without targets get no faults. `only`: these kinds,
    ten times as often."""
    dice = random.Random(seed)
    deck = []
    for kind, roles in PER_HOUR.items():
        if only and kind not in only:
            continue
        for role, count in roles.items():
            able = [name for name, without in targets.get(role, {}).items() if kind not in without]
            if able:
                times = max(1, math.ceil(count * (10 if only else 1) * seconds / 3600))
                # In turn, from a random first one: with few faults no part is left out.
                first = dice.randrange(len(able))
                deck += [(kind, able[(first + i) % len(able)]) for i in range(times)]
    dice.shuffle(deck)
    faults, busy = [], {}
    for i, (kind, target) in enumerate(deck):
        at = (i + dice.random()) * seconds / len(deck)
        low, high = LASTS[kind]
        # Mostly short ones, a few long ones.
        lasts = low + (high - low) * dice.random() ** 2
        at = max(at, busy.get(target, 0.0))
        if at + lasts > seconds:
            at, lasts = max(busy.get(target, 0.0), seconds - lasts), min(lasts, low)
        busy[target] = at + lasts + REST * (0.5 + dice.random())
        faults.append(Fault(round(at, 3), kind, target, round(lasts, 3), dice.randrange(1 << 30)))
    return sorted(faults, key=lambda fault: (fault.at, fault.target))
