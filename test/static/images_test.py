"""The images as scripts/build-images writes them: what an OCI archive says and holds, layer by layer, and
that its files run as the image's user with nothing else. The relay's is looked at when it is built."""
import hashlib
import io
import json
import os
import pathlib
import platform
import subprocess
import tarfile
import tempfile
import unittest

from programs import MACHINES, SOURCE

IMAGES = SOURCE / "build/images"


class Archive:
    def __init__(self, path):
        with tarfile.open(path) as tar:
            self.files = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}
        self.index = json.loads(self.files["index.json"])

    def blob(self, descriptor):
        algorithm, _, digest = descriptor["digest"].partition(":")
        data = self.files[f"blobs/{algorithm}/{digest}"]
        assert hashlib.new(algorithm, data).hexdigest() == digest, descriptor
        assert len(data) == descriptor["size"], descriptor
        return data

    def images(self):
        """{architecture: (config, {path: (mode, bytes)})} of the one multi-architecture index."""
        (top,) = self.index["manifests"]
        assert top["mediaType"] == "application/vnd.oci.image.index.v1+json", top
        result = {}
        for entry in json.loads(self.blob(top))["manifests"]:
            manifest = json.loads(self.blob(entry))
            config, files = json.loads(self.blob(manifest["config"])), {}
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=io.BytesIO(self.blob(layer))) as tar:
                    for member in tar.getmembers():
                        if not member.isdir():
                            assert member.isfile(), f"{member.name} is no plain file"
                            files["/" + member.name] = (member.mode, tar.extractfile(member).read())
            assert entry["platform"]["architecture"] == config["architecture"]
            result[config["architecture"]] = config, files
        return result


def built(program):
    return [arch for arch in MACHINES if (SOURCE / f"build/static-{arch}/bin" / program).exists()]


class ImagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = [p for p in ("godwit-agent", "godwit-relay") if built(p)]
        cls.images = {p: Archive(IMAGES / f"{p}.oci.tar").images() for p in cls.programs}

    def test_contents(self):
        for program, images in self.images.items():
            self.assertEqual(set(images), set(built(program)))
            for arch, (config, files) in images.items():
                self.check(program, arch, config, files)

    def check(self, program, arch, config, files):
        self.assertEqual(config["os"], "linux")
        run = config["config"]
        self.assertEqual((run["User"], run["Entrypoint"], run["Cmd"]), ("65532:65532", [f"/{program}"], ["run"]))
        self.assertNotIn("Shell", run)
        labels = {key.removeprefix("org.opencontainers.image."): value for key, value in run["Labels"].items()}
        self.assertEqual((labels["title"], labels["licenses"]), (program, "Apache-2.0"))
        self.assertRegex(labels["version"], r"^\d+\.\d+\.\d+$")
        self.assertTrue(labels["revision"] and labels["description"])
        expected = {f"/{program}"}
        if program == "godwit-relay":
            expected.add("/etc/ssl/certs/ca-certificates.crt")
            bundle = files["/etc/ssl/certs/ca-certificates.crt"][1]
            self.assertGreater(bundle.count(b"BEGIN CERTIFICATE"), 100)
        self.assertEqual(set(files), expected)
        mode, binary = files[f"/{program}"]
        self.assertEqual(mode & 0o7777, 0o755)
        self.assertEqual(binary, (SOURCE / f"build/static-{arch}/bin" / program).read_bytes())
        sbom = json.loads((IMAGES / f"{program}-{arch}.spdx.json").read_text())
        self.assertEqual(sbom["packages"][0]["checksums"][0]["checksumValue"], hashlib.sha256(binary).hexdigest())
        self.assertLess(sum(len(data) for _, data in files.values()), 8_500_000)

    @unittest.skipIf(os.geteuid() != 0, "chroot needs root")
    def test_runs_as_the_numeric_user(self):
        """Entrypoint and user of each image, in a root that has its files and a writable spool alone."""
        for program, images in self.images.items():
            for arch, (config, files) in images.items():
                with tempfile.TemporaryDirectory(prefix="godwit-image-") as folder:
                    self.run_as_user(pathlib.Path(folder), program, arch, config["config"], files)

    def run_as_user(self, root, program, arch, run, files):
        root.chmod(0o755)
        for path, (mode, data) in files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
        command = list(run["Entrypoint"])
        if platform.machine() != MACHINES[arch][0]:
            emulator = pathlib.Path(f"/usr/bin/qemu-{MACHINES[arch][0]}-static")
            (root / "emulator").write_bytes(emulator.read_bytes())
            (root / "emulator").chmod(0o755)
            command.insert(0, "/emulator")

        def inside(*arguments, env=None):
            return subprocess.run(["/usr/sbin/chroot", f"--userspec={run['User']}", root, *command, *arguments],
                                  capture_output=True, text=True, timeout=60, env=env or {})
        self.assertRegex(inside("--version").stdout, rf"^{program} \d")
        # Settings from the environment alone, as under Kubernetes; a wrong one ends with the documented code.
        bad = inside("check", env={"GODWIT_MQTT_URL": "nonsense"})
        self.assertEqual((bad.returncode, bad.stderr.count("\n")), (78, 1), bad.stderr)
        self.assertTrue(bad.stderr.startswith(f"{program}: "), bad.stderr)
        if program == "godwit-agent":
            (root / "spool").mkdir()
            os.chown(root / "spool", 65532, 65532)
            good = inside("check", env={"NODE_NAME": "n", "GODWIT_BUFFER_PATH": "/spool/buffer.db",
                                        "GODWIT_MQTT_URL": "mqtt://127.0.0.1:1"})
            self.assertEqual((good.returncode, good.stdout), (0, "settings are valid\n"), good.stderr)


if __name__ == "__main__":
    unittest.main()
