"""Series that are not ours, through the whole pipeline: a real node_exporter is scraped by an agent and, to
compare, by Prometheus itself; a series or a target that ends is gone at once."""
import json
import unittest
import urllib.parse

from pipeline import Pipeline, Process, Prometheus, eventually, free_port, http_get, series_text

OWN = ("instance", "job", "target")


class ScrapeTest(unittest.TestCase):
    def query(self, p, expression):
        query = urllib.parse.urlencode({"query": expression})
        return json.loads(http_get(f"http://127.0.0.1:{p.database.port}/api/v1/query?{query}"))["data"]["result"]

    def rows(self, p, selector):
        """{series without the labels of its source: [(time, value)] of the last 5 minutes}."""
        rows = {}
        for row in self.query(p, f"{selector}[5m]"):
            labels = {k: v for k, v in row["metric"].items() if k not in OWN}
            rows[series_text(labels)] = [(time, float(value)) for time, value in row["values"]]
        return rows

    def test_node_exporter_arrives_complete(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}/metrics"
        direct = f"""scrape_configs:
  - job_name: direct
    scrape_interval: 1s
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
        with Pipeline(lambda folder: Prometheus(folder, scrape_configs=direct)) as p:
            exporter = p.add(Process(p.folder, "node_exporter", [
                "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"])).start()
            eventually(lambda: http_get(url), what="node_exporter answers")
            texts = p.folder / "texts"
            texts.mkdir()
            (texts / "job.prom").write_text("# TYPE job_done_total counter\njob_done_total{job_name=\"x\"} 7\n")
            p.relay()
            agent = p.agent("edge-1", interval="1s", collectors=(
                f"  textfile: {{directories: [{texts}], interval: 1s}}\n"
                f"  scrape: {{targets: [{{url: '{url}', name: node, interval: 1s}}]}}\n"))
            ours, theirs = '{instance="edge-1",target="node",__name__!~"godwit_.*"}', '{job="direct"}'
            both = ("count_over_time(node_load1{target='node'}[5m]) >= 6 and on () "
                    "count_over_time(node_load1{job='direct'}[5m]) >= 6")
            eventually(lambda: self.query(p, both), 60, "some scrapes are stored")
            got, expected = self.rows(p, ours), self.rows(p, theirs)
            # What Prometheus says of its scrapes is no series of the exporter's.
            expected = {s: v for s, v in expected.items() if not s.startswith("scrape_") and s != "up"}
            scrapes = max(len(values) for values in expected.values())
            # Interfaces and mounts of other programs come and go meanwhile.
            lasting = {series for series, values in expected.items() if len(values) >= scrapes - 2}
            self.assertGreater(len(lasting), 300)
            self.assertEqual(sorted(lasting - set(got)), [])
            self.assertEqual(sorted(s for s, v in got.items() if len(v) >= 4 and s not in expected), [])
            compared, differ = 0, {}
            for series in lasting:
                theirs_at = expected[series]
                values = {v for _, v in theirs_at}
                seen = [v for t, v in got[series] if theirs_at[0][0] <= t <= theirs_at[-1][0]]
                # What moves is read at other moments; what stands still must be the same, but for what
                # counts the very connections of the scrapes (descriptors, goroutines, TCP sockets).
                if len(values) == 1 and len(set(seen)) == 1 and len(seen) >= 3:
                    compared += 1
                    if set(seen) != values:
                        differ[series] = (seen, values)
            self.assertGreater(compared, 100)
            self.assertLessEqual(len(differ), 8, differ)
            self.assertFalse([s for s in differ if "_info{" in s or "_total" in s or "_bytes" in s
                              or "_boot_time_" in s], differ)
            self.assertEqual(len(self.query(p, 'job_done_total{job_name="x"} == 7')), 1)
            success = 'godwit_collector_success{collector="scrape_node"}'
            self.assertEqual(len(self.query(p, f"{success} == 1")), 1)

            # The end of a series and of a target shows in queries at once, not five minutes later.
            (texts / "job.prom").unlink()
            exporter.stop()
            eventually(lambda: self.query(p, f"{success} == 0") and not self.query(p, ours)
                       and not self.query(p, "job_done_total"), 30, "ended series are stale")
            self.assertEqual(json.loads(http_get(agent.http + "/debug"))["collectors"]["textfile"], "ok")
            self.assertNotIn("job_done_total", http_get(agent.http + "/metrics").decode())


if __name__ == "__main__":
    unittest.main()
