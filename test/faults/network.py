"""The links of the fault harness. As root each agent and each relay sits in a network namespace of its
own, and a packet relay between TUN devices carries its IP packets: it can lose, delay, throttle or
swallow them, seeded, on any kernel (tc netem is not everywhere and its dice cannot be seeded). Without
root a link is a TCP proxy, which can do all of that but lose packets.

Everything is set up inside a network and mount namespace of the harness's own process, so that nothing
of it outlives the run or meets the machine's own network."""
import ctypes
import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import threading
import time

from pipeline import TcpProxy

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
WORLD = "10.77.0.1"
QUEUE_BYTES = 64 << 10
libc = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def can_make_namespaces():
    return os.geteuid() == 0 and os.access("/dev/net/tun", os.R_OK | os.W_OK)


def enter_own_namespaces():
    """For the calling thread and all that it starts. Before any other thread."""
    call(libc.unshare, CLONE_NEWNET | CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    ip("link", "set", "dev", "lo", "up")


def open_tun(name, address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    ip("address", "add", address, "dev", name)
    ip("link", "set", "dev", name, "up")
    return fd


class Condition:
    """What one link does to packets. Read by the pump's thread, replaced as a whole by the scheduler's."""

    def __init__(self, loss=0.0, delay=0.0, rate=None, deaf=()):
        self.loss, self.delay, self.rate, self.deaf = loss, delay, rate, deaf


HEALTHY = Condition()


class PacketLink:
    """Between one node's namespace and the world."""

    def __init__(self, network, index, seed):
        self.address = f"10.77.{index}.2"
        self.network, self.random = network, random.Random(seed)
        self.condition = HEALTHY
        self.free_at, self.queued = {"up": 0.0, "down": 0.0}, {"up": 0, "down": 0}
        self.lost = 0
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        call(libc.unshare, CLONE_NEWNET)
        try:
            ip("link", "set", "dev", "lo", "up")
            self.fd = open_tun("uplink", f"{self.address}/32")
            ip("route", "add", "default", "dev", "uplink")
            self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            call(libc.setns, home, CLONE_NEWNET)
            os.close(home)

    @property
    def prefix(self):
        """The words that start a program inside."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.namespace}", "--"]

    def broker_address(self, port):
        return f"{WORLD}:{port}"

    def cut(self):
        self.condition = Condition(deaf=("up", "down"))

    def half_open(self, direction):
        self.condition = Condition(deaf=(direction,))

    def slow(self, rate, delay):
        self.condition = Condition(rate=rate, delay=delay)

    def lossy(self, loss):
        self.condition = Condition(loss=loss, delay=0.02)

    def mend(self):
        self.condition = HEALTHY

    def due(self, direction, size, now):
        """When a packet that arrives now leaves; None: never."""
        state = self.condition
        if direction in state.deaf or (state.loss and self.random.random() < state.loss):
            return None
        if state.rate:
            if self.queued[direction] + size > QUEUE_BYTES:
                return None
            self.free_at[direction] = max(now, self.free_at[direction]) + size / state.rate
            now = self.free_at[direction]
        return now + state.delay


class PacketNetwork:
    """The world's end of all links and the thread that moves packets."""

    def __init__(self, seed):
        self.seed, self.links, self.late, self.count = seed, {}, [], 0
        self.world_fd = open_tun("world", f"{WORLD}/16")
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.world_fd, selectors.EVENT_READ, None)
        threading.Thread(target=self._pump, daemon=True).start()

    def link(self, _port):
        index = len(self.links) + 1
        link = PacketLink(self, index, self.seed * 1000 + index)
        self.links[bytes((10, 77, index, 2))] = link
        self.selector.register(link.fd, selectors.EVENT_READ, link)
        return link

    def _pump(self):
        while True:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else None
            for key, _ in self.selector.select(wait):
                self._read(key.fd, key.data)
            now = time.monotonic()
            while self.late and self.late[0][0] <= now:
                _, _, link, direction, packet = heapq.heappop(self.late)
                link.queued[direction] -= len(packet)
                self._write(link, direction, packet)

    def _read(self, fd, link):
        for _ in range(64):
            try:
                packet = os.read(fd, 65536)
            except OSError:
                return
            direction = "up" if link else "down"
            to = link or self.links.get(packet[16:20])
            if to is None or packet[0] >> 4 != 4:
                continue
            now = time.monotonic()
            due = to.due(direction, len(packet), now)
            if due is None:
                to.lost += 1
            elif due <= now and to.queued[direction] == 0:
                self._write(to, direction, packet)
            else:
                self.count += 1
                to.queued[direction] += len(packet)
                heapq.heappush(self.late, (due, self.count, to, direction, packet))

    def _write(self, link, direction, packet):
        try:
            os.write(self.world_fd if direction == "up" else link.fd, packet)
        except OSError:
            link.lost += 1


class ProxyLink:
    """Without root: the same by a TCP proxy in front of the broker."""

    prefix = []
    address = "127.0.0.1"

    def __init__(self, port):
        self.proxy = TcpProxy(port)

    def broker_address(self, _port):
        return f"127.0.0.1:{self.proxy.port}"

    def cut(self):
        self.proxy.cut()

    def half_open(self, _direction):
        self.proxy.freeze()

    def slow(self, rate, delay):
        self.proxy.slow(rate, delay)

    def mend(self):
        self.proxy.mend()


class ProxyNetwork:
    def link(self, port):
        return ProxyLink(port)
