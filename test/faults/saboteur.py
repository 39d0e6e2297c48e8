"""Breaks Godwit's promise from outside, to show that the harness notices: parts that lie take the place of
faults. Each of them is what a bug in the relay or in the agent would do."""
import json
import subprocess
import time

from database_proxy import Answer
from faults import Faults

FALSE_ACKS_S = 4.0


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
        for relay in agent.cell.relays:
            relay.kill()
        super().end_link(fault)
        self._acknowledge(agent)
        for relay in agent.cell.relays:
            relay.start()
        return True

    @staticmethod
    def _acknowledge(agent):
        """Whatever it has sent last or sends now."""
        sent, end = None, time.monotonic() + FALSE_ACKS_S
        while time.monotonic() < end:
            frames = [line for line in agent.truth.read_bytes().splitlines() if line.startswith(b'{"sent"')]
            if frames and frames[-1] != sent and frames[-1].endswith(b"}"):
                sent = frames[-1]
            elif sent is None:
                continue
            entry = json.loads(sent)
            try:
                subprocess.run(["mosquitto_pub", "-p", str(agent.cell.pipeline.broker_port), "-q", "1",
                                "-t", f"godwit/v1/{agent.name}/down", "-s"], timeout=2, check=False,
                               input=stored_ack(entry["stream"], entry["sent"][-1]), capture_output=True)
            except subprocess.TimeoutExpired:
                pass  # the broker is frozen
            time.sleep(0.1)


SABOTEURS = {"ack-before-write": AckBeforeWrite, "drop-on-reconnect": DropOnReconnect}
