"""scripts/faults: the whole main job under a seeded storm of faults, and then the question whether every
reading that was taken is in the database."""
import argparse
import heapq
import json
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "shim")]

import report  # noqa: E402
import schedule  # noqa: E402
from faults import Faults  # noqa: E402
from judge import Judge  # noqa: E402
from saboteur import SABOTEURS  # noqa: E402
from world import World  # noqa: E402

# power_cut_loses: seconds before a power cut that may be missing, as edge/BUFFER.md promises.
AGENTS = {
    "p1": {"interval": "200ms", "flush": "1s", "power_cut_loses": 2, "buffer": {"sync_interval": "2s"}},
    "p2": {"interval": "500ms", "flush": "2s", "power_cut_loses": 2, "buffer": {"sync_interval": "0s"}},
    "v1": {"interval": "400ms", "flush": "1s", "power_cut_loses": 2, "buffer": {"sync_interval": "2s"}},
    "v2": {"interval": "1s", "flush": "5s", "power_cut_loses": 10, "buffer": {}},
}


class Interrupted(Exception):
    pass


def interrupt(*_):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise Interrupted


class Run:
    def __init__(self, options, world):
        self.options, self.world = options, world
        self.faults = SABOTEURS.get(options.sabotage, Faults)(world)
        self.schedule = schedule.make(options.seed, options.minutes * 60, self.faults.targets(), options.only)
        self.happened, self.interrupted = [], False
        self.events = [(fault.at, i, fault) for i, fault in enumerate(self.schedule)]
        self.running, self.count, self.shown = set(), len(self.events), 0.0
        self.log = open(world.folder / "faults.log", "w", buffering=1)

    def storm(self):
        """Everything in the schedule, until its end or Ctrl-C."""
        start = time.monotonic()
        try:
            while self.events:
                now = time.monotonic() - start
                if self.events[0][0] > now:
                    self.faults.find_crashes()
                    self._show(now)
                    time.sleep(min(0.1, self.events[0][0] - now))
                    continue
                self._step(heapq.heappop(self.events)[2], now)
        except Interrupted:
            self.interrupted = True
            print("\nstopping; Ctrl-C again leaves without a table", file=sys.stderr)
        for fault in list(self.running):
            while not self.faults.end(fault):
                time.sleep(0.1)
        return time.monotonic() - start

    def _step(self, fault, now):
        if fault in self.running:
            if self.faults.end(fault):
                self.running.discard(fault)
                self.log.write(f"{now:8.2f} end of {fault}\n")
            else:
                self._later(now + 0.2, fault)
            return
        self.log.write(f"{now:8.2f} {fault}\n")
        self.faults.begin(fault)
        self.running.add(fault)
        self.happened.append(fault)
        self._later(now + fault.lasts, fault)

    def _later(self, at, fault):
        self.count += 1
        heapq.heappush(self.events, (at, self.count, fault))

    def _show(self, now):
        every = 1 if sys.stderr.isatty() else 60
        if self.options.quiet or now - self.shown < every:
            return
        self.shown = now
        last = f"last: {self.happened[-1].kind} {self.happened[-1].target}" if self.happened else ""
        text = (f"{now:5.0f} of {self.options.minutes * 60:.0f} s, {len(self.happened)} of {len(self.schedule)} "
                f"faults, {last}")
        print(f"\r{text:<100.100}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n",
              file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults happen (default 10)")
    parser.add_argument("--seed", type=int, default=None, help="same seed, same faults (default: by chance)")
    parser.add_argument("--json", metavar="FILE", help="also write the table there")
    parser.add_argument("--no-namespaces", action="store_true", help="links by TCP proxies even as root")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--only", metavar="KIND", nargs="+", choices=sorted(schedule.PER_HOUR),
                        help="only these kinds of faults, ten times as often")
    parser.add_argument("--small", action="store_true", help="one database and one agent only")
    parser.add_argument("--sabotage", choices=sorted(SABOTEURS), help="lie, to see that the harness notices")
    parser.add_argument("--keep", action="store_true", help="keep logs and data even when all is well")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(3), "big")
    return options


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    print(f"scripts/faults --seed {options.seed} --minutes {options.minutes:g}", file=sys.stderr)
    size = {"agents_per_cell": 1, "cells": ("prometheus",)} if options.small else {}
    world = World(options.seed, AGENTS, namespaces=False if options.no_namespaces else None, **size)
    good = False
    try:
        run = Run(options, world)
        seconds = run.storm()
        judge = Judge(world, run.faults)
        outcome = report.Outcome(options, run, judge.verdicts(), judge.notes, seconds)
        print(outcome.text())
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(outcome.as_json(), indent=1) + "\n")
        good = outcome.good()
        return 0 if good else 1
    finally:
        world.close(keep=options.keep or not good)
        if options.keep or not good:
            print(f"logs and data: {world.folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
