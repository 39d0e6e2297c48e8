"""edgecore_broker.py tcp://127.0.0.1:PORT: the MQTT broker inside KubeEdge's edgecore (mqttMode 0 and 1), as far as
clients can tell, with its faults: MQTT 3.1 and 3.1.1 alone (5 is cut off without CONNACK), anybody may come as anybody,
all is lost when it ends, $share delivers nothing, `#` matches `$...`, and a publish waits under one lock for room in
every subscriber's queue, so that a subscriber that stops reading stops the broker, for good: one that goes needs the
lock too. QoS 0 and 1, clean sessions. The real one, 256dpi/gomqtt 0.10.4, is built in edgecore_broker/; `scripts/test
--kubeedge` runs the same tests with it."""
import queue
import socket
import struct
import sys
import threading

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14)
IN_FLIGHT, QUEUE = 10, 100


def matches(pattern, topic):
    wanted, have = pattern.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(have) or level not in ("+", have[i]):
            return False
    return len(wanted) == len(have)


def text(data, at):
    size, = struct.unpack_from("!H", data, at)
    return data[at + 2:at + 2 + size], at + 2 + size


class Broker:
    def __init__(self, port):
        self.lock = threading.Lock()  # one for all, held while a publish waits
        self.clients, self.retained = {}, {}
        self.listener = socket.create_server(("127.0.0.1", port))

    def run(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=Client(self, near).run, daemon=True).start()

    def publish(self, topic, payload, qos, retain):
        with self.lock:
            if retain:
                self.retained.pop(topic, None)
                if payload:
                    self.retained[topic] = payload, qos
            for client in list(self.clients.values()):
                client.offer(topic, payload, qos)


class Client:
    def __init__(self, broker, near):
        self.broker, self.near, self.name, self.will = broker, near, None, None
        self.filters, self.queue = {}, queue.Queue(QUEUE)
        self.in_flight, self.closed = threading.Semaphore(IN_FLIGHT), threading.Event()
        self.sending = threading.Lock()

    def offer(self, topic, payload, qos, retained=False):
        granted = [most for pattern, most in self.filters.items() if matches(pattern, topic)]
        if granted:  # however long it takes, even if this client goes meanwhile
            self.queue.put((topic, payload, min(qos, max(granted)), retained))

    def send(self, kind, body, flags=0):
        size, length = len(body), b""
        while True:
            length += bytes([size % 128 | (0x80 if size > 127 else 0)])
            size //= 128
            if not size:
                break
        with self.sending:
            self.near.sendall(bytes([kind << 4 | flags]) + length + body)

    def write(self):
        number = 0
        while not self.closed.is_set():
            try:
                topic, payload, qos, retained = self.queue.get(timeout=0.1)
            except queue.Empty:
                continue
            head = struct.pack("!H", len(topic.encode())) + topic.encode()
            if qos:
                while not self.in_flight.acquire(timeout=0.1):
                    if self.closed.is_set():
                        return
                number = number % 65535 + 1
                head += struct.pack("!H", number)
            try:
                self.send(PUBLISH, head + payload, qos << 1 | retained)
            except OSError:
                return self.close()

    def packets(self):
        stream = self.near.makefile("rb")
        while first := stream.read(1):
            size, shift, byte = 0, 0, 0x80
            while byte & 0x80:
                byte = stream.read(1)[0]
                size |= (byte & 0x7F) << shift
                shift += 7
            yield first[0] >> 4, first[0] & 15, stream.read(size)

    def run(self):
        try:
            for kind, flags, body in self.packets():
                if not self.take(kind, flags, body):
                    break
        except (OSError, IndexError, struct.error):
            pass
        self.close()
        if self.will:
            self.broker.publish(*self.will)

    def close(self):
        self.closed.set()
        self.near.close()
        with self.broker.lock:
            if self.broker.clients.get(self.name) is self:
                del self.broker.clients[self.name]

    def take(self, kind, flags, body):
        if kind == CONNECT:
            return self.connect(body)
        if kind == PUBLISH:
            topic, at = text(body, 0)
            qos = flags >> 1 & 3
            self.broker.publish(topic.decode(), body[at + 2 * bool(qos):], qos, flags & 1)
            if qos:
                self.send(PUBACK, body[at:at + 2])
        elif kind == PUBACK:
            self.in_flight.release()
        elif kind == SUBSCRIBE:
            self.subscribe(body)
        elif kind == UNSUBSCRIBE:
            self.filters.pop(text(body, 2)[0].decode(), None)
            self.send(UNSUBACK, body[:2])
        elif kind == PINGREQ:
            self.send(PINGRESP, b"")
        elif kind == DISCONNECT:
            self.will = None
            return False
        return True

    def connect(self, body):
        _, at = text(body, 0)
        level, flags = body[at], body[at + 1]
        if level not in (3, 4):
            return False
        name, at = text(body, at + 4)
        if flags & 4:
            topic, at = text(body, at)
            message, at = text(body, at)
            self.will = topic.decode(), message, flags >> 3 & 3, flags >> 5 & 1
        self.name = name.decode() or str(id(self))
        with self.broker.lock:
            old, self.broker.clients[self.name] = self.broker.clients.get(self.name), self
        if old:
            old.near.shutdown(socket.SHUT_RDWR)
        self.send(CONNACK, b"\0\0")
        threading.Thread(target=self.write, daemon=True).start()
        return True

    def subscribe(self, body):
        at, granted, added = 2, b"", []
        while at < len(body):
            pattern, at = text(body, at)
            self.filters[pattern.decode()] = min(body[at], 1)
            granted += bytes([min(body[at], 1)])
            added.append(pattern.decode())
            at += 1
        self.send(SUBACK, body[:2] + granted)
        for topic, (payload, qos) in list(self.broker.retained.items()):
            if any(matches(pattern, topic) for pattern in added):
                self.offer(topic, payload, qos, True)


if __name__ == "__main__":
    Broker(int(sys.argv[1].rpartition(":")[2])).run()
