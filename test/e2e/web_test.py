"""The fleet page's own interface (cloud/WEB.md): a real broker, a database, relays and agents."""
import http.client
import json
import re
import signal
import ssl
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from pipeline import Pipeline, eventually, free_port, http_get


class Stream:
    """Reads server-sent events until it is closed or the relay ends."""

    def __init__(self, port, path="/web/v1/stream", headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", path, headers=headers or {})
        self.reply = self.connection.getresponse()
        self.events, self.comments, self.ended = [], 0, False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        event = None
        try:
            for line in self.reply:
                line = line.decode().rstrip("\n")
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    self.events.append((event, json.loads(line[6:])))
                elif line.startswith(":"):
                    self.comments += 1
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.ended = True

    def of(self, kind):
        return [data for event, data in list(self.events) if event == kind]

    def close(self):
        self.connection.close()


class WebTest(unittest.TestCase):
    def relay(self, p, name="relay", extra=""):
        port = free_port()
        relay = p.relay(name=name, extra=f"web:\n  listen: 127.0.0.1:{port}\n{extra}")
        relay.web_port, relay.web = port, f"http://127.0.0.1:{port}"
        return relay

    def get(self, relay, path):
        return json.loads(http_get(relay.web + path))

    def nodes(self, relay):
        return {node["name"]: node for node in self.get(relay, "/web/v1/fleet")["nodes"]}

    def refusal(self, relay, path, method="GET", headers=None):
        request = urllib.request.Request(relay.web + path, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, reply.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def history(self, relay):
        """The present from memory, what was before it from the database: the same readings."""
        path = "/web/v1/nodes/edge-1/history?step_s=1&id=node_memory_MemAvailable_bytes&id=node_load1"
        first = self.get(relay, path.replace("step_s=1&", ""))
        self.assertEqual(first["source"], "database")  # the relay is not 15 minutes old

        def points(begin, end):
            answer = self.get(relay, f"{path}&from_ms={begin}&to_ms={end}")
            row = next((s for s in answer["series"] if s["id"] == "node_memory_MemAvailable_bytes"), {"values": []})
            return answer["source"], {t: v for t, v in zip(answer["times"], row["values"]) if v is not None}

        def both():
            now = int(time.time() * 1000)
            memory, stored = points(now - 5000, now), points(now - 3600_000, now - 3_000)
            right = (memory[0], stored[0]) == ("memory", "database")
            return (memory, stored) if right and memory[1] and stored[1] else None
        memory, stored = eventually(both, what="history from both")
        self.assertTrue(all(v > 0 for v in [*memory[1].values(), *stored[1].values()]))
        injected = urllib.parse.quote('node_load1"} or vector(1) or up{a="b')
        self.assertEqual(self.refusal(relay, f"/web/v1/nodes/edge-1/history?id={injected}")[0], 400)

    def page(self, relay):
        """Its files, each as the other names it; a relay that was built without it says so."""
        html = http_get(relay.web + "/nodes/edge-1").decode()
        assets = re.findall(r'"(/assets/[^"]+)"', html)
        if "built without the fleet page" in html:
            return
        self.assertTrue(assets, html)
        for path in assets:
            status, headers = self.refusal(relay, path, headers={"Accept-Encoding": "gzip"})
            self.assertEqual((status, headers["Content-Encoding"]), (200, "gzip"))
            self.assertIn("immutable", headers["Cache-Control"])
            known = {"Accept-Encoding": "gzip", "If-None-Match": headers["ETag"]}
            self.assertEqual(self.refusal(relay, path, headers=known)[0], 304)

    def test_fleet_node_and_stream(self):
        with Pipeline() as p:
            relay = self.relay(p)
            agent = p.agent("edge-1", interval="1s")

            def known(at):
                node = self.nodes(at).get("edge-1")
                return node if node and node["online"] and node["ram"] is not None else None
            node = eventually(lambda: known(relay), what="the node with its memory")
            self.assertEqual((node["kind"], node["backlog"]["catching_up"]), ("host", False))
            self.assertGreater(node["ram"], 0)
            detail = self.get(relay, "/web/v1/nodes/edge-1")
            groups = {group["title"]: group["readings"] for group in detail["groups"]}
            self.assertIn("Memory", groups)
            reading = next(r for r in groups["Memory"] if r["metric"] == "node_memory_MemAvailable_bytes")
            self.assertEqual((reading["id"], reading["unit"], reading["chart"]),
                             ("node_memory_MemAvailable_bytes", "bytes", True))
            self.assertIn("ok", {c["state"] for c in detail["collectors"]})
            def why_not():
                collectors = self.get(relay, "/web/v1/nodes/edge-1")["collectors"]
                return next((c for c in collectors if c["name"] == "npu_smi" and c["state"] == "absent"), None)
            self.assertIn("npu-smi is not there", eventually(why_not, what="why there is no NPU")["message"])
            eventually(lambda: self.get(relay, "/web/v1/nodes/edge-1")["versions"].get("agent"), what="the agent's version")
            self.assertEqual(self.refusal(relay, "/web/v1/nodes/nobody")[0], 404)
            self.assertEqual(self.refusal(relay, "/web/v1/nodes/..%2f..%2fetc%2fpasswd")[0], 404)
            self.assertEqual(self.refusal(relay, "/web/v1/events?limit=0")[0], 400)
            self.assertEqual(self.refusal(relay, "/web/v1/fleet", "POST")[0], 405)
            status, headers = self.refusal(relay, "/")
            self.assertEqual(status, 200)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.page(relay)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

            stream = Stream(relay.web_port, "/web/v1/stream?node=edge-1")
            self.assertEqual(stream.reply.headers["Content-Type"], "text/event-stream")
            eventually(lambda: stream.of("hello") and stream.of("fleet") and stream.of("node"),
                       what="greeting, fleet and readings")
            self.assertEqual(stream.events[0][0], "hello")
            self.assertIn("node_memory_MemAvailable_bytes", stream.of("node")[0]["values"])
            self.history(relay)

            # Frames go to one relay or the other; presence comes from what both see.
            other = self.relay(p, "other")
            eventually(lambda: known(other), what="the same node at the other relay")
            self.assertEqual(node["since_ms"], self.nodes(other)["edge-1"]["since_ms"])
            agent.stop(signal.SIGKILL)
            eventually(lambda: [e for e in stream.of("log") if e["kind"] == "offline"], what="the node is gone")
            for each in (relay, other):
                eventually(lambda at=each: not self.nodes(at)["edge-1"]["online"], what="offline at both")
            agent.start()
            eventually(lambda: [e for e in stream.of("log") if e["kind"] == "online"], what="the node is back")
            kinds = [e["kind"] for e in self.get(relay, "/web/v1/events")["events"]]
            self.assertEqual(kinds[:2], ["online", "offline"])

            # A relay that ends closes its streams; a page comes back to the next one.
            relay.stop()
            eventually(lambda: stream.ended, what="the stream has ended")
            relay.start()
            again = eventually(lambda: Stream(relay.web_port), what="the relay is back")
            eventually(lambda: again.of("hello"), what="greeting of the new relay")
            eventually(lambda: known(relay), what="the node at the new relay")
            again.close()

    def test_tls_tokens_and_certificates(self):
        with Pipeline() as p:
            keys = p.make_certificates()
            tokens = p.folder / "tokens"
            tokens.write_text("first-token\n")
            relay = self.relay(p, extra=f"  auth: {{bearer_token_file: {tokens}}}\n  tls: {{cert: {keys}/broker.crt, "
                               f"key: {keys}/broker.key, client_ca: {keys}/ca.crt}}\n")
            relay.web = f"https://localhost:{relay.web_port}"

            def context(client=None, ca=keys / "ca.crt"):
                made = ssl.create_default_context(cafile=ca)
                if client:
                    made.load_cert_chain(f"{client}.crt", f"{client}.key")
                return made

            def get(path, token=None, using=None):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                request = urllib.request.Request(relay.web + path, headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=20, context=using or context()) as reply:
                        return reply.status
                except urllib.error.HTTPError as error:
                    return error.code

            def all_data(token=None, using=None):
                return {get(path, token, using) for path in
                        ("/web/v1/fleet", "/web/v1/events", "/api/v1/metrics/cluster", "/health")}
            self.assertEqual([get(path) for path in ("/healthz", "/", "/nodes/x")], [200, 200, 200])
            self.assertEqual(all_data(), {401})
            self.assertEqual(get("/web/v1/stream"), 401)
            self.assertEqual(all_data("first-token"), {200})
            self.assertEqual(all_data(using=context(keys / "client")), {200})
            self.assertEqual(get("/web/v1/fleet", "wrong"), 401)
            # Rotation: both, then the second alone.
            tokens.write_text("first-token\nsecond-token\n")
            self.assertEqual((get("/web/v1/fleet", "first-token"), get("/web/v1/fleet", "second-token")), (200, 200))
            tokens.write_text("second-token\n")
            self.assertEqual((get("/web/v1/fleet", "first-token"), get("/web/v1/fleet", "second-token")), (401, 200))

            # A client of another CA is refused at once, and plain HTTP gets nothing.
            other = p.folder / "other"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                            "/CN=stranger", "-keyout", f"{other}.key", "-out", f"{other}.crt"],
                           check=True, capture_output=True)
            with self.assertRaises(OSError):
                get("/web/v1/fleet", "second-token", context(other))
            with self.assertRaises((OSError, http.client.HTTPException)):
                http_get(f"http://localhost:{relay.web_port}/healthz")
            old = ssl.create_default_context(cafile=keys / "ca.crt")
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
            self.assertEqual(get("/healthz", using=old), 200)
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("ALL:@SECLEVEL=0")
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            with self.assertRaises(OSError):
                get("/healthz", using=old)

            # The certificate is read anew.
            for part in ("crt", "key"):
                (keys / f"broker.{part}").write_bytes((p.folder / f"other.{part}").read_bytes())
            stranger = ssl.create_default_context(cafile=f"{other}.crt")
            stranger.check_hostname = False
            eventually(lambda: get("/healthz", using=stranger) == 200, what="the new certificate")

            # Guessing ends soon.
            eventually(lambda: get("/web/v1/fleet", "guess", stranger) == 429, what="no more guesses")


if __name__ == "__main__":
    unittest.main()
