"""The fault harness itself: its schedule, its verdict, a short storm, and that it turns red when the promise
is broken on purpose."""
import json
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import schedule  # noqa: E402
import verdict  # noqa: E402
from excuses import Excuses  # noqa: E402
from truth import Truth  # noqa: E402

TARGETS = {
    "agent": dict.fromkeys(("p1", "p2", "v1", "v2"), ()), "relay": dict.fromkeys(("r1", "r2", "r3", "r4"), ()),
    "broker": dict.fromkeys(("b1", "b2"), ()), "database": {"prometheus": (), "victoria": ("kill",)},
    "answers": dict.fromkeys(("a1", "a2"), ()), "agent-link": dict.fromkeys(("l1", "l2"), ()),
    "relay-link": dict.fromkeys(("l3", "l4"), ()),
}


class ScheduleTest(unittest.TestCase):
    def test_the_seed_decides_everything(self):
        self.assertEqual(schedule.make(7, 600, TARGETS), schedule.make(7, 600, TARGETS))
        self.assertNotEqual(schedule.make(7, 600, TARGETS), schedule.make(8, 600, TARGETS))

    def test_an_hour_has_what_it_must_have(self):
        for seed in range(5):
            faults = schedule.make(seed, 3600, TARGETS)
            self.assertGreaterEqual(len(faults), 1000)
            for role in ("agent", "relay", "broker", "database"):
                kills = sum(fault.kind == "kill" and fault.target in TARGETS[role] for fault in faults)
                self.assertGreaterEqual(kills, 100, role)
            self.assertFalse([f for f in faults if f.kind == "kill" and f.target == "victoria"])

    def test_one_target_has_one_fault_at_a_time(self):
        for seconds in (75, 3600):
            until = {}
            for fault in schedule.make(3, seconds, TARGETS):
                self.assertLess(until.get(fault.target, -1.0), fault.at, fault)
                until[fault.target] = fault.at + fault.lasts


class VerdictTest(unittest.TestCase):
    """Ten ticks of three series, one second apart, and what the database makes of them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        lines = []
        for seq in range(1, 11):
            values = {"turns_total": 100 + seq * seq, "level": 0.5, "heat": 20 + seq / 10}
            lines.append({"seq": seq, "stream": "ab", "boot_ms": 1000 * seq, "wall_ms": None, "v": values})
            lines.append({"sent": [seq], "stream": "ab", "t": [self.time(seq)]})
        lines.append({"lost": "thinned", "stream": "ab", "seqs": [[3, 4]]})
        path = pathlib.Path(folder.name) / "truth"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"seq":11,"str')
        self.truth = Truth(path, [(0, 7_000_000)], path.stat().st_size)
        self.agent = types.SimpleNamespace(settings={"power_cut_loses": 2}, cuts=[], kills=[])
        self.rows = {"turns_total": {}, "level": {}, "heat": {}}
        for tick in self.truth.ticks:
            for series, value in tick.values.items():
                self.rows[series][self.time(tick.seq)] = value

    @staticmethod
    def time(seq):
        return 7_000_000 + 1000 * seq

    def judge(self, extra=()):
        for tick in self.truth.ticks:
            tick.times.clear()
        rows = [(series, list(points.items())) for series, points in self.rows.items()] + list(extra)
        return verdict.Comparison("n", self.truth, rows, 0.0, 2000, Excuses(self.agent, self.truth)).run()

    def expect(self, found, **faulty):
        self.assertEqual({name: count for name, count in found.faulty.items() if count}, faulty, found.examples)
        self.assertEqual(found.good(), not faulty)

    def test_all_is_there(self):
        found = self.judge()
        self.expect(found)
        self.assertEqual((found.made, found.stored), (30, 30))

    def test_a_lost_sample_and_a_lost_tick(self):
        del self.rows["heat"][self.time(5)]
        for points in self.rows.values():
            del points[self.time(8)]
        self.expect(self.judge(), lost_without_reason=4)

    def test_a_declared_loss_is_counted_apart(self):
        for points in self.rows.values():
            del points[self.time(3)]
        found = self.judge()
        self.expect(found)
        self.assertEqual(found.lost_by_reason, {"thinned": 3})
        self.assertEqual(found.stored, 27)

    def test_a_power_cut_takes_the_last_moments_and_no_more(self):
        self.agent.cuts.append(self.time(8) + 500)
        for points in self.rows.values():
            for seq in (6, 7, 8):
                del points[self.time(seq)]
        found = self.judge()
        self.expect(found)
        self.assertEqual(found.lost_by_reason, {"power_cut": 9})
        for points in self.rows.values():
            del points[self.time(5)]
        self.expect(self.judge(), lost_without_reason=3)

    def test_a_tick_that_the_killed_agent_could_not_tell(self):
        self.agent.kills.append(self.time(20) + 100)
        for series, points in self.rows.items():
            points[self.time(20)] = -1.0 if series == "turns_total" else 0.0
        self.expect(self.judge())

    def test_another_value(self):
        self.rows["heat"][self.time(6)] += 0.1
        self.expect(self.judge(), other_value=1)

    def test_two_values_at_one_time(self):
        self.expect(self.judge([("heat", [(self.time(6), 99.0)])]), other_value=2)

    def test_the_same_twice_harms_nobody(self):
        self.expect(self.judge([("level", [(self.time(6), 0.5)])]))

    def test_a_wrong_time(self):
        self.truth.declared_times.add(self.time(6) + 3_600_000)
        for points in self.rows.values():
            points[self.time(6) + 3_600_000] = points.pop(self.time(6))
        self.expect(self.judge(), wrong_time=3)

    def test_a_time_that_nobody_declared(self):
        for points in self.rows.values():
            points[self.time(6) + 1] = points.pop(self.time(6))
        self.expect(self.judge(), wrong_time=3)

    def test_stored_again_at_another_time(self):
        self.truth.declared_times.add(self.time(6) + 500)
        for points in self.rows.values():
            points[self.time(6) + 500] = points[self.time(6)]
        self.expect(self.judge(), other_time=3)

    def test_a_reading_that_nobody_made(self):
        for series, points in self.rows.items():
            points[self.time(20)] = -1.0 if series == "turns_total" else 0.0
        self.expect(self.judge(), never_read=3)


class StormTest(unittest.TestCase):
    def storm(self, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            done = subprocess.run([sys.executable, "-B", HERE, "--quiet", "--json", out.name, *arguments],
                                  capture_output=True, text=True, timeout=900, check=False)
            self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
            table = json.loads(pathlib.Path(out.name).read_text())
        self.assertEqual(done.returncode, 0 if table["good"] else 1)
        return table, done.stdout + done.stderr

    def test_a_short_storm(self):
        table, text = self.storm("--seed", "1", "--minutes", "1.2")
        self.assertTrue(table["good"], text)
        self.assertGreater(table["stored"], 10_000)
        self.assertGreaterEqual(sum(table["faults"].values()), 30)

    def expect_loss(self, sabotage):
        table, text = self.storm("--seed", "7", "--minutes", "0.4", "--small", "--sabotage", sabotage)
        self.assertFalse(table["good"], text)
        faulty = {name for name, count in table["must_be_0"].items() if count}
        self.assertEqual(faulty, {"lost_without_reason"}, text)
        self.assertGreater(table["stored"], 0)
        self.assertRegex(text, r"FAILED; the same faults again: scripts/faults --seed 7 --minutes 0\.4")

    def test_ack_before_write_turns_it_red(self):
        self.expect_loss("ack-before-write")

    def test_drop_on_reconnect_turns_it_red(self):
        self.expect_loss("drop-on-reconnect")


if __name__ == "__main__":
    unittest.main(verbosity=2)
