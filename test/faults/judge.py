"""After the storm: everything is healed, the agents deliver what waits, and each is compared with its
database."""
import time

import verdict
from excuses import Excuses
from parts import wall_minus_boot_ms
from pipeline import eventually
from truth import Truth

DRAIN_S = 240
# Declared precision of a time: steps of the clock up to 1 s are not followed, and a relay's time is late by
# its way.
SLACK_MS = 2000
# VictoriaMetrics stores decimals and rounds them to 12 significant digits.
TOLERANCE = {"prometheus": 0.0, "victoria": 1e-11}


class Judge:
    def __init__(self, world, faults):
        self.world, self.faults, self.notes = world, faults, []
        self.ends = {}

    def verdicts(self):
        self._heal()
        self._drain()
        result = {}
        for agent in self.world.agents.values():
            agent.wanted = False
            code = agent.process.stop()
            if code != 0:
                self.faults.crashes.append(f"{agent.name} ended with code {code} at the end")
        for name, agent in self.world.agents.items():
            result[name] = self._compare(agent)
        drift = wall_minus_boot_ms() - self.world.begin_offset_ms
        if abs(drift) > 200:
            self.notes.append(f"this machine's own clock moved by {drift:.0f} ms during the run")
        return result

    def _heal(self):
        for link in self.world.links.values():
            link.mend()
        for cell in self.world.cells:
            cell.answers.heal()
        for agent in self.world.agents.values():
            agent.free_disk()
            agent.clock.tell(synchronised=True)
        self.faults.find_crashes()
        self.world.start_all()

    def _drain(self):
        for agent in self.world.agents.values():
            self.ends[agent.name] = agent.truth_size()
        end = time.monotonic() + DRAIN_S
        for agent in self.world.agents.values():
            try:
                state = eventually(agent.state, max(1.0, end - time.monotonic()), f"{agent.name} answers")
                goal, stream = state["last_seq"], state["stream"]
                while state.get("stream") != stream or state["delivered_seq"] < goal:
                    if time.monotonic() > end:
                        raise AssertionError(f"{agent.name} has not delivered everything within {DRAIN_S} s: {state}")
                    time.sleep(0.2)
                    state = agent.state() or state
                    if state["stream"] != stream:
                        goal, stream = state["last_seq"], state["stream"]
            except AssertionError as error:
                self.notes.append(str(error))

    def _compare(self, agent):
        truth = Truth(agent.truth, agent.lives, self.ends[agent.name])
        excuses = Excuses(agent, truth)
        database = agent.cell.pipeline.database
        for _ in range(5):
            found = verdict.Comparison(agent.name, truth, database.rows(agent.name), TOLERANCE[agent.cell.name],
                                       SLACK_MS, excuses).run()
            # VictoriaMetrics shows what it has acknowledged a moment later.
            if not found.faulty["lost_without_reason"]:
                break
            for tick in truth.ticks:
                tick.times.clear()
            time.sleep(1)
        return found
