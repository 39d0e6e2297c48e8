"""The fleet page as people see it: a real browser on the page of a real relay, in a real pipeline. Screenshots of every
view are left in the folder that GODWIT_TEST_OUTPUT names."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from pipeline import BIN, SOURCE, Pipeline, Process, eventually, free_port, http_get

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboard"
OUTPUT = pathlib.Path(os.environ.get("GODWIT_TEST_OUTPUT", SOURCE / "build/screenshots"))
LIGHT_HEALTH = "health: {recovery: 1s}\n"


class Browser:
    """Speaks to browser.mjs: each command is a method."""

    def __init__(self, base):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self.child = subprocess.Popen(
            ["node", FOLDER / "browser.mjs", shutil.which("chromium") or "chromium", base, OUTPUT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, name):
        def call(*arguments):
            self.child.stdin.write(json.dumps({"do": name, "with": arguments}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
            if not line:
                raise AssertionError(f"the browser ended at {name}{arguments}")
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(answer["error"])
            return answer["value"]
        return call

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


class Jetson:
    """A Jetson that is a folder: how hot its GPU is can be said."""

    def __init__(self, folder, name):
        self.root = pathlib.Path(folder) / f"root-{name}"
        shutil.copytree(SOURCE / "test/fixtures/host", self.root, symlinks=True)
        shutil.copytree(SOURCE / "test/fixtures/pods/v2", self.root, dirs_exist_ok=True)
        self.write("sys/devices/gpu.0/load", "420")
        self.write("sys/firmware/devicetree/base/compatible", "nvidia,tegra194\0")
        self.write("sys/firmware/devicetree/base/model", "NVIDIA Jetson Xavier NX Developer Kit\0")
        self.write("sys/class/thermal/thermal_zone8/type", "GPU-therm")
        self.heat(61)

    def write(self, name, text):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def heat(self, celsius):
        self.write("sys/class/thermal/thermal_zone8/temp", str(celsius * 1000))


class DashboardTest(unittest.TestCase):
    def setUp(self):
        self.pipeline = self.enterContext(Pipeline())

    def serve(self, **web):
        """A relay with its page, and a browser for it."""
        port = free_port()
        settings = json.dumps({"listen": f"127.0.0.1:{port}", **web})
        self.relay = self.pipeline.relay(extra=f"web: {settings}\n")
        self.page = f"http://127.0.0.1:{port}"
        self.browser = Browser(self.page)
        self.addCleanup(self.browser.close)

    def jetson(self, name):
        node = Jetson(self.pipeline.folder, name)
        agent = self.pipeline.agent(name, interval="500ms", extra=f"root: {node.root}\n{LIGHT_HEALTH}",
                                    collectors="  pods: {interval: 1s, url: \"\"}\n")
        return node, agent

    def ascend(self, name):
        smi = self.pipeline.npu_smi("910B/05-info-910B3-8cards-busy-23.0.rc3.3.txt")
        return self.pipeline.agent(name, interval="500ms", extra=LIGHT_HEALTH,
                                   collectors=f"  npu_smi: {{command: {smi}, interval: 1s}}\n")

    def assert_no_faults(self):
        self.assertEqual(self.browser.faults(), [])

    def test_life_of_a_node(self):
        self.serve()
        b = self.browser
        b.open("/")
        b.see(".empty", "No node has been heard yet")
        node, agent = self.jetson("camera-1")
        b.see(".tile", "camera-1")
        b.see(".tile .presence.online")
        b.see(".tile .meters", "61 °C")

        # A problem of the GPU comes, is told with its reason, and goes.
        node.heat(97)
        b.see(".tile.warning .verdict", "temperature above 85")
        b.see(".summary .warning", "1")
        b.click(".tile a", "camera-1")
        b.see("h1", "camera-1")
        b.see(".node-head .verdict", "temperature above 85")
        node.heat(60)
        b.gone(".node-head .verdict")
        b.see(".table-card", "Health and presence")
        b.see(".table-card .events", "temperature above 85")

        # The link breaks: offline, and after that the backlog arrives as history.
        b.click("nav a", "Fleet")
        self.pipeline.proxy.cut()
        b.see(".tile.offline", "camera-1")
        b.see(".summary .offline", "1")
        time.sleep(3)
        self.pipeline.proxy.mend()
        b.see(".tile .presence.online")
        b.see(".tile .lines .quiet", "none")
        self.pipeline.wait_delivered(agent)
        b.click("nav a", "Events")
        for text in ("temperature above 85", "healthy again", "not connected any more", "connected"):
            b.see(".events", text)
        b.screenshot("events-of-a-node")
        self.assert_no_faults()

        # The relay is killed: the page says so, keeps what it had, and comes back by itself.
        b.click("nav a", "Fleet")
        self.relay.stop(signal.SIGKILL)
        b.see(".banner.lost", "No connection to the relay since")
        b.see(".banner.lost", "as of")
        b.see(".banner .next", "try")
        self.assertEqual(b.style("main", "filter"), "grayscale(1)")
        b.see(".tile", "camera-1")
        b.screenshot("relay-gone")
        b.faults()  # the browser itself reports each connection that is refused
        self.relay.start()
        b.see(".banner.back", "The relay is back")
        b.see(".standing", "Live")
        b.see(".tile .presence.online")
        b.gone(".banner")
        self.assertEqual([f for f in b.faults() if "ERR_CONNECTION" not in f and "ERR_INCOMPLETE" not in f], [])

    def test_views(self):
        self.serve()
        b = self.browser
        self.jetson("camera-1")
        self.ascend("line-1")
        b.open("/")
        b.see(".tile", "line-1")
        b.see(".tile", "8 ×")
        b.see(".tile", "camera-1")
        self.assertEqual(b.axe(), [])
        b.screenshot("fleet-light")

        # Search, filters and view stand in the address.
        b.press("/")
        self.assertEqual(b.focused(), "search")
        b.press(*"line")
        b.gone(".tile", "camera-1")
        self.assertEqual(b.address(), "/?q=line")
        b.reload()
        b.see(".found", "1 of 2 nodes")
        b.click("button", "Rows")
        b.see(".fleet-table tbody th", "line-1")
        self.assertEqual(b.count(".fleet-table tbody th"), 1)
        b.press("/", "Escape")
        b.see(".fleet-table tbody th", "camera-1")
        b.click(".fleet-table thead button", "Node")
        self.assertEqual(b.address(), "/?sort=name&view=rows")
        self.assertEqual(b.axe(), [])
        b.screenshot("rows-light")

        # By keyboard alone: to the first tile, to its neighbour, into it, and back.
        b.open("/?sort=name")
        b.see(".tile", "line-1")
        for _ in range(40):
            b.press("Tab")
            if b.focused() == "camera-1":
                break
        self.assertEqual(b.focused(), "camera-1")
        b.press("ArrowRight")
        self.assertEqual(b.focused(), "line-1")
        b.press("Enter")
        b.see("h1", "line-1")
        b.press("Escape")
        b.see(".tile", "line-1")
        self.assertEqual(b.address(), "/?sort=name")

        # A deep link into a node: charts are drawn, and go on.
        b.open("/nodes/line-1")
        b.see("h1", "line-1")
        b.see(".chart h3", "Utilisation")
        eventually(lambda: b.inked("Utilisation") > 20, what="a drawn line")
        b.see(".legend output", "%")
        b.see(".table-card", "Collectors")
        b.see(".table-card td", "npu_smi")
        self.assertEqual(b.axe(), [])
        b.screenshot("node-light")
        b.click("button", "1 h")
        self.assertEqual(b.address(), "/nodes/line-1?range=1h")
        b.click("button", "From – to")
        b.see(".past", "This is the past")
        self.assertRegex(b.address(), r"^/nodes/line-1\?from=\d+&to=\d+$")
        self.assert_no_faults()

        # Dark, by the system and by the switch, which is remembered.
        b.open("/nodes/camera-1", {"dark": True})
        b.see(".chart h3", "Temperature")
        self.assertEqual(b.style("html", "backgroundColor"), "rgb(15, 19, 22)")
        self.assertEqual(b.axe(), [])
        b.screenshot("node-dark")
        b.click(".theme button[aria-label=Light]")
        b.reload()
        b.see("h1", "camera-1")
        self.assertEqual(b.style("html", "backgroundColor"), "rgb(245, 246, 247)")

        # On a phone nothing sticks out, in any view.
        for name, path, seen in (("fleet", "/", ".tile"), ("rows", "/?view=rows", ".fleet-table tbody th"),
                                 ("node", "/nodes/camera-1", ".chart"), ("events", "/events", ".event")):
            b.open(path, {"width": 360, "height": 740})
            b.see(seen)
            self.assertLessEqual(b.overflow(), 0, name)
            self.assertEqual(b.axe(), [], name)
            b.screenshot(f"phone-{name}")
        self.assert_no_faults()

        b.open("/nodes/nobody")
        b.see("h1", "does not know a node")
        self.assertEqual([f for f in b.faults() if "404" not in f], [])

    def test_token(self):
        file = self.pipeline.folder / "token"
        file.write_text("a-token-of-some-length-0123456789\n")
        file.chmod(0o600)
        self.serve(auth={"bearer_token_file": str(file)})
        b = self.browser
        self.jetson("camera-1")
        b.open("/nodes/camera-1")
        b.see("h1", "asks for a token")
        b.screenshot("token")
        b.fill("#token", "a-wrong-token")
        b.press("Enter")
        b.see(".refusal", "did not accept")
        self.assertEqual(b.axe(), [])
        b.fill("#token", "a-token-of-some-length-0123456789")
        b.press("Enter")
        b.see("h1", "camera-1")
        b.see(".standing", "Live")
        b.reload()  # the tab remembers
        b.see(".chart h3", "Temperatures")
        self.assertEqual([f for f in b.faults() if "401" not in f], [])

    def test_thousand_nodes(self):
        self.serve()
        b = self.browser
        simulator = self.pipeline.add(Process(self.pipeline.folder, "simulator", [
            BIN / "fleet_simulator", self.pipeline.broker_port, 1000]))
        simulator.start()
        eventually(lambda: len(json.loads(http_get(self.page + "/web/v1/fleet"))["nodes"]) == 1000, 60,
                   "1,000 nodes at the relay")
        for view, row in (("/", ".tile"), ("/?view=rows", ".fleet-table tbody th")):
            b.open(view)
            b.see(".summary", "1000")
            b.see(row)
            self.assertLess(b.count(row), 100, "only what is in sight is made")
            b.work(2)
            work = b.work(5)
            # One update a second; CPU time, so that a busy machine does not count.
            self.assertLess(sum(work["spent"]) / len(work["spent"]), 100, work)
            self.assertLess(work["heap"], 60, work)
            print(f"{view}: {max(work['spent']):.0f} ms a second at most, heap {work['heap']:.1f} MB")
            b.screenshot("thousand-tiles" if view == "/" else "thousand-rows")
        b.press("/", *"camera-77")
        b.see(".found", "11 of 1000 nodes")
        self.assert_no_faults()


if __name__ == "__main__":
    unittest.main()
