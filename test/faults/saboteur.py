"""Breaks Godwit's promise from outside, to show that the harness notices: parts that lie take the place of
faults. Each of them is what a bug in the relay or in the agent would do."""
import json
import subprocess
import time

from database_proxy import Answer
from faults import Faults

# How long a frame is acknowledged falsely, and how long to wait for one to be sent at all.
FALSE_ACKS_S = 3.0
PATIENCE_S = 8.0


def stored_ack(stream, seq):
    """transport/FRAME.md, Ack: verdict `stored` for everything up to seq."""
    return b"\x84\xa1v\x01\xa1s\xc4\x08" + bytes.fromhex(stream) + b"\xa1q\xcf" + seq.to_bytes(8, "big") + b"\xa1a\x00"


class AckBeforeWrite(Faults):
    """What is acknowledged was never written: instead of refusing, the database's proxy says 204."""

    def begin_answer(self, fault, _dice):
        self._answers(fault).inject(Answer(204))


class DropOnReconnect(Faults):
    """An agent whose link is mended lets go of what it sends first: a false relay, while the true ones are
    away, acknowledges it."""

    def end_link(self, fault):
        agent = self.world.agents.get(fault.target.removesuffix("-link"))
        if agent is None:
            return super().end_link(fault)
        super().end_link(fault)
        # An agent that has just started asks a true relay for the time first.
        begin, before = time.monotonic(), len(self._frames(agent))
        while len(self._frames(agent)) == before:
            if time.monotonic() > begin + PATIENCE_S:
                return True
            time.sleep(0.05)
        for relay in agent.cell.relays:
            relay.kill()
        self._acknowledge(agent)
        for relay in agent.cell.relays:
            relay.start()
        return True

    @staticmethod
    def _frames(agent):
        """What the truth log says was sent."""
        lines = agent.truth.read_bytes().splitlines()
        return [line for line in lines if line.startswith(b'{"sent"') and line.endswith(b"}")]

    @classmethod
    def _acknowledge(cls, agent):
        """Whatever it has sent last or sends now, until that made it go on to a further frame."""
        before, begin, went_on = len(cls._frames(agent)), time.monotonic(), None
        while time.monotonic() < (went_on or begin + PATIENCE_S) + FALSE_ACKS_S:
            now = cls._frames(agent)
            if len(now) > before and went_on is None:
                went_on = time.monotonic()
            if now:
                entry = json.loads(now[-1])
                try:
                    subprocess.run(["mosquitto_pub", "-p", str(agent.cell.pipeline.broker_port), "-q", "1",
                                    "-t", f"godwit/v1/{agent.name}/down", "-s"], timeout=2, check=False,
                                   input=stored_ack(entry["stream"], entry["sent"][-1]), capture_output=True)
                except subprocess.TimeoutExpired:
                    pass  # the broker is frozen
            time.sleep(0.1)


SABOTEURS = {"ack-before-write": AckBeforeWrite, "drop-on-reconnect": DropOnReconnect}
