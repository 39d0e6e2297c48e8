"""deploy/: what the overlays render to, whether the programs and a real mosquitto take what is in them, and
whether the agent lives with the rights that it gets there."""
import base64
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import unittest

import paho.mqtt.client as mqtt
import paho.mqtt.publish as publish
import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / "test/e2e"))
sys.path.append(str(SOURCE / "test/static"))
from everything import Cgroup  # noqa: E402
from pipeline import BIN, Pipeline, Process, eventually, free_port, http_get  # noqa: E402

DEPLOY = SOURCE / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
OPTIONAL = ("jtop", "host-certificates", "relay-hpa", "node-annotations", "node-conditions")  # components that no overlay has, and that give no rights to the agent
BUILD = BIN.parent


def kustomize():
    """The command that renders a folder; components came with kubectl 1.21, Debian 12 has 1.20."""
    if shutil.which("kubectl"):
        said = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True,
                              check=False).stdout or "{}"
        version = json.loads(said).get("clientVersion", {})
        number = [int(re.match(r"\d*", version.get(part, "0")).group() or 0) for part in ("major", "minor")]
        if number >= [1, 21]:
            return ["kubectl", "kustomize"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    raise unittest.SkipTest("neither kubectl of 1.21 or newer nor kustomize is here")


def render(folder):
    run = subprocess.run([*kustomize(), folder], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [document for document in yaml.safe_load_all(run.stdout) if document]


def render_component(name):
    """An overlay with one more component, as a site's own kustomization has it."""
    with tempfile.TemporaryDirectory(prefix="godwit-deploy-") as folder:
        shutil.copytree(DEPLOY, pathlib.Path(folder) / "deploy")
        site = pathlib.Path(folder) / "site"
        site.mkdir()
        (site / "kustomization.yaml").write_text(
            f"resources: [../deploy/overlays/edgemesh]\ncomponents: [../deploy/components/{name}]\n")
        return render(site)


def renders(components=OPTIONAL):
    yield from ((name, render(DEPLOY / "overlays" / name)) for name in OVERLAYS)
    yield from ((f"edgemesh-{name}", render_component(name)) for name in components)


def all_renders():
    """With every component that no overlay has."""
    used = "".join(path.read_text() for path in (DEPLOY / "overlays").rglob("kustomization.yaml"))
    yield from renders(sorted(path.name for path in (DEPLOY / "components").iterdir()
                              if f"components/{path.name}" not in used))


def of_kind(objects, kind, name=None):
    return [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]


def pods(objects):
    for o in objects:
        if o["kind"] in ("DaemonSet", "Deployment"):
            yield o, o["spec"]["template"]["spec"]


def config_of(objects, name, key):
    """The file in the ConfigMap that the generator named name-HASH, or name-VARIANT-HASH."""
    found = [o for o in of_kind(objects, "ConfigMap") if o["metadata"]["name"].startswith(name)]
    assert len(found) == 1, found
    return found[0]["data"][key]


class RenderTest(unittest.TestCase):
    def test_golden(self):
        wrong = []
        for name in OVERLAYS:
            objects = render(DEPLOY / "overlays" / name)
            golden = SOURCE / "test/golden/deploy" / f"{name}.yaml"
            expected = list(yaml.safe_load_all(golden.read_text())) if golden.exists() else None
            if objects != expected:
                left = BUILD / "golden/deploy" / f"{name}.yaml"
                left.parent.mkdir(parents=True, exist_ok=True)
                left.write_text(yaml.safe_dump_all(objects, sort_keys=False, width=120))
                wrong.append(f"{left} is not {golden}; copy it there if it is right")
        self.assertFalse(wrong, "\n".join(wrong))

    def test_optional_components(self):
        def agent(objects):
            return next(pods(of_kind(objects, "DaemonSet")))[1]
        self.assertEqual(agent(render_component("jtop"))["securityContext"]["supplementalGroups"], [999])
        tls, = (v for v in agent(render_component("host-certificates"))["volumes"] if v["name"] == "tls")
        self.assertEqual(tls, {"name": "tls", "hostPath": {"path": "/etc/godwit-tls", "type": "Directory"}})
        asked = agent(render_component("npd"))
        self.assertIn({"name": "npd", "mountPath": "/run/npd"}, asked["containers"][0]["volumeMounts"])
        self.assertIn({"name": "GODWIT_NPD_SOCKET", "value": "/run/npd/npd-gpu-monitor.sock"},
                      asked["containers"][0]["env"])
        found = agent(render_component("nfd"))
        folder = "/etc/kubernetes/node-feature-discovery/features.d"
        self.assertIn({"name": "nfd", "mountPath": folder}, found["containers"][0]["volumeMounts"])
        self.assertIn({"name": "GODWIT_NFD_FILE", "value": f"{folder}/godwit"}, found["containers"][0]["env"])
        prepare, = (c for c in found["initContainers"] if c["name"] == "prepare-nfd")
        self.assertEqual(prepare["args"][-2:], ["--public", folder])
        self.assertEqual(agent(render_component("pod-resources"))["containers"][0]["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": False,
                          "runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}})
        scaled = render_component("relay-hpa")
        relay, = of_kind(scaled, "Deployment", "godwit-relay")
        self.assertNotIn("replicas", relay["spec"])
        self.assertEqual(len(of_kind(scaled, "HorizontalPodAutoscaler")), 1)
        nodes = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}
        for name, cluster, default in (
                ("annotations", [{**nodes, "verbs": ["get", "patch"]}], []),
                ("conditions", [nodes, {**nodes, "resources": ["nodes/status"], "verbs": ["patch"]}],
                 [{**nodes, "resources": ["events"], "verbs": ["create", "patch"]}])):
            writes = render_component(f"node-{name}")
            role, = of_kind(writes, "ClusterRole")
            self.assertEqual(role["rules"], cluster)
            self.assertEqual([r for o in of_kind(writes, "Role") for r in o["rules"]], default)
            for binding in of_kind(writes, "ClusterRoleBinding") + of_kind(writes, "RoleBinding"):
                self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
                self.assertEqual([(s["namespace"], s["name"]) for s in binding["subjects"]],
                                 [("godwit", "godwit-relay")])
            relay = next(pods(of_kind(writes, "Deployment", "godwit-relay")))[1]["containers"][0]
            self.assertIn({"name": f"GODWIT_KUBERNETES_{name.upper()}", "value": "true"}, relay["env"])

    def test_rights(self):
        for name, objects in renders():
            for workload, pod in pods(objects):
                with self.subTest(overlay=name, workload=workload["metadata"]["name"]):
                    self.assertIs(pod["automountServiceAccountToken"], workload["kind"] == "Deployment" and
                                  ("eventbus" in str(pod["volumes"]) or
                                   ("-node-" in name and "relay" in workload["metadata"]["name"])))
                    self.assertIs(pod["enableServiceLinks"], False)
                    self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
                    self.assertGreater(pod["securityContext"]["runAsUser"], 1000)
                    self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                    for container in pod["containers"] + pod.get("initContainers", []):
                        rights = container["securityContext"]
                        self.assertNotIn("privileged", rights)
                        self.assertIs(rights["readOnlyRootFilesystem"], True)
                        self.assertIs(rights["allowPrivilegeEscalation"], False)
                        self.assertEqual(rights["capabilities"]["drop"], ["ALL"])
                        self.assertEqual(container["imagePullPolicy"], "IfNotPresent")
                        self.assertIn("memory", container["resources"]["limits"])
                        self.assertRegex(container["image"], r":\d")
                        if container["name"] != "prepare-spool":
                            self.assertNotIn("add", rights["capabilities"])
                            self.assertNotIn("runAsUser", rights)
                        for mount in container["volumeMounts"]:
                            self.assertTrue(mount.get("readOnly") or mount["name"] == "spool", mount)

    def test_agent_on_edge_nodes(self):
        for name in OVERLAYS:
            agent, pod = next(pods(of_kind(render(DEPLOY / "overlays" / name), "DaemonSet")))
            with self.subTest(overlay=name):
                self.assertEqual(pod["tolerations"], [{"operator": "Exists"}])
                self.assertTrue(pod["hostNetwork"])
                self.assertEqual(pod["dnsPolicy"], "ClusterFirstWithHostNet")
                term, = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
                    "nodeSelectorTerms"]
                keys = [(e["key"], e["operator"]) for e in term["matchExpressions"]]
                if name == "npu-smi":
                    self.assertEqual(keys, [("godwit/npu-smi", "Exists")])
                else:
                    self.assertEqual(keys[-1], ("godwit/npu-smi", "DoesNotExist"))
                    self.assertEqual(keys[0][0] == "node-role.kubernetes.io/edge", name != "standalone")
                host, = (v for v in pod["volumes"] if v["name"] == "host")
                self.assertEqual(host["hostPath"]["path"], "/")
                self.assertEqual(agent["spec"]["updateStrategy"]["rollingUpdate"], {"maxUnavailable": "10%"})
                self.assertEqual(pod["containers"][0]["livenessProbe"]["httpGet"]["host"], "127.0.0.1")

    def test_relay_may_no_more_than_it_does(self):
        for name in OVERLAYS:
            objects = render(DEPLOY / "overlays" / name)
            rules = [rule for kind in ("ClusterRole", "Role") for role in of_kind(objects, kind)
                     for rule in role["rules"]]
            with self.subTest(overlay=name):
                if name in ("eventbus", "kubesphere"):
                    self.assertEqual(rules, [
                        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
                        {"apiGroups": ["rules.kubeedge.io"], "resources": ["rules", "ruleendpoints"],
                         "verbs": ["list", "create", "delete"]}])
                else:
                    self.assertEqual(rules, [])

    def test_names_point_at_something(self):
        """Services, policies and budgets select pods that are there; all but the Secrets is in the render."""
        for name, objects in renders():
            labels = [o["spec"]["template"]["metadata"]["labels"] for o, _ in pods(objects)]
            for o in objects:
                selector = o.get("spec", {}).get("podSelector") or o.get("spec", {}).get("selector") or {}
                wanted = selector.get("matchLabels", selector)
                if wanted and o["kind"] != "ServiceMonitor" and o["metadata"]["namespace"] == "godwit":
                    self.assertTrue(any(wanted.items() <= have.items() for have in labels), (name, o["kind"], wanted))
            for _, pod in pods(objects):
                for volume in pod["volumes"]:
                    if "configMap" in volume:
                        self.assertTrue(of_kind(objects, "ConfigMap", volume["configMap"]["name"]), (name, volume))
                self.assertEqual({m["name"] for c in pod["containers"] + pod.get("initContainers", [])
                                  for m in c["volumeMounts"]}, {v["name"] for v in pod["volumes"]}, name)

    def test_programs_take_their_settings(self):
        with tempfile.TemporaryDirectory(prefix="godwit-deploy-") as folder:
            for name, objects in renders():
                for program in ("agent", "relay"):
                    if not any(o["metadata"]["name"].startswith(f"godwit-{program}")
                               for o in of_kind(objects, "ConfigMap")):
                        self.assertEqual((name, program), ("npu-smi", "relay"))
                        continue
                    path = pathlib.Path(folder) / f"{name}-{program}.yaml"
                    path.write_text(config_of(objects, f"godwit-{program}", f"{program}.yaml"))
                    container = next(c for _, pod in pods(objects) for c in pod["containers"]
                                     if c["name"] == program)
                    environment = {e["name"]: e["value"].replace("$(NODE_NAME)", "edge-1")
                                   for e in container.get("env", []) if "value" in e}
                    run = subprocess.run([BIN / f"godwit-{program}", "check", "--config", path], check=False,
                                         capture_output=True, text=True,
                                         env={**os.environ, **environment, "NODE_NAME": "edge-1",
                                              "KUBERNETES_SERVICE_HOST": "10.96.0.1"})  # as in every pod
                    self.assertEqual(run.returncode, 0, f"{name}: {run.stderr}")


def run_readme_install(here):
    """The commands of README.md, word for word, in a folder with all that they name; `here` has another kubectl."""
    text = (SOURCE / "README.md").read_text()
    block = re.search(r"## Install on KubeEdge.*?```sh\n(.*?)```", text, re.S)[1]
    shutil.copytree(DEPLOY, here / "deploy")
    (here / "scripts").mkdir()
    shutil.copy(SOURCE / "scripts/make-pki", here / "scripts")
    (here / "kubectl").chmod(0o755)
    return subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=here, check=False, capture_output=True,
                          text=True, env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}"})


class ReadmeTest(unittest.TestCase):
    def test_install_on_kubeedge(self):
        """Only kubectl takes what it is given and looks at it."""
        with tempfile.TemporaryDirectory(prefix="godwit-readme-") as folder:
            here = pathlib.Path(folder)
            (here / "kubectl").write_text(
                "#!/bin/sh\nset -e\necho \"$*\" >>calls\ncase \"$*\" in\n"
                f"'apply -k '*) {' '.join(kustomize())} \"$3\" >objects ;;\n"
                "*'-f -') cat >secrets ;;\nesac\n".replace("kubectl kustomize", f"{shutil.which('kubectl')} kustomize"))
            run = run_readme_install(here)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(len((here / "calls").read_text().splitlines()), 4)
            objects = list(yaml.safe_load_all((here / "objects").read_text()))
            self.assertTrue(of_kind(objects, "DaemonSet", "godwit-agent"))
            made = {s["metadata"]["name"] for s in yaml.safe_load_all((here / "secrets").read_text())}
            self.assertLessEqual({v["secret"]["secretName"] for _, pod in pods(objects) for v in pod["volumes"]
                                  if "secret" in v}, made)


class SchemaTest(unittest.TestCase):
    def test_kubernetes_schemas(self):
        """All objects but those of others' CRDs, against the schemas that the PyPI package brings along."""
        import kubernetes_validate
        for name, objects in all_renders():
            for o in objects:
                if o["apiVersion"].split("/")[0] == "monitoring.coreos.com":
                    continue
                for version in ("1.25", "1.30", "1.37"):
                    with self.subTest(overlay=name, kind=o["kind"], version=version):
                        kubernetes_validate.validate(o, version, strict=True)


def make_pki(folder, *arguments):
    return subprocess.run([SOURCE / "scripts/make-pki", "--dir", folder, *arguments], check=True,
                          capture_output=True, text=True).stdout


class PkiTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-pki-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def files(self):
        return {path.relative_to(self.folder): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def test_changes_nothing_that_is_there(self):
        make_pki(self.folder, "edge-1")
        before = self.files()
        for path in before:
            self.assertEqual(stat.S_IMODE((self.folder / path).stat().st_mode), 0o600, path)
        make_pki(self.folder, "edge-1", "edge-2")
        after = self.files()
        self.assertLessEqual(before.items(), after.items())
        self.assertEqual({str(path) for path in after.keys() - before.keys()},
                         {"nodes/edge-2.crt", "nodes/edge-2.key"})
        (self.folder / "ca.crt").unlink()
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            make_pki(self.folder, "edge-3")
        self.assertIn("nothing is made in its place", refused.exception.stderr)
        self.assertEqual((self.folder / "ca.key").read_bytes(), before[pathlib.Path("ca.key")])

    def test_secrets_are_those_that_the_overlays_want(self):
        made = {s["metadata"]["name"]: s for s in yaml.safe_load_all(
            make_pki(self.folder, "--secrets", "--node-keys", "edge-1", "edge-2"))}
        wanted = {volume["secret"]["secretName"] for name in OVERLAYS
                  for _, pod in pods(render(DEPLOY / "overlays" / name))
                  for volume in pod["volumes"] if "secret" in volume}
        self.assertLessEqual(wanted, made.keys())
        self.assertEqual(made["godwit-node-certificates"]["data"].keys(),
                         {"ca.crt", "edge-1.crt", "edge-1.key", "edge-2.crt", "edge-2.key"})
        held = base64.b64decode(made["godwit-node-certificates"]["data"]["edge-1.key"])
        self.assertEqual(held, (self.folder / "nodes/edge-1.key").read_bytes())
        key = (self.folder / "ca.key").read_bytes()
        self.assertFalse([s for s in made.values() for v in s["data"].values() if base64.b64decode(v) == key])

    def test_names_that_would_be_topics_of_others(self):
        for name in ("a/b", "+", "#", "relay", "godwit-relay", "x" * 65, "UPPER"):
            with self.subTest(name), self.assertRaises(subprocess.CalledProcessError):
                make_pki(self.folder, name)


STEADY = "".join(f"  {name}: {{enabled: false}}\n" for name in ("network", "filesystem", "disk"))


class BrokerTest(unittest.TestCase):
    """The broker's ConfigMap in a real mosquitto, with the certificates of scripts/make-pki."""

    def broker(self, p):
        objects = render(DEPLOY / "overlays/edgemesh")
        self.pki = p.folder / "pki"
        make_pki(self.pki, "--broker", "127.0.0.1", "edge-1", "edge-2")
        (p.folder / "acl").write_text(config_of(objects, "godwit-broker", "acl"))
        (p.folder / "acl").chmod(0o644)
        port = free_port()
        config = config_of(objects, "godwit-broker", "mosquitto.conf")
        for old, new in (("listener 8883", f"listener {port} 127.0.0.1\nsocket_domain ipv4"),
                         ("/mosquitto/config/acl", f"{p.folder}/acl"), ("/mosquitto/tls/ca.crt", f"{self.pki}/ca.crt"),
                         ("/mosquitto/tls/tls.", f"{self.pki}/broker.")):
            self.assertIn(old, config)
            config = config.replace(old, new)
        path = p.folder / "secure.conf"
        path.write_text("user root\n" * (os.getuid() == 0) + config)
        p.add(Process(p.folder, "secure", [p.broker.argv[0], "-c", path])).start()
        eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None, what="the secure listener")
        return port

    def mqtt(self, port, name):
        pair = self.pki / ("relay" if name == "relay" else f"nodes/{name}")
        return (f"mqtt:\n  url: mqtts://127.0.0.1:{port}\n  tls:\n    ca: {self.pki}/ca.crt\n"
                f"    cert: {pair}.crt\n    key: {pair}.key\n")

    def client(self, port, name, **calls):
        client = mqtt.Client(f"test-{name}", protocol=mqtt.MQTTv5)
        pair = self.pki / f"nodes/{name}"
        client.tls_set(f"{self.pki}/ca.crt", f"{pair}.crt", f"{pair}.key")
        for event, call in calls.items():
            setattr(client, event, call)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.addCleanup(client.disconnect)
        eventually(client.is_connected, what=f"{name} connected")
        return client

    def test_delivery_under_own_name(self):
        with Pipeline() as p:
            port = self.broker(p)
            p.relay(mqtt=self.mqtt(port, "relay"))
            agents = [p.agent(name, mqtt=self.mqtt(port, name), collectors=STEADY) for name in ("edge-1", "edge-2")]
            for agent in agents:
                eventually(lambda a=agent: json.loads(http_get(a.http + "/debug"))["delivered_seq"] > 10,
                           what=f"{agent.node} delivers")
            for agent in agents:
                self.assertGreater(p.compare(agent.node, p.deliver_all(agent)), 100)

    def test_nodes_are_kept_apart(self):
        with Pipeline() as p:
            port = self.broker(p)
            seen, nodes = {"edge-1": [], "edge-2": []}, {}
            for name in seen:
                nodes[name] = self.client(
                    port, name,
                    on_message=lambda c, u, m, to=seen[name]: to.append((m.topic, m.payload)))
                subscribed = []
                nodes[name].on_subscribe = lambda *a, to=subscribed: to.append(a)
                nodes[name].subscribe("#", 1)
                eventually(lambda to=subscribed: to, what="SUBACK")
            one = nodes["edge-1"]
            for topic in ("godwit/v1/edge-2/up", "godwit/v1/edge-2/down", "godwit/v1/edge-2/status",
                          "godwit/v1/edge-1/down", "godwit/v1/relay", "elsewhere"):
                one.publish(topic, b"forged", 1).wait_for_publish(10)
            one.publish("godwit/v1/edge-1/up", b"own", 1).wait_for_publish(10)
            # Answers of the relay go to their node alone.
            relay = {"ca_certs": f"{self.pki}/ca.crt", "certfile": f"{self.pki}/relay.crt",
                     "keyfile": f"{self.pki}/relay.key"}
            for topic in (*(f"godwit/v1/{node}/down" for node in seen), "godwit/v1/relay"):
                publish.single(topic, topic, 1, hostname="127.0.0.1", port=port, tls=relay)
            for node, messages in seen.items():
                own = [f"godwit/v1/{node}/down", "godwit/v1/relay"]
                eventually(lambda m=messages: len(m) >= len(own), what="the relay's messages")
                self.assertEqual(messages, [(topic, topic.encode()) for topic in own])

    def test_nobody_without_a_certificate_of_ours(self):
        with Pipeline() as p:
            port = self.broker(p)
            other = p.folder / "other"
            make_pki(other, "edge-1")
            for pair in (None, (other / "nodes/edge-1.crt", other / "nodes/edge-1.key")):
                context = ssl.create_default_context(cafile=self.pki / "ca.crt")
                if pair:
                    context.load_cert_chain(*pair)
                with self.subTest(pair=pair), socket.create_connection(("127.0.0.1", port), 10) as plain:
                    connect = bytes.fromhex("100f00044d5154540402003c000378787800")[:17]
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        with context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
                            link.sendall(connect)
                            if not link.recv(4):
                                raise ConnectionError("closed without CONNACK")


LOADER = SOURCE / "test/deploy/runtime_default.py"


def end_of(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def can_unshare():
    return os.getuid() == 0 and subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False,
                                               capture_output=True).returncode == 0


class ContextTest(unittest.TestCase):
    """The containers of the DaemonSet with their user, groups, capabilities, mounts, seccomp profile and memory limit,
    in namespaces of their own."""

    def setUp(self):
        if not can_unshare():
            self.skipTest("needs root and namespaces")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-context-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.pod = next(pods(of_kind(render_component("jtop"), "DaemonSet")))[1]
        self.spool = self.folder / "spool"
        self.spool.mkdir(0o700)
        (self.spool / "buffer.db.damaged").write_text("of an earlier life as another user")
        self.config = self.folder / "config"
        self.config.mkdir()
        self.config.chmod(0o755)
        self.host_run = self.folder / "run"
        self.host_run.mkdir(0o755)

    def command(self, container, cgroup=None):
        """The container's command in a root of its own, where only what is mounted for it can be written."""
        rights = {**self.pod["securityContext"], **container["securityContext"]}
        self.assertEqual(rights["capabilities"]["drop"], ["ALL"])
        self.assertEqual(rights["seccompProfile"], {"type": "RuntimeDefault"})
        kept = "".join(f",+{c.lower()}" for c in rights["capabilities"].get("add", []))
        groups = ",".join(map(str, [rights["fsGroup"], *rights.get("supplementalGroups", [])]))
        sources = {"spool": (self.spool, "rw"), "config": (self.config, "ro"), "host": ("/", "ro"), "tls": None}
        script = ["set -e", 'root=$1; shift', 'mount -t tmpfs -o mode=755 none "$root"', 'cd "$root"',
                  "mkdir proc dev etc lib lib64 usr bin", "mount -t proc none proc", "mount --rbind /dev dev",
                  f"mount --bind {self.host_run} /run"]  # as the host's, for the service whose socket is in it
        # The ordinary build is linked dynamically; the one of the image needs none of these.
        script += [f'[ ! -e /{d} ] || mount --bind /{d} {d}; mount -o remount,ro,bind {d} 2>/dev/null || true'
                   for d in ("lib", "lib64", "usr")]
        script += [f"mkdir program; mount --bind {BIN} program", "cp /etc/ld.so.cache etc/ 2>/dev/null || true"]
        for mount in container["volumeMounts"]:
            source = sources[mount["name"]]
            if source is None:
                continue
            path = mount["mountPath"].lstrip("/")
            bind = "--rbind" if mount["name"] == "host" else "--bind"
            script += [f"mkdir -p {path}", f"mount {bind} {source[0]} {path}"]
            if mount.get("readOnly"):
                script += [f"mount -o remount,ro,bind {path}"]
        # Root is changed before the rights are given up: it takes one that the program must not have.
        script += ['mount -o remount,ro "$root"', f'exec /usr/bin/python3 -B {LOADER} "$root" '
                   f'"{cgroup.folder if cgroup and cgroup.folder else ""}" /usr/bin/setpriv --no-new-privs '
                   f'--reuid {rights["runAsUser"]} --regid {rights["runAsGroup"]} --groups {groups} '
                   f'--bounding-set=-all{kept} --inh-caps=-all{kept} /program/godwit-agent "$@"']
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c",
                "\n".join(script), "sh", root, *container["args"]]

    def prepare(self):
        container = self.pod["initContainers"][0]
        run = subprocess.run(self.command(container), capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_spool_is_prepared_again_and_again(self):
        for owner in ((0, 0), (65532, 65532), (1234, 1234)):
            os.chown(self.spool, *owner)
            self.spool.chmod(0o700)
            self.prepare()
            info = self.spool.stat()
            self.assertEqual((info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)), (65532, 65532, 0o750))
            info = (self.spool / "buffer.db.damaged").stat()
            self.assertEqual((info.st_uid, info.st_gid), (65532, 65532))

    def test_agent_works_with_what_it_may(self):
        limit = self.pod["containers"][0]["resources"]["limits"]["memory"]
        self.assertRegex(limit, r"^\d+Mi$")
        self.run_agent(int(limit[:-2]) << 20)

    def test_agent_in_a_quarter_of_its_memory(self):
        self.run_agent(16 << 20)

    def test_what_is_not_listed_is_refused(self):
        """The profile is one: keyring, namespaces and mounts are refused, and clone3 is said not to exist."""
        call = ("import ctypes; c = ctypes.CDLL(None, use_errno=True); "
                "print([c.syscall(*a) and ctypes.get_errno() for a in {calls}])")
        calls = {"x86_64": [(250, 0), (272, 0x10000000), (165, 0, 0, 0, 0, 0), (435, 0, 0), (39,)],
                 "aarch64": [(219, 0), (97, 0x10000000), (40, 0, 0, 0, 0, 0), (435, 0, 0), (172,)]}[os.uname().machine]
        said = subprocess.run(["/usr/bin/python3", LOADER, "/", "", "/usr/bin/python3", "-c", call.format(calls=calls)],
                              capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(said)[:4], [errno.EPERM] * 3 + [errno.ENOSYS])

    def run_agent(self, limit):
        cgroup = Cgroup(limit)
        self.addCleanup(cgroup.remove)
        if not cgroup.folder and limit < 32 << 20:
            self.skipTest("no memory cgroup can be made here")
        self.prepare()
        port, container = free_port(), self.pod["containers"][0]
        (self.config / "agent.yaml").write_text(
            f"root: /host\ninterval: 200ms\nmqtt: {{url: \"\"}}\nhttp: {{listen: \"127.0.0.1:{port}\"}}\n"
            "collectors: {npu_smi: {command: /etc/godwit/npu-smi}}\n")
        capture = "npu-smi/910B/01-info-910B3-8cards-24.1.rc1.b030.txt"
        shutil.copy(SOURCE / "test/fixtures" / capture, self.config / "capture")
        (self.config / "npu-smi").write_text("#!/usr/bin/sh\nexec /usr/bin/cat /etc/godwit/capture\n")
        (self.config / "npu-smi").chmod(0o755)
        jtop = Process(self.folder, "jtop", [sys.executable, SOURCE / "test/peers/jtop_sim.py", "--socket",
                                             self.host_run / "jtop.sock", "--profile", "xavier-nx-4.2.7"]).start()
        self.addCleanup(jtop.stop)
        eventually((self.host_run / "jtop.sock").exists, what="jtop's socket")
        os.chown(self.host_run / "jtop.sock", 0, self.pod["securityContext"]["supplementalGroups"][0])
        (self.host_run / "jtop.sock").chmod(0o660)
        agent = Process(self.folder, "agent", self.command(container, cgroup), {"NODE_NAME": "edge-1"})
        agent.start()
        self.addCleanup(agent.stop, 9)
        pid = self.inner_pid(agent.child.pid)
        # unshare's end would not be the agent's: who gives up rights gives up the signal for it.
        self.addCleanup(end_of, pid)

        def read():
            return http_get(f"http://127.0.0.1:{port}/metrics").decode()

        def names(metrics):
            return set(re.findall(r"^# TYPE (node_\w+)", metrics, re.M))
        wanted = names(subprocess.run([BIN / "godwit-agent", "once", "--format", "prom"], capture_output=True, text=True,
                                      check=False, cwd=self.folder).stdout)
        self.assertGreater(len(wanted), 50)
        try:
            eventually(lambda: wanted <= names(m := read()) and "gpu_utilization_ratio{" in m and 'hw_type="npu"' in m,
                       what="what root reads outside, jtop and npu-smi")
        except AssertionError:
            print(agent.output(), wanted - names(read()), file=sys.stderr)
            raise
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual(status["Uid"].split(), ["65532"] * 4)
        self.assertEqual(status["Groups"].split(), ["999", "65532"])
        self.assertEqual({int(status[f"Cap{which}"], 16) for which in ("Prm", "Eff", "Inh", "Bnd", "Amb")}, {0})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertTrue((self.spool / "buffer.db").exists())
        # Half of its limit, though this build is larger than the static one.
        self.assertLess(int(status["VmRSS"].split()[0]), 32 << 10)
        if cgroup.folder:
            self.assertIn(str(pid), (cgroup.folder / "cgroup.procs").read_text().split())
            self.assertEqual(cgroup.kills(), 0, cgroup.report())
        self.assertNotIn("terminate", agent.output())
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(agent.child.wait(20), 0)

    def inner_pid(self, pid):
        """Of the agent, below unshare."""
        def find():
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return children and int(children[0])
        return eventually(find, what="the agent's process")


class SystemdTest(unittest.TestCase):
    def test_exposure(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        for unit in sorted((DEPLOY / "systemd").glob("*.service")):
            run = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True,
                                 text=True, check=False)
            found = re.search(r"exposure level for \S+: ([0-9.]+)", run.stdout)
            if not found:
                self.skipTest(f"systemd-analyze cannot judge a file: {run.stderr.strip()}")
            self.assertLessEqual(float(found[1]), 2.0, unit.name)


if __name__ == "__main__":
    unittest.main()
