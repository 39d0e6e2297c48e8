"""deploy/prometheus: the rules are right by themselves, each alert is tested and explained, and the PrometheusRule
is the same."""
import re
import subprocess
import unittest

import yaml

from promql import catalog, selectors
from small_fleet import RULES, SOURCE

HERE = SOURCE / "test/deploy"
RUNBOOK = RULES.with_name("RUNBOOK.md")


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


class RulesTest(unittest.TestCase):
    def promtool(self, *arguments):
        run = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_promtool(self):
        self.promtool("check", "rules", RULES)
        self.promtool("test", "rules", HERE / "rules_test.yaml")

    def test_every_alert_fires_in_a_test(self):
        tests = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
        fired = {name for test in tests for case in test["promql_expr_test"] for sample in case["exp_samples"]
                 for name in re.findall(r'alertname="(\w+)"', sample["labels"])}
        self.assertEqual(fired, {alert["alert"] for alert in alerts()})

    def test_every_alert_is_explained(self):
        sections = re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOK.read_text(), re.M | re.S)
        self.assertEqual([name for name, _ in sections], [alert["alert"] for alert in alerts()])
        for name, text in sections:
            for part in ("**Cause**", "**Check**", "**Remedy**"):
                self.assertIn(part, text, name)
        table = re.findall(r"^\| \[(\w+)\]\((\S+)\) \| (\w+) \|", (SOURCE / "deploy/README.md").read_text(), re.M)
        self.assertEqual(table, [(a["alert"], f"prometheus/RUNBOOK.md#{a['alert'].lower()}", a["labels"]["severity"])
                                 for a in alerts()])
        for alert in alerts():
            with self.subTest(alert=alert["alert"]):
                self.assertEqual(set(alert["annotations"]), {"summary", "description", "runbook"})
                self.assertEqual(alert["annotations"]["runbook"],
                                 f"{RUNBOOK.relative_to(SOURCE)}#{alert['alert'].lower()}")
                self.assertIn(alert["labels"]["severity"], ("critical", "warning", "info"))
                # Of a node: under its name, whatever the series calls it.
                node = "node" in alert["labels"] or "cluster, node" in alert["expr"] or "node:" in alert["expr"]
                self.assertTrue(node or "godwit_relay" in alert["expr"])

    def test_names_exist(self):
        known, recorded = catalog(), {rule["record"] for rule in rules() if "record" in rule}
        texts = [rule["expr"] for rule in rules()]
        for text in texts:
            for name, _ in selectors(text):
                self.assertTrue(name in recorded | {"up"} or known.fullmatch(name), f"{name} in {text}")
        for name in re.findall(r"`((?:godwit|hw|node)_\w+)", RUNBOOK.read_text()):
            self.assertTrue(known.fullmatch(name), name)

    def test_prometheus_rule_is_the_same(self):
        made = subprocess.run([SOURCE / "scripts/prometheus-rule", "-n", "monitoring", "prometheus=k8s"],
                              capture_output=True, check=True).stdout
        made = yaml.safe_load(made)
        self.assertEqual((made["apiVersion"], made["kind"]), ("monitoring.coreos.com/v1", "PrometheusRule"))
        self.assertEqual(made["metadata"], {"name": "godwit", "namespace": "monitoring", "labels": {
            "app.kubernetes.io/part-of": "godwit", "prometheus": "k8s"}})
        self.assertEqual(made["spec"], yaml.safe_load(RULES.read_text()))
        refused = subprocess.run([SOURCE / "scripts/prometheus-rule", "label"], capture_output=True, check=False)
        self.assertEqual((refused.returncode, refused.stdout), (64, b""))


if __name__ == "__main__":
    unittest.main()
