"""End-to-end: what the database returns equals, sample for sample and millisecond for millisecond,
what the agents read, whatever was stopped meanwhile.

GODWIT_OUTAGE_SECONDS sets how long each part stays away (default 12)."""
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from pipeline import BIN, Pipeline, Process, Prometheus, VictoriaMetrics, eventually, free_port, http_get

OUTAGE = float(os.environ.get("GODWIT_OUTAGE_SECONDS", "12"))


def outage_limit():
    return 90 + OUTAGE


class TruthTest(unittest.TestCase):
    def run_with(self, database, tolerance):
        with Pipeline(database) as p:
            p.relay()
            sock = p.jtop()
            npu = p.npu_smi("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt",
                            "910B/01-info-910B3-8cards-24.1.rc1.b030.txt")
            jetson = p.agent("jetson-1", collectors=f"  jtop: {{socket: {sock}}}\n")
            ascend = p.agent("ascend-1", collectors=f"  npu_smi: {{command: {npu}, interval: 1s}}\n")
            time.sleep(14)
            counts = {}
            for agent in (jetson, ascend):
                counts[agent.node] = p.compare(agent.node, p.deliver_all(agent), tolerance=tolerance)
            self.assertGreaterEqual(sum(counts.values()), 10_000, counts)
            names = {s.split("{")[0] for s in p.database.samples("jetson-1")}
            self.assertLessEqual({"hw_gpu_utilization_ratio", "hw_temperature_celsius", "node_load1",
                                  "node_cpu_seconds_total", "godwit_collector_success"}, names)
            names = {s.split("{")[0] for s in p.database.samples("ascend-1")}
            self.assertLessEqual({"hw_npu_utilization_ratio", "hw_npu_memory_usage_bytes"}, names)

    def test_prometheus(self):
        self.run_with(Prometheus, 0.0)

    def test_victoria_metrics(self):
        # It stores decimals and rounds them to 12 significant digits.
        self.run_with(VictoriaMetrics, 1e-11)


class OutageTest(unittest.TestCase):
    """Each part goes away and comes back; nothing is missing, nothing is there twice."""

    def setUp(self):
        self.p = Pipeline()
        self.p.__enter__()
        self.addCleanup(lambda: self.p.__exit__(*((None,) * 3)))
        self.relay = self.p.relay()
        self.agent = self.p.agent("edge-1", interval="500ms")
        eventually(lambda: self.p.database.samples("edge-1"), what="first samples stored")

    def finish(self, ticks_may_miss=0):
        try:
            time.sleep(3)
            self.p.wait_delivered(self.agent, outage_limit())
            last = self.p.deliver_all(self.agent)
            self.assertGreater(self.p.compare("edge-1", last, ticks_may_miss), 1000)
        except BaseException:
            for part in (self.agent, self.relay, self.p.broker):
                print(f"--- {part.name}\n{part.output()[-3000:]}")
            raise

    def test_database(self):
        self.p.database.stop()
        time.sleep(OUTAGE)
        self.p.database.start()
        self.finish()

    def test_relay_killed(self):
        self.relay.stop(signal.SIGKILL)
        time.sleep(OUTAGE)
        self.relay.start()
        self.finish()

    def test_broker(self):
        self.p.broker.stop(signal.SIGKILL)
        time.sleep(OUTAGE)
        self.p.start_broker()
        self.finish()

    def test_link_cut(self):
        self.p.proxy.cut()
        time.sleep(OUTAGE)
        self.p.proxy.mend()
        self.finish()

    def test_link_frozen(self):
        self.p.proxy.freeze()
        time.sleep(OUTAGE)
        self.p.proxy.mend()
        self.finish()

    def test_agent_killed_while_offline(self):
        self.p.proxy.cut()
        time.sleep(OUTAGE / 2)
        self.agent.stop(signal.SIGKILL)
        self.agent.start()
        time.sleep(OUTAGE / 2)
        self.p.proxy.mend()
        self.finish(ticks_may_miss=1)


class MisuseTest(unittest.TestCase):
    """What goes wrong on purpose gives one clear line, and the rest goes on."""

    def one_line(self, program, config, code, *words):
        with Pipeline() as p:
            path = p.folder / "settings.yaml"
            path.write_text(config)
            done = subprocess.run([BIN / program, "run", "--config", path], capture_output=True, text=True,
                                  timeout=60, check=False)
            text = done.stdout + done.stderr
            self.assertEqual(done.returncode, code, text)
            for word in words:
                self.assertIn(word, text)

    def test_wrong_key(self):
        self.one_line("godwit-agent", "mqtt:\n  ulr: x\n", 78, "settings.yaml:2", "mqtt.ulr", "mqtt.url")

    def test_relay_without_database(self):
        self.one_line("godwit-relay", "mqtt: {url: 'mqtt://127.0.0.1:1'}\n", 78, "remote_write.url")

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken, Pipeline() as p:
            p.relay()
            port = taken.getsockname()[1]
            agent = p.agent("n", http_port=port, wait=False)
            eventually(lambda: f"{port}" in agent.output() and "in use" in agent.output(),
                       what="a line that names the port")
            eventually(lambda: "godwit_collector_success" in str(p.database.samples("n").keys()),
                       what="readings go on")
            self.assertEqual(agent.stop(), 0)

    def test_spool_that_cannot_be_written(self):
        with Pipeline() as p:
            p.relay()
            blocker = p.folder / "not-a-folder"
            blocker.write_text("")
            agent = p.agent("n")
            agent.stop()
            config = agent.config.read_text().replace(str(p.folder / "n.db"), str(blocker / "n.db"))
            agent.config.write_text(config)
            agent.start()
            eventually(lambda: p.database.samples("n"), what="readings although the spool cannot be used")
            eventually(lambda: "not-a-folder" in agent.output(), what="a line that names the spool")
            self.assertEqual(agent.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "mounting a small file system needs root")
    def test_spool_on_a_full_disk(self):
        with Pipeline() as p:
            small = p.folder / "small"
            small.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
            try:
                (small / "filler").write_bytes(b"x" * 180_000)
                p.relay()
                agent = p.agent("n", port=free_port())  # no broker there: everything must be kept
                agent.stop()
                agent.config.write_text(agent.config.read_text().replace(str(p.folder / "n.db"),
                                                                         str(small / "n.db")))
                agent.start()
                eventually(lambda: "full" in agent.output().lower(), 60, "a line that says the disk is full")
                eventually(lambda: http_get(agent.http + "/healthz"), what="the agent is alive")
                self.assertEqual(agent.stop(), 0)
            finally:
                subprocess.run(["umount", "-l", small], check=True)

    def test_garbage_on_every_topic(self):
        with Pipeline() as p:
            relay = p.relay()
            agent = p.agent("edge-1")
            eventually(lambda: p.database.samples("edge-1"), what="first samples")
            publish = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(p.broker_port)]
            junk = p.folder / "junk"
            junk.write_bytes(os.urandom(3000))
            for topic in ("edge-1/up", "edge-1/down", "edge-1/status", "edge-1/schema/0123456789abcdef",
                          "other/up", "a/b/c", "edge-1/latest/x", "UPPER case/up"):
                for extra in (["-f", junk], ["-n"], ["-m", "\x80"], ["-r", "-f", junk]):
                    subprocess.run([*publish, "-t", f"godwit/v1/{topic}", *extra], check=True, timeout=20)
            subprocess.run([*publish, "-t", "godwit/v1/relay", "-r", "-f", junk], check=True, timeout=20)
            time.sleep(2)
            self.assertIsNone(agent.child.poll(), agent.output()[-2000:])
            self.assertIsNone(relay.child.poll(), relay.output()[-2000:])
            p.compare("edge-1", p.deliver_all(agent))
            self.assertLess(len(relay.output().splitlines()), 100, "garbage floods the log")

    def test_npu_smi_that_hangs(self):
        with Pipeline() as p:
            p.relay()
            hang = p.folder / "npu-smi"
            hang.write_text("#!/bin/sh\nsleep 1000\n")
            hang.chmod(0o755)
            agent = p.agent("n", collectors=f"  npu_smi: {{command: {hang}, interval: 2s, deadline: 1s}}\n")
            eventually(lambda: 'godwit_collector_success{collector="npu_smi"} 0'
                       in http_get(agent.http + "/metrics").decode(), what="the hang is told")
            eventually(lambda: "node_load1" in p.database.samples("n"), what="the rest goes on")
            self.assertEqual(agent.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "becoming another user needs root")
    def test_jtop_socket_without_permission(self):
        with Pipeline() as p:
            sock = p.jtop("xavier-nx-4.2.7", "--mode", "0600")
            p.folder.chmod(0o755)
            path = p.folder / "settings.yaml"
            path.write_text(f"collectors: {{jtop: {{socket: {sock}}}}}\n")
            program = p.folder / "godwit-agent"
            shutil.copy(BIN / "godwit-agent", program)
            done = subprocess.run([program, "once", "--collector", "jtop", "--config", path],
                                  capture_output=True, text=True, timeout=60, check=False, user=65534, group=65534,
                                  extra_groups=[])
            line = [x for x in (done.stdout + done.stderr).splitlines() if "jtop" in x][0]
            self.assertRegex(line, r"jtop\.sock.*(group|gid)")

    def test_wrong_broker_password(self):
        with Pipeline() as p:
            port = free_port()
            config = p.folder / "secured.conf"
            passwords = p.folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "godwit", "right"], check=True)
            passwords.chmod(0o644)
            # Started as root it would drop to a user that may not read the folder.
            config.write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
                              f"password_file {passwords}\n")
            broker = p.add(Process(p.folder, "secured", [p.broker.argv[0], "-c", config])).start()
            agent = p.agent("n", port=port)
            agent.stop()
            agent.config.write_text(agent.config.read_text().replace(
                "mqtt:\n", "mqtt:\n  username: godwit\n  password: wrong\n"))
            before = len(agent.output())
            agent.start()
            eventually(lambda: "mqtt.password" in agent.output()[before:], what="a line that says what to check")
            eventually(lambda: http_get(agent.http + "/healthz"), what="the agent is alive")
            self.assertEqual(agent.stop(), 0)
            del broker


if __name__ == "__main__":
    unittest.main(verbosity=2)
