"""End to end: what goes first after an outage, by what the database takes, and the caps of the link."""
import re
import time
import unittest

from pipeline import Pipeline, Prometheus, VictoriaMetrics, eventually, http_get


def metric(agent, series):
    text = http_get(agent.http + "/metrics").decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


class OrderTest(unittest.TestCase):
    """The relay asks the database whether it takes samples out of order; the agent follows."""

    def run_with(self, database, overtakes, tolerance=0.0):
        with Pipeline(database) as p:
            p.relay()
            agent = p.agent("edge-1", interval="500ms")
            eventually(lambda: p.database.samples("edge-1"), what="first samples stored")
            p.proxy.cut()
            time.sleep(16)  # what is older than 12 s is history
            p.proxy.mend()
            p.wait_delivered(agent, 60)
            if overtakes:
                eventually(lambda: metric(agent, "godwit_link_overtaking_frames_total") > 0,
                           what="the agent shows that fresh readings went first")
            else:
                time.sleep(11)  # the agent's own readings come every 10 s
                self.assertEqual(metric(agent, "godwit_link_overtaking_frames_total"), 0)
            self.assertGreater(p.compare("edge-1", p.deliver_all(agent), tolerance=tolerance), 1000)

    def test_live_first_victoria_metrics(self):
        self.run_with(VictoriaMetrics, True, 1e-11)

    def test_live_first_prometheus_with_a_window(self):
        self.run_with(lambda folder: Prometheus(folder, out_of_order="30m"), True)

    def test_in_order_prometheus(self):
        self.run_with(Prometheus, False)


class CapTest(unittest.TestCase):
    def test_cap_is_kept_over_a_restart_and_nothing_is_lost(self):
        cap = 60_000
        with Pipeline() as p:
            p.relay()
            agent = p.agent("edge-1", extra=f"link: {{max_bytes_per_day: {cap}}}\n")
            eventually(lambda: "a cap is used up" in agent.output(), 120, "the log says that the cap is used up")
            eventually(lambda: metric(agent, 'godwit_link_budget_state{state="held"}') == 1, what="held is shown")
            stored = len(p.database.samples("edge-1").get("node_load1", {}))
            time.sleep(3)
            self.assertEqual(len(p.database.samples("edge-1")["node_load1"]), stored)
            agent.stop()
            agent.start()
            eventually(lambda: agent.output().count("a cap is used up") == 2, what="the meter outlives the restart")
            used = sum(metric(agent, f'godwit_link_day_bytes{{direction="{d}"}}') for d in ("sent", "received"))
            self.assertLess(used, cap)
            self.assertLess(p.proxy.bytes, cap)
            agent.stop()
            agent.config.write_text(agent.config.read_text().replace(str(cap), "1GB"))
            agent.start()
            p.wait_delivered(agent, 60)
            self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 1000)


if __name__ == "__main__":
    unittest.main()
