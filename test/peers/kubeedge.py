"""KubeEdge's EventBus and Router between a node's MQTT broker and an HTTP target, as far as a message
can tell, with the faults that were measured on real edgecore and cloudcore 1.23: bytes that are not
UTF-8 are repaired, order is lost, 30 messages a second pass, everything that is published while the
link is cut is gone though the broker confirmed it, the target's status code is ignored, and an answer
may be confirmed and lost. Runs in the process that imports it."""
import http.client
import http.server
import random
import threading
import time
import urllib.parse

import paho.mqtt.client as paho


class TokenBucket:
    """EdgeHub: messageQPS 30, messageBurst 60, for everything on the node."""

    def __init__(self, rate=30, burst=60):
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, time.monotonic()
        self.lock = threading.Lock()

    def take(self):
        while True:
            with self.lock:
                now = time.monotonic()
                self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
                self.at = now
                if self.tokens >= 1:
                    self.tokens -= 1
                    return
            time.sleep(0.02)


class EdgeNode:
    """EventBus of one node: carries `+/user/#` up to the cloud."""

    def __init__(self, cloud, name, broker_port):
        self.cloud, self.name = cloud, name
        self.bucket = TokenBucket()
        self.client = paho.Client(client_id=f"hub-client-sub-{name}", protocol=paho.MQTTv311)
        self.client.on_connect = lambda client, *_: client.subscribe([("+/user/#", 1), ("$hw/events/upload/#", 1)])
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 5)
        self.client.connect_async("127.0.0.1", broker_port, keepalive=30)
        self.client.loop_start()

    def _on_message(self, _client, _data, message):
        threading.Thread(target=self._up, args=(message.topic, message.payload), daemon=True).start()

    def _up(self, topic, payload):
        time.sleep(random.uniform(0, 0.03))
        self.bucket.take()
        self.cloud.up(self.name, topic, payload.decode("utf-8", "replace").encode())

    def down(self, topic, payload):
        self.client.publish(topic, payload, qos=1)

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()


class Cloud:
    """CloudCore with its Router: Rules from topics to a REST target, and the REST source at `url`."""

    def __init__(self, targets, rules, port):
        """rules: {(node, topic): path of the target}; `targets`: "http://host:port" of each replica behind
        the target's Service, which are used in turn."""
        self.targets, self.rules, self.nodes = [urllib.parse.urlparse(t) for t in targets], rules, {}
        self.cut = False           # the link between nodes and cloud
        self.lose_answers = False  # "message delivered", and it is not
        self.carried = self.lost = self.leaked = 0
        self.sizes = []            # of what came up
        self.lock = threading.Lock()
        cloud = self

        class Source(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 (the library's name)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, text = cloud.down(self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Source)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def join(self, name, broker_port):
        self.nodes[name] = EdgeNode(self, name, broker_port)
        return self.nodes[name]

    def up(self, node, topic, payload):
        self.sizes.append(len(payload))
        if self.cut:
            with self.lock:
                self.lost += 1
            return
        path = self.rules.get((node, topic))
        if path is None or not payload:
            return
        try:
            with self.lock:
                self.targets.append(self.targets.pop(0))
                target = self.targets[0]
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
            connection.request("POST", path, payload, {"User-Agent": "Go-http-client/1.1",
                                                       "Accept-Encoding": "gzip"})
            reply = connection.getresponse()
            body = reply.read()
            with self.lock:
                self.carried += 1
                # CloudCore never closes a connection that was kept open behind an empty body.
                self.leaked += not body and not reply.will_close
            connection.close()
        except OSError:
            with self.lock:
                self.lost += 1

    def down(self, path, body):
        parts = path.lstrip("/").split("/", 2)
        node = self.nodes.get(parts[0])
        if len(parts) < 3 or parts[1] != "default" or parts[2] != "godwit/down":
            return 404, b"Request error"
        if node is None or self.cut:
            return 500, b"doesn't have session"
        if not self.lose_answers:
            node.down("godwit/down", body.decode("utf-8", "replace").encode())
        return 200, b"message delivered"

    def close(self):
        for node in self.nodes.values():
            node.close()
        self.server.shutdown()
        self.server.server_close()
