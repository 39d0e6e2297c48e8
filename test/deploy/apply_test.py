"""deploy/ in a real kube-apiserver: what it refuses or warns of, what the relay may do there, and whether that is
what it does. scripts/test --kubernetes runs this; there are no controllers and no nodes but those made here."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

import deploy_test
from deploy_test import BIN, DEPLOY, OVERLAYS
from pipeline import Process, eventually, free_port

REAL = json.loads(os.environ.get("GODWIT_KUBERNETES", "null"))
RELAY = "system:serviceaccount:godwit:godwit-relay"
AS_RELAY = [f"--as={RELAY}", "--as-group=system:authenticated", "--as-group=system:serviceaccounts",
            "--as-group=system:serviceaccounts:godwit"]
RULES = "rules.rules.kubeedge.io"
ENDPOINTS = "ruleendpoints.rules.kubeedge.io"


def kubectl(*words, given=None, fails=False):
    """What it prints; a warning is an error too."""
    run = subprocess.run(["kubectl", *map(str, words)], capture_output=True, text=True, check=False,
                         input=given if given is None or isinstance(given, str) else yaml.safe_dump_all(given))
    assert fails or run.returncode == 0, f"kubectl {words}: {run.stderr}"
    assert fails or "Warning" not in run.stderr, f"kubectl {words}: {run.stderr}"
    return run.stdout + run.stderr * fails


def objects(kind, *words):
    return json.loads(kubectl("get", kind, "-o", "json", *words))["items"]


def rights(namespace, who):
    """(verb, resource) as the server judges."""
    asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    told = json.loads(kubectl("create", "--validate=false", "-f", "-", "-o", "json", *who, given=[asked]))["status"]
    assert not told.get("incomplete"), told
    return {(verb, ".".join(filter(None, (resource, group)))) for rule in told["resourceRules"] for verb in rule["verbs"]
            for resource in rule["resources"] for group in rule["apiGroups"]}


def relay_rights(namespace):
    nobody = [word.replace(RELAY, "system:serviceaccount:godwit:nobody") for word in AS_RELAY]
    return rights(namespace, AS_RELAY) - rights(namespace, nobody)


def can_i(namespace, verb, what):
    resource, _, part = what.partition("/")
    return kubectl("-n", namespace, "auth", "can-i", verb, resource, *([f"--subresource={part}"] if part else []),
                   *AS_RELAY, fails=True).split()[0]


def apply(given):
    kubectl("apply", "--validate=strict", "-f", "-", given=given)


def wipe():
    """All of ours, and what the controller of namespaces would do."""
    for where in (("-n", "godwit"), ("-n", "default"), ("-n", "kubeedge")):
        kubectl(*where, "delete", f"pods,secrets,configmaps,services,serviceaccounts,deployments,daemonsets,roles,rolebindings,"
                f"networkpolicies,poddisruptionbudgets,hpa,servicemonitors,{RULES},{ENDPOINTS}", "--all",
                "--force", "--grace-period=0", fails=True)
    for kind in ("clusterroles", "clusterrolebindings"):
        ours = [o["metadata"]["name"] for o in objects(kind) if o["metadata"]["name"].startswith("godwit")]
        kubectl("delete", kind, "--ignore-not-found", "none", *ours)
    kubectl("delete", "nodes", "--all")
    kubectl("delete", "--wait=false", "--ignore-not-found", "namespace", "godwit")
    for space in objects("namespaces"):
        if space["metadata"]["name"] == "godwit":
            space["spec"].pop("finalizers")
            kubectl("replace", "--raw", "/api/v1/namespaces/godwit/finalize", "-f", "-", given=json.dumps(space))


def make_node(name, labels):
    apply([{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}])


@unittest.skipUnless(REAL, "needs an API server: scripts/test --kubernetes")
class ApplyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for name in ("kubeedge", "kubesphere-monitoring-system"):
            apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])

    def setUp(self):
        wipe()

    def test_dry_run_of_every_render(self):
        for way in ((), ("--server-side",)):
            wipe()
            kubectl("apply", *way, "-k", DEPLOY / "base/namespace")
            for name, rendered in deploy_test.all_renders():
                with self.subTest(overlay=name, way=way):
                    told = kubectl("apply", *way, "--dry-run=server", "--validate=strict", "-f", "-", given=rendered)
                    self.assertEqual(len(told.splitlines()), len(rendered), told)

    def test_strict_validation_is_on(self):
        kubectl("apply", "-k", DEPLOY / "base/namespace")
        wrong = yaml.safe_load((DEPLOY / "base/relay/service.yaml").read_text())
        wrong["spec"]["selektor"] = {}
        told = kubectl("apply", "--dry-run=server", "--validate=strict", "-n", "godwit", "-f", "-",
                       given=[wrong], fails=True)
        self.assertIn("selektor", told)

    def test_pods_are_admitted(self):
        for overlay in OVERLAYS:
            wipe()
            rendered = deploy_test.render(DEPLOY / "overlays" / overlay)
            kubectl("apply", "-k", DEPLOY / "base/namespace")
            # A controller's work, as are the Pods.
            apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "godwit"}}])
            apply(rendered)
            for workload, spec in deploy_test.pods(rendered):
                name = workload["metadata"]["name"]
                with self.subTest(overlay=overlay, pod=name):
                    apply([{"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {
                        "name": name, "namespace": "godwit", **workload["spec"]["template"]["metadata"]}}])
                    made = json.loads(kubectl("-n", "godwit", "get", "pod", name, "-o", "json"))
                    tokens = [v for v in made["spec"]["volumes"] if v["name"].startswith("kube-api-access")]
                    self.assertEqual(len(tokens), name == "godwit-relay" and overlay in ("eventbus", "kubesphere"))
            # All but the agents, which are on the host's network and see its files, are of the strictest level.
            told = kubectl("label", "--dry-run=server", "--overwrite", "namespace", "godwit",
                           "pod-security.kubernetes.io/enforce=restricted", fails=True)
            warned = re.findall(r"Warning: (godwit-[a-z-]+)", told)
            self.assertEqual(warned, [w["metadata"]["name"] for w, _ in deploy_test.pods(rendered)
                                      if w["kind"] == "DaemonSet"], told)

    def test_readme_word_for_word(self):
        with tempfile.TemporaryDirectory(prefix="godwit-apply-") as folder:
            here = pathlib.Path(folder)
            (here / "kubectl").write_text(  # nobody rolls out here
                '#!/bin/sh\nPATH=${PATH#*:}\ncase "$*" in\n*"rollout status"*) exec kubectl -n godwit get "$5" ;;\n'
                '*) exec kubectl "$@" ;;\nesac\n')
            run = deploy_test.run_readme_install(here)
            self.assertEqual((run.returncode, re.findall("Warning.*", run.stderr)), (0, []), run.stderr)
        for kind, name in (("daemonset", "godwit-agent"), ("deployment", "godwit-relay"), ("secret", "godwit-eventbus-key")):
            kubectl("-n", "godwit", "get", kind, name)
        kubectl("delete", "--wait=false", "-k", DEPLOY / "overlays/eventbus")
        for kind in ("clusterroles", "clusterrolebindings"):
            self.assertFalse([o for o in objects(kind) if o["metadata"]["name"].startswith("godwit")])

    def test_rights(self):
        nodes = {("get", "nodes"), ("patch", "nodes")}
        for overlay, component, cluster, own, default in (
                ("eventbus", None, {("list", "nodes")},
                 {(verb, kind) for verb in ("list", "create", "delete") for kind in (RULES, ENDPOINTS)}, set()),
                ("edgemesh", None, set(), set(), set()),
                ("edgemesh", "node-annotations", nodes, set(), set()),
                ("edgemesh", "node-conditions", {("get", "nodes"), ("patch", "nodes/status")}, set(),
                 {("create", "events"), ("patch", "events")})):
            with self.subTest(overlay=overlay, component=component):
                wipe()
                rendered = (deploy_test.render_component(component) if component
                            else deploy_test.render(DEPLOY / "overlays" / overlay))
                apply(rendered)
                for namespace, more in (("godwit", own), ("default", default), ("kube-system", set())):
                    eventually(lambda n=namespace, m=more: relay_rights(n) == cluster | m, 20,
                               f"rights in {namespace}, which are {relay_rights(namespace)}")
                for namespace, more in (("godwit", own), ("default", default)):
                    for verb, what in cluster | more:
                        self.assertEqual(can_i(namespace, verb, what), "yes", (namespace, verb, what))
                    for verb, what in (("get", "secrets"), ("delete", "nodes"), ("update", "nodes"), ("create", "pods")):
                        self.assertEqual(can_i(namespace, verb, what), "no", (namespace, verb, what))

    def test_relay_keeps_rules_with_all_its_rights(self):
        audit = pathlib.Path(REAL["audit"])
        start = len(audit.read_text())
        kubectl("apply", "-k", DEPLOY / "overlays/eventbus")
        edge = {"node-role.kubernetes.io/edge": ""}
        for name in ("edge-1", "edge-2", "edge-3"):
            make_node(name, edge)
        make_node("cloud-1", {})

        def rules():
            return {o["metadata"]["name"]: o for o in objects(RULES, "-n", "godwit")}

        def endpoints():
            return sorted(o["spec"]["ruleEndpointType"] for o in objects(ENDPOINTS, "-n", "godwit"))
        with tempfile.TemporaryDirectory(prefix="godwit-apply-") as folder:
            here = pathlib.Path(folder)
            (here / "token").write_text(kubectl("-n", "godwit", "create", "token", "godwit-relay"))
            (here / "key").write_text("0123456789abcdef" * 4)
            rendered = deploy_test.render(DEPLOY / "overlays/eventbus")
            settings = yaml.safe_load(deploy_test.config_of(rendered, "godwit-relay", "relay.yaml"))
            settings["eventbus"]["master_key_file"] = str(here / "key")
            settings["kubernetes"] = {"url": REAL["url"], "ca": REAL["ca"], "token_file": str(here / "token")}
            settings["http"] = {"listen": f"127.0.0.1:{free_port()}"}
            settings["web"] = {"listen": ""}
            (here / "relay.yaml").write_text(yaml.safe_dump(settings))
            argv = [BIN / "godwit-relay", "run", "--config", here / "relay.yaml"]
            relay = Process(here, "relay", argv).start()
            self.addCleanup(relay.stop)
            wanted = {"godwit-down", "godwit-up-edge-1", "godwit-up-edge-2", "godwit-up-edge-3"}
            eventually(lambda: not relay.alive() or rules().keys() == wanted, 60, "a Rule of each edge node")
            self.assertTrue(relay.alive(), relay.output())
            self.assertEqual(endpoints(), ["eventbus", "rest"])
            self.assertEqual(rules()["godwit-up-edge-2"]["spec"]["sourceResource"],
                             {"topic": "user/godwit/up", "node_name": "edge-2"})
            down = rules()["godwit-down"]["metadata"]["uid"]

            kubectl("-n", "godwit", "delete", RULES, "godwit-up-edge-1")
            kubectl("-n", "godwit", "patch", RULES, "godwit-up-edge-2", "--type=merge", "-p",
                    '{"spec": {"sourceResource": {"topic": "elsewhere"}}}')
            kubectl("-n", "godwit", "delete", ENDPOINTS, "godwit-eventbus")
            kubectl("-n", "godwit", "patch", ENDPOINTS, "godwit-rest", "--type=merge", "-p",
                    '{"spec": {"ruleEndpointType": "servicebus"}}')
            make_node("edge-4", edge)
            kubectl("delete", "node", "edge-3")
            wanted = wanted - {"godwit-up-edge-3"} | {"godwit-up-edge-4"}
            eventually(lambda: rules().keys() == wanted and rules()["godwit-up-edge-2"]["spec"]["sourceResource"]["topic"]
                       == "user/godwit/up", 60, "Rules are healed")
            eventually(lambda: endpoints() == ["eventbus", "rest"], 10, "RuleEndpoints are healed")
            self.assertEqual(rules()["godwit-down"]["metadata"]["uid"], down, "what was right is left alone")
            self.assertEqual(relay.stop(), 0, relay.output())

        done, refused = set(), []
        for line in audit.read_text()[start:].splitlines():
            event = json.loads(line)
            if not event.get("userAgent", "").startswith("godwit-relay/"):
                continue
            self.assertEqual(event["user"]["username"], RELAY)
            about = event["objectRef"]
            done.add((event["verb"], ".".join(filter(None, (about["resource"], about.get("apiGroup"))))))
            refused += [event] * (event["responseStatus"]["code"] in (401, 403))
        self.assertEqual(refused, [])
        self.assertEqual(done, relay_rights("godwit"), "what the relay did, and what it may")


if __name__ == "__main__":
    unittest.main()
