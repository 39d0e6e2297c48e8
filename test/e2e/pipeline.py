"""The whole main job on loopback, for the end-to-end tests: broker, database, relay, agents, and a
comparison of what an agent read (its truth log) with what the database returns.

Everything runs in one temporary folder, on free ports, and is ended by pid."""
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GODWIT_BIN", SOURCE / "build/dev/bin"))


PORTS = range(20000, 32000)
reserved = []  # open lock files: a port is ours until this process ends


def free_port():
    """As free_port() of test/support/support.h, with the same locks."""
    folder = pathlib.Path(tempfile.gettempdir()) / "godwit-test-ports"
    folder.mkdir(exist_ok=True)
    start = os.getpid() * 31 + len(reserved)
    for i in range(len(PORTS)):
        port = PORTS[(start + i) % len(PORTS)]
        lock = open(folder / str(port), "a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(("", port))
        except OSError:
            lock.close()
            continue
        reserved.append(lock)
        return port
    raise RuntimeError("no free port")


def eventually(condition, limit=30.0, what="the condition"):
    end = time.monotonic() + limit
    while True:
        try:
            result = condition()
        except OSError:
            result = None
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.1)


def http_get(url, timeout=30):
    with urllib.request.urlopen(url, timeout=timeout) as reply:
        return reply.read()


class Process:
    """A child with its output in a file; restartable with the same command line. `prefix`: words that
    start it in another surrounding and become it (exec), so that its pid is the program's."""

    def __init__(self, folder, name, argv, env=None, prefix=()):
        self.name, self.argv, self.child = name, [str(a) for a in (*prefix, *argv)], None
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.env = {**os.environ, **(env or {})}

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env=self.env)
        return self

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def send(self, number):
        """Sends it and waits for nothing."""
        if self.alive():
            self.child.send_signal(number)

    def stop(self, how=signal.SIGTERM, limit=20):
        """Ends it and returns the exit code (negative: signal)."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(limit)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.name} did not stop within {limit} s\n{self.output()[-3000:]}")
        code, self.child = self.child.returncode, None
        return code

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class TcpProxy:
    """Passes a TCP port on. `cut()` closes all and refuses; `hang_up()` does once something was sent; `freeze()` keeps connections and passes
    nothing, as a dead radio link does; `slow()` passes so many bytes per second, each late."""

    def __init__(self, target):
        self.target, self.port = target, free_port()
        self.passing, self.listening, self.frozen, self.pairs = True, False, False, []
        self.bytes = 0  # passed on, both ways
        self.rate, self.delay = None, 0.0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if not self.passing:
                    if self.listening:
                        near.settimeout(10)
                        near.recv(65536)
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue
            with self.lock:
                self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                while self.frozen:
                    time.sleep(0.05)
                if self.rate:
                    time.sleep(min(5.0, len(data) / self.rate) + self.delay)
                sink.sendall(data)
                self.bytes += len(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.passing = False
        with self.lock:
            for pair in self.pairs:
                for s in pair:
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs.clear()

    def hang_up(self):
        self.listening = True
        self.cut()

    def freeze(self):
        self.frozen = True

    def slow(self, rate, delay):
        self.rate, self.delay = rate, delay

    def mend(self):
        self.frozen, self.passing, self.listening, self.rate, self.delay = False, True, False, None, 0.0

    def close(self):
        self.frozen = False
        self.cut()
        self.listener.close()


def series_text(labels):
    """name{a="b"} as the agent writes it, without the labels that the relay adds."""
    def escape(value):
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    own = sorted((k, v) for k, v in labels.items() if k not in ("__name__", "instance", "job"))
    inside = ",".join(f'{k}="{escape(v)}"' for k, v in own)
    return labels["__name__"] + (f"{{{inside}}}" if inside else "")


class Prometheus:
    kind = "prometheus"

    def __init__(self, folder, name="prometheus", out_of_order="0s", scrape_configs=""):
        self.port = free_port()
        self.data = pathlib.Path(folder) / name
        config = pathlib.Path(folder) / f"{name}.yml"
        config.write_text("global: {scrape_interval: 1h}\n"
                          f"storage: {{tsdb: {{out_of_order_time_window: {out_of_order}}}}}\n" + scrape_configs)
        self.write_url = f"http://127.0.0.1:{self.port}/api/v1/write"
        self.process = Process(folder, name, [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.data}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
            "--query.max-samples=500000000", "--log.level=warn"])

    def ready(self):
        return http_get(f"http://127.0.0.1:{self.port}/-/ready")

    def start(self):
        self.process.start()
        eventually(self.ready, what="Prometheus ready")
        return self

    def stop(self, how=signal.SIGTERM):
        return self.process.stop(how, limit=60)

    def rows(self, node):
        """(series text, [(time in ms, value)]) of everything stored of a node."""
        query = urllib.parse.urlencode({"query": f'{{instance="{node}"}}[1d]', "time": time.time() + 3600})
        reply = json.loads(http_get(f"http://127.0.0.1:{self.port}/api/v1/query?{query}", 120))
        return [(series_text(s["metric"]), [(round(t * 1000), float(v)) for t, v in s["values"]])
                for s in reply["data"]["result"]]

    def samples(self, node):
        """{series text: {time in ms: value}}."""
        return {series: dict(points) for series, points in self.rows(node)}


class VictoriaMetrics:
    kind = "victoria-metrics"

    def __init__(self, folder, name="victoria"):
        self.port = free_port()
        self.write_url = f"http://127.0.0.1:{self.port}/api/v1/write"
        self.process = Process(folder, name, [
            shutil.which("victoria-metrics") or "victoria-metrics-prod",
            f"-storageDataPath={pathlib.Path(folder) / name}", f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=1", "-loggerLevel=WARN"])

    def ready(self):
        return http_get(f"http://127.0.0.1:{self.port}/health")

    def start(self):
        self.process.start()
        eventually(self.ready, what="VictoriaMetrics ready")
        return self

    def stop(self, how=signal.SIGTERM):
        return self.process.stop(how, limit=60)

    def rows(self, node):
        """As Prometheus.rows; a time that was written twice comes twice."""
        http_get(f"http://127.0.0.1:{self.port}/internal/force_flush")
        match = urllib.parse.urlencode({"match[]": f'{{instance="{node}"}}'})
        exported = http_get(f"http://127.0.0.1:{self.port}/api/v1/export?{match}", 120).splitlines()
        return [(series_text(row["metric"]), list(zip(row["timestamps"], map(float, row["values"]))))
                for row in map(json.loads, exported)]

    def samples(self, node):
        result = {}
        for series, row in self.rows(node):
            points = result.setdefault(series, {})
            for t, v in row:
                if t in points:
                    points["twice"] = points.get("twice", 0) + 1
                points[t] = v
        return result


class Pipeline:
    """with Pipeline() as p: p.agent("node-1"). Ends everything at the end of the block."""

    def __init__(self, database=Prometheus, host="127.0.0.1", folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="godwit-e2e-"))
        self.parts = []
        self.broker_port = free_port()
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.broker_port} {host}\nallow_anonymous true\n"
                          "max_queued_messages 1000\nlog_type error\nlog_type warning\n")
        mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.broker = Process(self.folder, "mosquitto", [mosquitto, "-c", config])
        self.proxy = TcpProxy(self.broker_port)
        self.database = database(self.folder)

    def __enter__(self):
        try:
            self.start_broker()
            self.database.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        for part in reversed(self.parts):
            try:
                part.stop()
            except AssertionError as error:
                print(error, file=sys.stderr)
        self.database.stop()
        self.broker.stop()
        self.proxy.close()
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                text = log.read_text(errors="replace")
                print(f"--- {log.name}\n{text[-4000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_broker(self):
        self.broker.start()
        eventually(lambda: socket.create_connection(("127.0.0.1", self.broker_port)).close() is None,
                   what="mosquitto listening")

    def add(self, process):
        self.parts.append(process)
        return process

    def relay(self, name="relay", port=None, host="127.0.0.1", prefix=(), **settings):
        port = port or free_port()
        config = self.folder / f"{name}.yaml"
        config.write_text(
            settings.get("mqtt", f"mqtt:\n  url: mqtt://127.0.0.1:{self.broker_port}\n") +
            settings.get("remote_write", f"remote_write:\n  url: {self.database.write_url}\n") +
            f"http:\n  listen: {host}:{port}\n" +
            ("" if "web:" in settings.get("extra", "") else "web:\n  listen: \"\"\n") + settings.get("extra", ""))
        relay = self.add(Process(self.folder, name, [BIN / "godwit-relay", "run", "--config", config],
                                 prefix=prefix))
        relay.http = f"http://{host}:{port}"
        relay.start()
        eventually(lambda: http_get(relay.http + "/healthz"), what=f"{name} alive")
        return relay

    def agent(self, name, interval="200ms", flush="1s", extra="", collectors="", port=None, http_port=None,
              mqtt=None, wait=True, buffer=None, host="127.0.0.1", prefix=(), env=None):
        http_port = http_port or free_port()
        config = self.folder / f"{name}.yaml"
        config.write_text(
            f"node:\n  name: {name}\ninterval: {interval}\nflush_interval: {flush}\n"
            + (mqtt or f"mqtt:\n  url: mqtt://127.0.0.1:{port or self.proxy.port}\n")
            + (buffer or f"buffer:\n  path: {self.folder / name}.db\n") +
            f"http:\n  listen: {host}:{http_port}\n"
            f"truth_log: {self.folder / name}.truth\n{extra}"
            + (f"collectors:\n{collectors}" if collectors else ""))
        agent = self.add(Process(self.folder, name, [BIN / "godwit-agent", "run", "--config", config], env,
                                 prefix))
        agent.http, agent.config, agent.node = f"http://{host}:{http_port}", config, name
        agent.start()
        if wait:
            eventually(lambda: http_get(agent.http + "/healthz"), what=f"{name} alive")
        return agent

    def jtop(self, profile="xavier-nx-4.2.7", *arguments):
        path = self.folder / "jtop.sock"
        sim = self.add(Process(self.folder, f"jtop-{profile}", [
            sys.executable, SOURCE / "test/peers/jtop_sim.py", "--socket", path, "--profile", profile,
            *arguments]))
        sim.start()
        eventually(path.exists, what="the jtop service's socket")
        return path

    def make_certificates(self):
        """A CA, a broker's certificate for localhost and a client's, made now and gone with the folder."""
        folder = self.folder / "keys"
        folder.mkdir()

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA",
                "-keyout", "ca.key", "-out", "ca.crt")
        for name in ("broker", "client"):
            (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                    "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2",
                    "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        return folder

    def npu_smi(self, *captures):
        """A program that prints the captures in turn, as npu-smi on an Ascend node would."""
        path = self.folder / "npu-smi"
        files = " ".join(f"'{SOURCE / 'test/fixtures/npu-smi' / c}'" for c in captures)
        path.write_text(f"#!/bin/sh\nset -- {files}\nshift $(( $(date +%s) % $# ))\nexec cat \"$1\"\n")
        path.chmod(0o755)
        return path

    def nvidia_smi(self, capture):
        """A program that answers as nvidia-smi does, with the capture for the GPUs."""
        path = self.folder / "nvidia-smi"
        path.write_text(f"""#!/bin/sh
cd '{SOURCE / 'test/fixtures/nvidia-smi'}'
case $1 in
--help*) exec cat help-query-gpu-590.txt ;;
--query-compute*) exec cat compute-apps.csv ;;
esac
exec cat '{capture}'
""")
        path.chmod(0o755)
        return path

    def truth(self, node):
        """What the agent read and sent: {seq: {series text: value}} and {seq: time in ms}."""
        ticks, times = {}, {}
        for line in (self.folder / f"{node}.truth").read_text().splitlines():
            entry = json.loads(line)
            if "v" in entry:
                ticks[entry["seq"]] = entry["v"]
            elif "sent" in entry:
                times.update(zip(entry["sent"], entry["t"]))
        return ticks, times

    def lost(self, node):
        """What the agent declared lost: {seq: reason}."""
        reasons = {}
        for line in (self.folder / f"{node}.truth").read_text().splitlines():
            entry = json.loads(line)
            for first, last in entry["seqs"] if "lost" in entry else ():
                reasons.update((seq, entry["lost"]) for seq in range(first, last + 1))
        return reasons

    def wait_delivered(self, agent, limit=60):
        """Until the agent has delivered its backlog: only fresh ticks wait."""
        def empty():
            state = json.loads(http_get(agent.http + "/debug"))
            # At the start it has nothing to tell yet.
            return "last_seq" in state and state["last_seq"] - state["delivered_seq"] <= 20
        eventually(empty, limit, f"{agent.node} has delivered everything")

    def deliver_all(self, agent):
        """Ends the agent, starts it again and waits until everything that the earlier lives read is
        acknowledged. Returns the last seq of those lives. The agent is stopped at the end."""
        code = agent.stop()
        assert code == 0, f"exit code {code}\n{agent.output()[-2000:]}"
        last = max(self.truth(agent.node)[0])
        agent.start()
        eventually(lambda: http_get(agent.http + "/healthz"), what=f"{agent.node} alive again")

        def acknowledged():
            state = json.loads(http_get(agent.http + "/debug"))
            return state["delivered_seq"] >= last
        eventually(acknowledged, 60, f"{agent.node}: tick {last} is acknowledged")
        agent.stop()
        return last

    def compare(self, node, last, ticks_may_miss=0, tolerance=0.0):
        """Every sample read up to tick `last` must be stored with its millisecond and value, unless its
        tick was declared lost, and nothing that was not read. Returns how many were compared. `ticks_may_miss`: kills, each of which may
        cost the tick being taken."""
        ticks, times = self.truth(node)
        lost = self.lost(node)
        unsent = sorted(seq for seq in ticks if seq <= last and seq not in times and seq not in lost)
        assert len(unsent) <= ticks_may_miss, f"{len(unsent)} of {len(ticks)} ticks never sent: {unsent[:10]}"
        # A kill between the buffer and the truth log: stored, and nobody knows what it was.
        untold = {times[seq] for seq in times if seq not in ticks}
        assert len(untold) <= ticks_may_miss, f"{len(untold)} ticks that were never taken"
        read, must = {}, set()
        for seq, values in ticks.items():
            for series, value in values.items() if seq in times else ():
                read[series, times[seq]] = float(value)
                if seq <= last and seq not in lost:
                    must.add((series, times[seq]))
        # VictoriaMetrics shows what it has acknowledged a moment later.
        for _ in range(20):
            stored = {(series, t): value for series, points in self.database.samples(node).items()
                      for t, value in points.items()}
            if must <= set(stored):
                break
            time.sleep(0.5)
        wrong = [f"missing: {key}" for key in must - set(stored)]
        wrong += [f"never read: {key}" for key in set(stored) - set(read) if key[1] not in untold]
        wrong += [f"{key}: read {read[key]!r}, stored {value!r}" for key, value in stored.items()
                  if key in read and abs(value - read[key]) > tolerance * abs(read[key])]
        assert not wrong, f"{len(wrong)} samples differ, {len(must)} expected:\n" + "\n".join(sorted(wrong)[:20])
        return len(must)
