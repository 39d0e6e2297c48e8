"""The static agent: what kind of file it is, what its SBOM says, and that it does what the ordinary build
does: reads a host, resolves names with nothing but resolv.conf, and delivers every reading."""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest

from programs import ARCH, ELF_MACHINE, EMULATOR, SOURCE, STATIC_BIN

AGENT = STATIC_BIN / "godwit-agent"
DYNAMIC_BIN = pathlib.Path(os.environ["GODWIT_BIN"])


class FileTest(unittest.TestCase):
    def test_static_and_stripped(self):
        elf = AGENT.read_bytes()
        self.assertEqual((elf[:4], elf[4], struct.unpack_from("<H", elf, 18)[0]), (b"\x7fELF", 2, ELF_MACHINE))
        table, entry, count = (struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54))
        kinds = [struct.unpack_from("<I", elf, table + i * entry)[0] for i in range(count)]
        self.assertIn(1, kinds)  # something to load
        self.assertNotIn(2, kinds, "has a dynamic section")
        self.assertNotIn(3, kinds, "asks for an interpreter")
        self.assertNotIn(b".symtab", elf)

    def test_nothing_of_the_build_machine(self):
        self.assertNotIn(str(SOURCE).encode(), AGENT.read_bytes())

    def test_version(self):
        text = subprocess.run([*EMULATOR, AGENT, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertRegex(text, r"^godwit-agent \d+\.\d+\.\d+\n$")


class SbomTest(unittest.TestCase):
    def test_shape(self):
        """What SPDX 2.3's schema demands of the fields that are used, and what must be in it."""
        document = json.loads((STATIC_BIN / "godwit-agent.spdx.json").read_text())
        self.assertEqual((document["spdxVersion"], document["dataLicense"], document["SPDXID"]),
                         ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
        self.assertRegex(document["documentNamespace"], r"^[a-z][a-z0-9+.-]*:[^#]+$")
        self.assertRegex(document["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(document["creationInfo"]["creators"][0], r"^Tool: \S")
        packages = {package["SPDXID"]: package for package in document["packages"]}
        self.assertEqual(len(packages), len(document["packages"]))
        for spdx_id, package in packages.items():
            self.assertRegex(spdx_id, r"^SPDXRef-[A-Za-z0-9.-]+$")
            for field in ("name", "versionInfo", "downloadLocation", "licenseConcluded", "copyrightText", "supplier"):
                self.assertTrue(package[field], (spdx_id, field))
            self.assertIs(package["filesAnalyzed"], False)
            purl = package["externalRefs"][0]
            self.assertEqual((purl["referenceCategory"], purl["referenceType"]), ("PACKAGE-MANAGER", "purl"))
            self.assertRegex(purl["referenceLocator"], r"^pkg:(deb/debian|generic)/[A-Za-z0-9.%-]+@[A-Za-z0-9.%~-]+\?arch=")
            for checksum in package.get("checksums", []):
                self.assertRegex(checksum["checksumValue"], r"^[0-9a-f]{64}$")
        related = {(r["spdxElementId"], r["relationshipType"]): r["relatedSpdxElement"] for r in document["relationships"]}
        self.assertEqual(related["SPDXRef-DOCUMENT", "DESCRIBES"], "SPDXRef-godwit-agent")
        reached = {r["relatedSpdxElement"] for r in document["relationships"]}
        self.assertEqual(reached, set(packages))

    def test_names_what_is_linked(self):
        document = json.loads((STATIC_BIN / "godwit-agent.spdx.json").read_text())
        sources = {re.sub(r"Debian source package (\S+) .*", r"\1", p["sourceInfo"])
                   for p in document["packages"] if "sourceInfo" in p}
        self.assertLessEqual({"openssl", "glibc", "gcc-12", "mosquitto", "sqlite3", "libzstd", "yaml-cpp",
                              "msgpack-cxx", "spdlog", "fmtlib", "cli11"}, sources)
        self.assertNotIn("curl", sources)


class ReadingTest(unittest.TestCase):
    @staticmethod
    def once(npu_smi, *command):
        done = subprocess.run([*command, "--root", SOURCE / "test/fixtures/host", "once", "--format", "json"],
                              capture_output=True, text=True, timeout=60,
                              env={"GODWIT_COLLECTORS_NPU_SMI_COMMAND": str(npu_smi)})
        return json.loads(done.stdout)

    def test_same_as_the_ordinary_build(self):
        """Every reading of a recorded host and of 8 NPUs, name by name and value by value."""
        with tempfile.TemporaryDirectory(prefix="godwit-static-") as folder:
            npu_smi = pathlib.Path(folder) / "npu-smi"
            capture = SOURCE / "test/fixtures/npu-smi/910B/01-info-910B3-8cards-24.1.rc1.b030.txt"
            npu_smi.write_text(f"#!/bin/sh\nexec /bin/cat '{capture}'\n")
            npu_smi.chmod(0o755)
            ours, theirs = self.once(npu_smi, *EMULATOR, AGENT), self.once(npu_smi, DYNAMIC_BIN / "godwit-agent")
        self.assertTrue(theirs["npu_smi"]["readings"])
        self.assertEqual(set(ours), set(theirs))
        moving = re.compile("node_time_seconds|node_boot_time_seconds|node_filesystem_(free|avail|files_free)")
        compared = 0
        for collector, reading in theirs.items():
            self.assertEqual(set(ours[collector]["readings"]), set(reading["readings"]), collector)
            for series, value in reading["readings"].items():
                if not moving.match(series):
                    self.assertEqual(ours[collector]["readings"][series], value, series)
                    compared += 1
        self.assertGreater(compared, 250)


class DeliveryTest(unittest.TestCase):
    def test_jtop_and_host_through_broker_and_relay(self):
        """The static agent, the ordinary relay, a real broker and database; a cut between."""
        sys.path.insert(0, str(SOURCE / "test/e2e"))
        with tempfile.TemporaryDirectory(prefix="godwit-static-") as folder:
            for name, target in (("godwit-agent", AGENT), ("godwit-relay", DYNAMIC_BIN / "godwit-relay")):
                os.symlink(target, pathlib.Path(folder) / name)
            os.environ["GODWIT_BIN"] = folder
            import pipeline
            with pipeline.Pipeline() as p:
                p.relay()
                socket = p.jtop()
                agent = p.agent("static", prefix=EMULATOR, collectors=f"  jtop:\n    socket: {socket}\n")
                pipeline.eventually(lambda: json.loads(pipeline.http_get(agent.http + "/debug"))["delivered_seq"] > 5,
                                    60, "the first readings are delivered")
                p.proxy.cut()
                before = json.loads(pipeline.http_get(agent.http + "/debug"))["last_seq"]
                pipeline.eventually(lambda: json.loads(pipeline.http_get(agent.http + "/debug"))["last_seq"] > before + 10,
                                    60, "ticks are stored while the link is cut")
                p.proxy.mend()
                last = p.deliver_all(agent)
                self.assertGreater(p.compare("static", last), 1000)
                names = {series for values in p.truth("static")[0].values() for series in values}
                self.assertTrue([n for n in names if n.startswith("hw_temperature_celsius")], "no reading of jtop")


class ResolverTest(unittest.TestCase):
    def test_names_and_tls_in_an_empty_root(self):
        """See resolver_inside.py, which this runs in namespaces of its own."""
        inside = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
        if os.geteuid() != 0:
            inside += ["--user", "--map-root-user"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
            self.skipTest("no namespaces here")
        done = subprocess.run([*inside, sys.executable, "-B", "resolver_inside.py"], capture_output=True, text=True,
                              timeout=120, cwd=pathlib.Path(__file__).parent)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    print(f"static agent for {ARCH}: {AGENT}")
    unittest.main()
