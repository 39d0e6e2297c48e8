"""Why a reading may be missing: what the agent has declared, and what its promise allows when a fault takes
what was not yet on the disk."""
import re

# Between the moment of a tick and the moment at which the harness notes that its process has ended.
SLACK_MS = 1000
IN_RAM = re.compile(r"^(\S+Z) .*buffer: .*readings are kept in RAM", re.MULTILINE)


class Excuses:
    def __init__(self, agent, truth):
        self.agent, self.truth = agent, truth
        self.power_cut_ms = 1000 * agent.settings["power_cut_loses"] + SLACK_MS

    def reason(self, tick):
        declared = self.truth.declared_loss(tick)
        if declared:
            return declared
        if any(0 <= cut - tick.true_ms <= self.power_cut_ms for cut in self.agent.cuts):
            return "power_cut"
        return None

    def near_kill(self, time_ms):
        return any(-3 * SLACK_MS < time_ms - kill < SLACK_MS for kill in self.agent.kills)
