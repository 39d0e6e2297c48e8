"""End-to-end: what the database returns equals, sample for sample and millisecond for millisecond,
what the agents read, whatever was stopped meanwhile.

GODWIT_OUTAGE_SECONDS sets how long each part stays away (default 12)."""
import json
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


class WaysTest(unittest.TestCase):
    """The ways that the first tests do not go: encrypted, MQTT 3.1.1, several relays, no schema."""

    def test_mutual_tls(self):
        with Pipeline() as p:
            keys = p.make_certificates()
            port = free_port()
            config = p.folder / "tls.conf"
            # Started as root it would drop to a user that may not read the folder.
            config.write_text(f"user root\nlistener {port} 127.0.0.1\ncafile {keys}/ca.crt\n"
                              f"certfile {keys}/broker.crt\nkeyfile {keys}/broker.key\n"
                              "require_certificate true\nuse_identity_as_username true\n")
            p.add(Process(p.folder, "tls-broker", [p.broker.argv[0], "-c", config])).start()
            tls = (f"mqtt:\n  url: mqtts://localhost:{port}\n"
                   f"  tls: {{ca: {keys}/ca.crt, cert: {keys}/client.crt, key: {keys}/client.key}}\n")
            p.relay(mqtt=tls)
            agents = [p.agent(f"tls-{v}", mqtt=tls + f"  version: {v}\n") for v in ("5", "3.1.1")]
            for agent in agents:
                eventually(lambda a=agent: p.database.samples(a.node), what=f"{agent.node} through TLS")
                self.assertGreater(p.compare(agent.node, p.deliver_all(agent)), 100)
            stranger = p.agent("stranger", mqtt=f"mqtt:\n  url: mqtts://localhost:{port}\n")
            eventually(lambda: "mqtt.tls" in stranger.output(), what="a line that says what to check")

    def test_two_relays_one_killed(self):
        with Pipeline() as p:
            relays = [p.relay("relay-1"), p.relay("relay-2")]
            agents = [p.agent(f"n{i}", interval="500ms") for i in range(3)]
            for _ in range(3):
                time.sleep(2)
                relays[0].stop(signal.SIGKILL)
                time.sleep(2)
                relays[0].start()
            for agent in agents:
                p.wait_delivered(agent, 90)
                self.assertGreater(p.compare(agent.node, p.deliver_all(agent)), 1000)

    def test_latest_for_plain_subscribers(self):
        with Pipeline() as p:
            p.relay()  # the agent may have the time from it alone
            p.agent("n", extra="publish: {latest: true}\n")
            for topic in ("latest/load", "status"):
                done = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(p.broker_port), "-C", "1",
                                       "-W", "20", "-t", f"godwit/v1/n/{topic}", "-N"], capture_output=True,
                                      timeout=30, check=True)
                file = p.folder / "message"
                file.write_bytes(done.stdout)
                text = subprocess.run([BIN / "godwit", "decode", file], capture_output=True, text=True,
                                      timeout=20, check=True).stdout
                self.assertIn("node_load1" if "load" in topic else "online", text)

    def test_tail(self):
        with Pipeline() as p:
            p.relay()
            p.agent("n")
            tail = p.add(Process(p.folder, "tail", [
                BIN / "godwit", "tail", "--broker", f"mqtt://127.0.0.1:{p.broker_port}", "--node", "n",
                "--metric", "node_load*", "--json"])).start()
            eventually(lambda: tail.output().count("\n") > 5, what="live readings")
            rows = [json.loads(line) for line in tail.output().splitlines()[:5]]
            self.assertEqual({row["node"] for row in rows}, {"n"})
            self.assertLessEqual({row["name"] for row in rows}, {"node_load1", "node_load5", "node_load15"})


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

    def test_settings_reference(self):
        for program, key in (("godwit-agent", "collectors.npu_smi.command"), ("godwit-relay", "remote_write.url")):
            done = subprocess.run([BIN / program, "settings"], capture_output=True, text=True, timeout=20, check=True)
            self.assertIn(f"| `{key}` |", done.stdout)
            self.assertTrue(all(line.startswith("|") and line.endswith("|") for line in done.stdout.splitlines()))

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

    def test_no_time_from_anywhere(self):
        with Pipeline() as p:
            agent = p.agent("n")
            dated = "the wall time is known"
            eventually(lambda: dated in agent.output() or "no relay that knows the time" in agent.output(), 40,
                       "a line that says for what the readings wait")
            p.relay()
            eventually(lambda: "node_load1" in p.database.samples("n"), what="readings once the time is known")

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
            line = [x for x in done.stderr.splitlines() if "jtop" in x][0]
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
