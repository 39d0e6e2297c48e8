"""Several relays behind one shared subscription, and what becomes of one that dies or freezes: nothing
is lost, nothing changes its value, nobody counts as lost what is stored.

GODWIT_RELAY_SEED chooses the order of faults, GODWIT_RELAY_SECONDS how long they go on (default 10)."""
import json
import os
import random
import signal
import time
import unittest

from pipeline import Pipeline, Prometheus, VictoriaMetrics, eventually, http_get

SECONDS = float(os.environ.get("GODWIT_RELAY_SECONDS", "10"))
SEED = int(os.environ.get("GODWIT_RELAY_SEED", "1"))


def metrics(relay):
    """{name{labels}: value} of a relay."""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in http_get(relay.http + "/metrics").decode().splitlines() if line[:1] != "#"}


def total(relays, name):
    return sum(v for relay in relays for k, v in metrics(relay).items() if k.split("{")[0] == name)


class Deduplicating(VictoriaMetrics):
    """It keeps both copies of a sample that came twice unless told otherwise."""

    def __init__(self, folder):
        super().__init__(folder)
        self.process.argv.append("-dedup.minScrapeInterval=1ms")


class RelaysTest(unittest.TestCase):
    def run_faults(self, database, tolerance):
        rng = random.Random(SEED)
        with Pipeline(database) as p:
            relays = [p.relay(f"relay-{i}") for i in (1, 2)]
            agents = [p.agent(f"n{i}", interval="500ms") for i in range(3)]
            for agent in agents:
                eventually(lambda a=agent: p.database.samples(a.node), what=f"{agent.node} stored")
            end = time.monotonic() + SECONDS
            longest = 0
            while time.monotonic() < end:
                victim = rng.choice(relays)
                if rng.random() < 0.5:
                    victim.child.send_signal(signal.SIGSTOP)
                    until = time.monotonic() + rng.uniform(1, 9)
                    while time.monotonic() < until:
                        for agent in agents:
                            state = json.loads(http_get(agent.http + "/debug"))
                            longest = max(longest, state["last_seq"] - state["delivered_seq"])
                        time.sleep(0.2)
                    victim.child.send_signal(signal.SIGCONT)
                else:
                    victim.stop(signal.SIGKILL)
                    time.sleep(rng.uniform(0, 1))
                    victim.start()
                    eventually(lambda v=victim: http_get(v.http + "/healthz"), what="the relay is back")
            for agent in agents:
                p.wait_delivered(agent, 90)
                self.assertGreater(p.compare(agent.node, p.deliver_all(agent), tolerance=tolerance), 1000)
            dropped = total(relays, "godwit_relay_dropped_samples_total")
            print(f"longest backlog {longest} ticks, dropped {dropped:g}, "
                  f"found stored {total(relays, 'godwit_relay_found_stored_samples_total'):g}")
            self.assertEqual(dropped, 0)

    def test_killed_and_frozen_prometheus(self):
        self.run_faults(Prometheus, 0.0)

    def test_killed_and_frozen_victoria_metrics(self):
        self.run_faults(Deduplicating, 1e-11)


if __name__ == "__main__":
    unittest.main(verbosity=2)
