"""The memory budget of the static agent: 5 MB resident with every collector on and a TLS link, under a limit of 16 MiB.
Runs where the static agent of this machine's own architecture has been built (scripts/test --static): memory under an
emulator says nothing."""
import os
import time
import unittest

os.environ["GODWIT_STATIC_ARCH"] = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
from everything import Cgroup, memory_of, running  # noqa: E402
from programs import STATIC_BIN  # noqa: E402

BUDGET = 5_000_000
# A tenth: how much of the program a kernel maps around what is used differs from one to the next.
MARGIN = BUDGET // 10
PRIVATE_BUDGET = 2_500_000
START_UP_S = 20  # edge/main.cc: then the pages of the start are let go of


class MemoryTest(unittest.TestCase):
    def test_resident_memory(self):
        agent_file = STATIC_BIN / "godwit-agent"
        if not agent_file.exists():
            self.skipTest(f"{agent_file} is not built")
        cgroup = Cgroup()
        self.addCleanup(cgroup.remove)
        with running(agent_file, f"{os.environ['GODWIT_BIN']}/godwit-relay", cgroup.prefix()) as (p, agent):
            import pipeline
            pipeline.eventually(lambda: memory_of(agent.child.pid)["Rss"] < BUDGET + MARGIN, 120,
                                "what only the start needs is let go of")
            time.sleep(START_UP_S)
            p.wait_delivered(agent)
            memory = memory_of(agent.child.pid)
            print(f"resident {memory['Rss'] / 1e6:.2f} MB, written {memory['Anonymous'] / 1e6:.2f} MB; {cgroup.report()}")
            self.assertLess(memory["Rss"], BUDGET + MARGIN)
            self.assertLess(memory["Anonymous"], PRIVATE_BUDGET)
            self.assertTrue(agent.alive())


if __name__ == "__main__":
    unittest.main()
