"""The ways through KubeEdge: EventBus and Router (a stand-in with their faults), and the change between
EdgeMesh and EventBus."""
import contextlib
import json
import os
import pathlib
import random
import secrets
import select
import signal
import socket
import sys
import time
import unittest

from pipeline import Pipeline, Process, eventually, free_port, http_get

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import kubeedge  # noqa: E402

# Interfaces and mounts that other tests make would change the schema at every second tick.
STEADY = "".join(f"  {name}: {{enabled: false}}\n" for name in ("network", "filesystem", "disk"))
INTERNAL_BROKER = os.environ.get("GODWIT_EDGECORE_BROKER", "").split() or [
    sys.executable, kubeedge.__file__.replace("kubeedge.py", "edgecore_broker.py")]
CUT_SECONDS = float(os.environ.get("GODWIT_OUTAGE_SECONDS", "3"))


class World:
    """A pipeline with a node behind EventBus: the node's broker, KubeEdge, a relay with an HTTP ingest."""

    def __init__(self, pipeline, node="edge-1", relays=1, internal=False):
        self.internal = internal  # the broker inside edgecore in place of mosquitto beside it
        self.pipeline, self.node, self.local_port = pipeline, node, free_port()
        self.relay_ports = [free_port() for _ in range(relays)]
        self.key = pipeline.folder / "key"
        self.key.write_text(secrets.token_hex(32))
        self.cloud = kubeedge.Cloud([f"http://127.0.0.1:{port}" for port in self.relay_ports],
                                    {(node, "default/user/godwit/up"): "/kubeedge"}, free_port())
        config = pipeline.folder / "local.conf"
        config.write_text(f"listener {self.local_port} 127.0.0.1\nallow_anonymous true\n")
        argv = [*INTERNAL_BROKER, f"tcp://127.0.0.1:{self.local_port}"] if internal else [
            pipeline.broker.argv[0], "-c", config]
        self.local = pipeline.add(Process(pipeline.folder, "local-broker", argv)).start()
        self.cloud.join(node, self.local_port)

    def relay_settings(self, mqtt):
        return {"mqtt": mqtt, "extra": f"eventbus:\n  router_url: {self.cloud.url}\n"
                                       f"  master_key_file: {self.key}\n"}

    def agent_settings(self, transport, mqtt="mqtt:\n  url: \"\"\n"):
        here, absent = ("internal", "external") if self.internal else ("external", "internal")
        return (f"transport: {transport}\n{mqtt}eventbus:\n"
                f"  {here}_url: mqtt://127.0.0.1:{self.local_port}\n"
                f"  {absent}_url: mqtt://127.0.0.1:{free_port()}\n  master_key_file: {self.key}\n")

    def relay(self, mqtt="mqtt:\n  url: \"\"\n", number=0):
        return self.pipeline.relay(f"relay-{number}", port=self.relay_ports[number], **self.relay_settings(mqtt))


def delivered(agent):
    return json.loads(http_get(agent.http + "/debug"))["delivered_seq"]


class EventbusTest(unittest.TestCase):
    def test_cuts_and_restarts(self):
        with Pipeline() as p:
            world = World(p)
            relay = world.relay()
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings("eventbus"))
            try:
                eventually(lambda: p.database.samples("edge-1"), what="first samples through EventBus")
                world.cloud.cut = True
                time.sleep(CUT_SECONDS)
                world.cloud.cut = False
                lost_in_the_cut = world.cloud.lost
                p.wait_delivered(agent, 90)
                # Answers that are confirmed and never arrive: the frame comes again and is known.
                world.cloud.lose_answers = True
                time.sleep(2)
                world.cloud.lose_answers = False
                p.wait_delivered(agent, 90)
                relay.stop(signal.SIGKILL)
                time.sleep(1)
                relay.start()
                p.wait_delivered(agent, 90)
                world.local.stop(signal.SIGKILL)
                time.sleep(1)
                world.local.start()
                p.wait_delivered(agent, 90)
                last = p.deliver_all(agent)
                self.assertGreater(p.compare("edge-1", last), 1000)
                self.assertGreater(lost_in_the_cut, 0, "nothing was lost on the way: the cut proves nothing")
                self.assertEqual(world.cloud.leaked, 0, "CloudCore would leak connections")
            finally:
                world.cloud.close()

    def test_wrong_key(self):
        with Pipeline() as p:
            world = World(p)
            relay = world.relay()
            other = p.folder / "other-key"
            other.write_text(secrets.token_hex(32))
            settings = world.agent_settings("eventbus").replace(str(world.key), str(other))
            agent = p.agent("edge-1", collectors=STEADY, mqtt=settings)
            try:
                eventually(lambda: "signature" in relay.output(), what="the relay says whose signature is wrong")
                time.sleep(2)
                self.assertEqual(p.database.samples("edge-1"), {})
                other.write_text(world.key.read_text())
                eventually(lambda: p.database.samples("edge-1"), what="readings once the key is right")
                self.assertEqual(agent.stop(), 0)
            finally:
                world.cloud.close()

    def test_large_backlog_in_small_messages(self):
        with Pipeline() as p:
            world = World(p)
            world.cloud.cut = True
            world.relay()
            agent = p.agent("edge-1", interval="100ms", flush="5s", collectors=STEADY, mqtt=world.agent_settings("eventbus"))
            try:
                time.sleep(max(CUT_SECONDS, 6))
                world.cloud.cut = False
                p.wait_delivered(agent, 120)
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 2000)
            finally:
                world.cloud.close()


    def test_two_relays_in_turn(self):
        """Frames and the schemas that they need land on different replicas; one of them dies."""
        with Pipeline() as p:
            world = World(p, relays=2)
            relays = [world.relay(number=0), world.relay(number=1)]
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings("eventbus"))
            try:
                eventually(lambda: p.database.samples("edge-1"), what="first samples")
                eventually(lambda: delivered(agent) > 15, 60, "deliveries")
                relays[0].stop(signal.SIGKILL)
                time.sleep(1)
                relays[0].start()
                p.wait_delivered(agent, 90)
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 500)
            finally:
                world.cloud.close()

    def test_rows_larger_than_an_envelope(self):
        """Ticks of 4,000 series that do not compress: a row of them, and their schema, are many envelopes."""
        with Pipeline() as p:
            world = World(p)
            world.relay()
            root = p.folder / "root"
            (root / "proc").mkdir(parents=True)
            counts = [[random.randrange(10**9) for _ in range(10)] for _ in range(400)]

            def count_on():
                for row in counts:
                    row[:] = [n + random.randrange(10**5) for n in row]
                lines = [f"cpu{i} {' '.join(map(str, row))}\n" for i, row in enumerate(counts)]
                (root / "proc/stat.new").write_text(f"cpu  {' '.join(['1'] * 10)}\n" + "".join(lines))
                (root / "proc/stat.new").rename(root / "proc/stat")

            count_on()
            agent = p.agent("edge-1", interval="500ms", flush="4s", collectors=STEADY,
                            mqtt=world.agent_settings("eventbus"), extra=f"root: {root}\n")
            try:
                end = time.monotonic() + 9
                while time.monotonic() < end:
                    count_on()
                    time.sleep(0.25)
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 10_000)
                self.assertNotIn("too large", agent.output())
                self.assertGreater(max(world.cloud.sizes), 40_000, "no row was too large: this proves nothing")
                self.assertLessEqual(max(world.cloud.sizes), 65536)
            finally:
                world.cloud.close()


class InternalBrokerTest(unittest.TestCase):
    """mqttMode 0: the broker inside edgecore, with none beside it."""

    def mqtt(self, world, *packets, answer=4):
        """A client by hand, what it sends, and so many bytes of the answers, or fewer when it is cut off."""
        client = socket.create_connection(("127.0.0.1", world.local_port), 5)
        self.addCleanup(client.close)
        client.sendall(b"".join(map(bytes.fromhex, packets)))
        said = b""
        while len(said) < answer and (more := client.recv(answer - len(said))):
            said += more
        return client, said

    def connect(self, name, level=4):
        body = b"\0\4MQTT" + bytes([level, 2, 0, 0]) + b"\0" * (level == 5) + bytes([0, len(name)]) + name.encode()
        return (bytes([0x10, len(body)]) + body).hex()

    def test_restart_and_frozen_subscriber(self):
        with Pipeline() as p:
            world = World(p, internal=True)
            world.relay()
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings("eventbus"))
            try:
                eventually(lambda: p.database.samples("edge-1"), what="samples through the internal broker")
                self.assertIn("using EventBus's internal broker", agent.output())
                try:
                    self.assertEqual(self.mqtt(world, self.connect("five", 5))[1], b"", "MQTT 5 is cut off")
                except ConnectionError:
                    pass

                world.local.stop(signal.SIGKILL)
                time.sleep(1)
                world.local.start()
                before = delivered(agent)
                eventually(lambda: delivered(agent) > before + 5, 90, "deliveries after the restart")

                # It subscribes to all, reads nothing more, and the broker stands still.
                frozen, said = self.mqtt(world, self.connect("frozen"), "8206 0001 0001 23 01", answer=9)
                self.assertEqual(said.hex(), "20020000" "9003000101")  # CONNACK, SUBACK
                flood, _ = self.mqtt(world, self.connect("flood"))
                flood.sendall(b"".join(b"\x32\x09\0\3a/b" + i.to_bytes(2, "big") + b"xx" for i in range(1, 400)))

                def stands_still():
                    with contextlib.closing(socket.create_connection(("127.0.0.1", world.local_port), 5)) as late:
                        late.sendall(bytes.fromhex(self.connect("late")))
                        return not select.select([late], [], [], 2)[0]  # no CONNACK
                eventually(lambda: stands_still() and stands_still(), what="the frozen subscriber stops the broker")
                before = delivered(agent)
                time.sleep(CUT_SECONDS)
                self.assertLessEqual(delivered(agent), before + 10)
                self.assertTrue(agent.alive())
                frozen.close()
                self.assertTrue(stands_still(), "the real one does not recover")
                world.local.stop(signal.SIGKILL)  # edgecore is restarted
                world.local.start()
                p.wait_delivered(agent, 90)
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 500)
            finally:
                world.cloud.close()


class AutoTest(unittest.TestCase):
    def test_no_backend_behind_edgemesh(self):
        """Its proxy takes the connection and what is sent, and hangs up in place of CONNACK."""
        with Pipeline() as p:
            world = World(p)
            world.relay(f"mqtt:\n  url: mqtt://127.0.0.1:{p.broker_port}\n")
            p.proxy.hang_up()
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings(
                "auto", f"mqtt:\n  url: mqtt://127.0.0.1:{p.proxy.port}\n"))
            try:
                eventually(lambda: "using eventbus for now" in agent.output(), what="EventBus is chosen")
                said, = [line for line in agent.output().splitlines() if "using eventbus" in line]
                self.assertRegex(said, "edgemesh_is_away=.*CONNACK")
                eventually(lambda: delivered(agent) > 10, 60, "deliveries through EventBus")
                p.proxy.mend()
                eventually(lambda: "using edgemesh again" in agent.output(), 90, "EdgeMesh is chosen again")
                p.wait_delivered(agent, 60)
                if CUT_SECONDS > 60:  # longer than the patience after a connection
                    p.proxy.hang_up()
                    eventually(lambda: agent.output().count("using eventbus for now") == 2, 90, "EventBus once more")
                    p.wait_delivered(agent, 90)
                    p.proxy.mend()
                    eventually(lambda: agent.output().count("using edgemesh again") == 2, 120, "EdgeMesh once more")
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 500)
            finally:
                world.cloud.close()

    def test_changes_between_the_ways(self):
        with Pipeline() as p:
            world = World(p)
            world.relay(f"mqtt:\n  url: mqtt://127.0.0.1:{p.broker_port}\n")
            p.proxy.cut()
            agent = p.agent("edge-1", collectors=STEADY, mqtt=world.agent_settings(
                "auto", f"mqtt:\n  url: mqtt://127.0.0.1:{p.proxy.port}\n"))
            try:
                eventually(lambda: "using eventbus" in agent.output(), what="EventBus is chosen")
                eventually(lambda: p.database.samples("edge-1"), what="samples through EventBus")
                p.proxy.mend()
                eventually(lambda: "using edgemesh again" in agent.output(), 60, "EdgeMesh is chosen again")
                carried = world.cloud.carried
                before = delivered(agent)
                eventually(lambda: delivered(agent) > before + 5, 60, "deliveries through EdgeMesh")
                self.assertLessEqual(world.cloud.carried, carried + 2)
                self.assertGreater(p.compare("edge-1", p.deliver_all(agent)), 500)
            finally:
                world.cloud.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
