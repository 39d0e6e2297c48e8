"""Makes a fault of the schedule happen in the world, and ends it."""
import random
import signal
import time

from database_proxy import Answer

LONGEST_END_S = 60


class Faults:
    def __init__(self, world):
        self.world = world
        self.crashes = []  # text per part that ended by itself
        self.ending = {}  # name: (process that was told to end, until when it must have ended)

    def targets(self):
        """For schedule.make(): what is there, and which faults it cannot have."""
        world = self.world
        of_role = {}
        for part in world.parts.values():
            # VictoriaMetrics answers 2xx seconds before it writes: killing it loses what it has acknowledged.
            without = ("kill",) if part.name == "victoria" else ()
            of_role.setdefault(part.role, {})[part.name] = without
        of_role["answers"] = {f"{cell.name}-answers": () for cell in world.cells}
        lossless = () if world.namespaces else ("link-lossy",)
        of_role["agent-link"] = {f"{name}-link": lossless for name in world.agents}
        of_role["relay-link"] = {f"{name}-link": lossless for name in world.links if name not in world.agents}
        of_role["clock"] = {name: () for name in world.agents}
        if world.namespaces:
            of_role["disk"] = {f"{name}-disk": () for name in world.agents}
        return of_role

    def begin(self, fault):
        self._handler(fault)(fault, random.Random(fault.dice))

    def end(self, fault):
        """False: not yet, ask again soon."""
        return self._handler(fault, "end_")(fault) is not False

    def _handler(self, fault, prefix="begin_"):
        return getattr(self, prefix + fault.kind.split("-")[0])

    def find_crashes(self):
        for part in self.world.parts.values():
            if part.crashed():
                self.crashes.append(f"{part.name} ended by itself with code {part.process.child.returncode}")
                part.start()

    # Processes

    def begin_kill(self, fault, _dice):
        self.world.parts[fault.target].kill()

    def end_kill(self, fault):
        self.world.parts[fault.target].start()

    def begin_restart(self, fault, _dice):
        part = self.world.parts[fault.target]
        part.wanted = False
        part.process.send(signal.SIGTERM)
        self.ending[fault.target] = part.process.child, time.monotonic() + LONGEST_END_S

    def end_restart(self, fault):
        part = self.world.parts[fault.target]
        child, limit = self.ending[fault.target]
        if child is not None and child.poll() is None:
            if time.monotonic() < limit:
                return False
            self.crashes.append(f"{part.name} did not end within {LONGEST_END_S} s")
            part.kill()
        elif child is not None and child.returncode not in (0, -signal.SIGTERM):
            self.crashes.append(f"{part.name} ended with code {child.returncode} when it was told to end")
        return part.start()

    def begin_freeze(self, fault, _dice):
        self.world.parts[fault.target].process.send(signal.SIGSTOP)

    def end_freeze(self, fault):
        self.world.parts[fault.target].process.send(signal.SIGCONT)

    # What the database answers

    def _answers(self, fault):
        return self.world.by_name[fault.target.removesuffix("-answers")].answers

    def begin_answer(self, fault, dice):
        what = fault.kind.removeprefix("answer-")
        if what == "lost":
            answer = Answer(0, forward=dice.random() < 0.7)
        elif what == "400":
            # One: a database that refuses good samples again and again makes the relay give them up.
            answer = Answer(400, forward=dice.random() < 0.5, count=1)
        elif what == "429":
            answer = Answer(429, retry_after=dice.choice((None, 1, 2)))
        else:
            answer = Answer(dice.choice((500, 502, 503)), forward=dice.random() < 0.5)
        self._answers(fault).inject(answer)

    def end_answer(self, fault):
        self._answers(fault).heal()

    # Links

    def begin_link(self, fault, dice):
        link = self.world.links[fault.target.removesuffix("-link")]
        what = fault.kind.removeprefix("link-")
        if what == "cut":
            link.cut()
        elif what == "slow":
            link.slow(dice.choice((2000, 8000, 30000)), dice.choice((0.05, 0.3, 0.8)))
        elif what == "lossy":
            link.lossy(dice.choice((0.05, 0.2, 0.4)))
        else:
            link.half_open(dice.choice(("up", "down")))

    def end_link(self, fault):
        self.world.links[fault.target.removesuffix("-link")].mend()

    # Disks

    def begin_disk(self, fault, _dice):
        self.world.agents[fault.target.removesuffix("-disk")].fill_disk()

    def end_disk(self, fault):
        self.world.agents[fault.target.removesuffix("-disk")].free_disk()

    # Clocks and power: the kernel of these agents never says more than is told here.

    @staticmethod
    def _wrong_wall(dice):
        seconds = dice.choice((2, 5, 60, 3600, 86_400, 86_400 * 365, 86_400 * 365 * 20))
        return dice.choice(("wall_at_boot_ms 0", f"wall_offset_ms {1000 * seconds}", f"wall_offset_ms {-1000 * seconds}"))

    def begin_clock(self, fault, dice):
        wrong = fault.kind == "clock-step"
        self.world.agents[fault.target].clock.tell(*((self._wrong_wall(dice),) if wrong else ()))

    def end_clock(self, fault):
        self.world.agents[fault.target].clock.tell(synchronised=True)

    def begin_reboot(self, fault, dice):
        agent = self.world.agents[fault.target]
        agent.kill()
        agent.clock.reboot()
        # Mostly a clock without a battery; what it says lasts until something else mends it.
        if dice.random() < 0.7:
            agent.clock.tell(self._wrong_wall(dice))
        else:
            agent.clock.tell(synchronised=True)

    def end_reboot(self, fault):
        self.world.parts[fault.target].start()

    def begin_power(self, fault, dice):
        agent = self.world.agents[fault.target]
        agent.cut_power(fault.dice)
        agent.clock.tell(synchronised=dice.random() < 0.5)

    def end_power(self, fault):
        self.world.parts[fault.target].start()
