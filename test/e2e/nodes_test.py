"""`godwit nodes` and `godwit tail` with a real broker: with real agents, and with simulated nodes."""
import json
import subprocess
import unittest

from fleet import JETSON, Fleet, jetson_values, now_ms
from pipeline import BIN, Pipeline, eventually, free_port


def godwit(port, *arguments, env=None):
    return subprocess.run([BIN / "godwit", arguments[0], "--broker", f"mqtt://127.0.0.1:{port}",
                           *map(str, arguments[1:])], capture_output=True, text=True, timeout=60, check=False, env=env)


class NodesTest(unittest.TestCase):
    def test_real_agent(self):
        with Pipeline() as p:
            p.relay()
            agent = p.agent("edge-1", extra="publish: {latest: true}\n")
            nodes = eventually(lambda: [n for n in json.loads(godwit(p.broker_port, "nodes", "--json").stdout)
                                        if "last_reading_ms" in n], what="readings at the broker")
            self.assertEqual([n["node"] for n in nodes], ["edge-1"])
            self.assertTrue(nodes[0]["online"])
            self.assertLess(abs(nodes[0]["since_ms"] - now_ms()), 120_000)
            self.assertEqual(godwit(p.broker_port, "nodes", "--check").returncode, 0)
            agent.stop()
            gone = godwit(p.broker_port, "nodes", "--check")
            self.assertEqual(gone.returncode, 2, gone.stdout)
            self.assertIn("offline", gone.stdout)

    def test_simulated(self):
        with Pipeline() as p:
            fleet = Fleet(p.broker_port)
            self.addCleanup(fleet.close)
            self.assertIn("no node has ever been", godwit(p.broker_port, "nodes").stderr)
            for i in range(1500):
                fleet.status(f"n{i:04}", wait=i == 1499)
            fleet.status("old", online=False, wall_ms=0)
            listed = godwit(p.broker_port, "nodes")
            self.assertEqual(listed.returncode, 0, listed.stderr)
            self.assertEqual(listed.stdout.count("online "), 1500)
            self.assertIn("--listen", listed.stderr)

            one = godwit(p.broker_port, "nodes", "n0007", "nobody")
            self.assertEqual(one.returncode, 1)
            self.assertIn("n0007", one.stdout)
            self.assertIn("no node nobody", one.stderr)

            # What was retained is enough; control characters of the network stay out of terminals.
            fleet.latest("n0007", "health", {
                'hw_status{hw_id="0",hw_state="degraded",hw_type="gpu"}': 1,
                'godwit_problem{reason="GPUOverheating",type="GPUHealthy"}': 1,
                'godwit_problem_info{message="too \x1b[31mhot",reason="GPUOverheating",type="GPUHealthy"}': 1})
            fleet.latest("n0007", "self", {'godwit_link_day_bytes{direction="sent"}': 3 << 20})
            fleet.latest("n0007", "tegra", {'godwit_board_info{module="Jetson\x1b]0;x\x07 \u6771\u4eac"}': 1})
            one = godwit(p.broker_port, "nodes", "n0007", "--check", "--color=always")
            self.assertEqual(one.returncode, 2)
            self.assertIn("warning", one.stdout)
            self.assertIn("3 MiB", one.stdout)
            self.assertIn("Jetson\ufffd]0;x\ufffd \u6771\u4eac", one.stdout)
            self.assertEqual(json.loads(godwit(p.broker_port, "nodes", "n0007", "--json").stdout)[0]["problems"],
                             ["GPUHealthy: too \x1b[31mhot"])

            # Frames, for those that wait for them.
            schema = fleet.schema("n0003", JETSON)
            child = subprocess.Popen([BIN / "godwit", "nodes", "n0003", "--listen", "30s", "--json", "--broker",
                                      f"mqtt://127.0.0.1:{p.broker_port}"], stdout=subprocess.PIPE, text=True)
            def heard():
                fleet.frame("n0003", schema, jetson_values(celsius=71))
                return child.poll() is not None
            with child:
                eventually(heard, what="it ends when the node was heard")
                node = json.loads(child.stdout.read())[0]
            self.assertEqual((node["kind"], node["temperature_celsius"], node["health"], node["memory_ratio"]),
                             ("Jetson Orin NX 16GB", 71, "ok", 0.25))

    def test_no_broker(self):
        done = godwit(free_port(), "nodes", "--timeout", "1s")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertTrue(done.stderr.startswith("godwit: "), done.stderr)
        self.assertEqual(godwit(1, "nodes", "--listen", "soon").returncode, 78)
        self.assertEqual(godwit(1, "nodes", "no/name").returncode, 78)


if __name__ == "__main__":
    unittest.main()
