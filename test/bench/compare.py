"""compare.py [SECONDS] (as root): what a Jetson node runs today beside what Godwit runs, on the same machine and the
same simulated jtop service, each watched for SECONDS (default 60) at one reading a second:

  today    jetson-stats-node-exporter from PyPI and Debian's prometheus-node-exporter, both scraped
  godwit   the static agent with all of its collectors, over TLS to broker, relay and Prometheus; whole frames of 10 s

Prints a table. Bytes are those of TCP's payload in both directions: a scrape's request and gzipped answer (without its
connection's), and what the agent's own meter says of its link (with TLS and TCP's headers)."""
import gzip
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
PACKAGES = ["jetson-stats-node-exporter==0.1.3", "jetson-stats==4.3.2"]
PROFILE = "orin-nx-4.3"
TICK = os.sysconf("SC_CLK_TCK")
os.environ["GODWIT_STATIC_ARCH"] = ARCH
sys.path[:0] = [str(SOURCE / "test/static"), str(SOURCE / "test/e2e")]


def hide_run():
    """A /run of our own, where the jtop client looks for its service's socket."""
    below = [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith("/run/")]
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    for folder in below:
        os.makedirs(folder, exist_ok=True)


def cpu_seconds(pid):
    return sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13])) / TICK


def scrape(url):
    """Bytes sent and received, and series."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    sent = len(f"GET /metrics HTTP/1.1\r\nHost: {request.host}\r\nUser-Agent: Prometheus/2.42.0\r\nAccept: text/plain\r\n"
               "Accept-Encoding: gzip\r\n\r\n")
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
        got = len(str(answer.headers)) + len(body)
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return sent + got, sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))


def watch_exporter(argv, port, seconds, env):
    child = subprocess.Popen(argv, env=dict(os.environ, **env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        from pipeline import eventually
        def answers():
            try:
                return scrape(url)[1] > 0
            except OSError:
                return False
        eventually(answers, what=f"an answer of {argv[-1]}")
        time.sleep(5)
        spent, size, series = cpu_seconds(child.pid), 0, 0
        for _ in range(seconds):
            one, series = scrape(url)
            size += one
            time.sleep(1)
        return row(child.pid, cpu_seconds(child.pid) - spent, size, series, seconds)
    finally:
        child.terminate()
        child.wait(20)


def row(pid, cpu_s, size, series, seconds):
    from everything import memory_of
    memory = memory_of(pid)
    return {"resident": memory["Rss"] / 1e6, "written": memory["Anonymous"] / 1e6,
            "cpu": 100 * cpu_s / seconds, "series": series, "bytes": size / seconds / series}


def watch_agent(p, agent, seconds):
    import pipeline
    time.sleep(25)  # by then what only the start needs is let go of
    def link_bytes():
        text = pipeline.http_get(agent.http + "/metrics").decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("godwit_link_day_bytes"))
    spent, size = cpu_seconds(agent.child.pid), link_bytes()
    time.sleep(seconds)
    text = pipeline.http_get(agent.http + "/metrics").decode()
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    return row(agent.child.pid, cpu_seconds(agent.child.pid) - spent, link_bytes() - size, series, seconds)


def install(site):
    if not (site / ".complete").exists():
        shutil.rmtree(site, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action",
                        "ignore", "--target", site, *PACKAGES], check=True)
        (site / ".complete").touch()


def print_row(name, values, disk):
    print(f"| {name} | {values['resident']:.1f} MB | {values['written']:.1f} MB | {values['cpu']:.2f} % | {values['series']} | "
          f"{values['bytes']:.1f} B | {disk / 1e6:.1f} MB |")


def size_of(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)


def main(seconds):
    hide_run()
    site = SOURCE / "build/release/exporters"
    install(site)
    everything, programs = importlib.import_module("everything"), importlib.import_module("programs")
    relay = pathlib.Path(os.environ.get("GODWIT_BIN", SOURCE / "build/release/bin")) / "godwit-relay"
    with everything.running(programs.STATIC_BIN / "godwit-agent", relay, profile=PROFILE, npus=False) as (p, agent):
        import pipeline  # only now: it takes the programs' folder from the environment
        godwit = watch_agent(p, agent, seconds)
        agent.stop()
        os.symlink(p.folder / "jtop.sock", "/run/jtop.sock")
        port = pipeline.free_port()
        jetson = watch_exporter([sys.executable, "-B", "-m", "jetson_stats_node_exporter", "--port", str(port)], port, seconds,
                                {"PYTHONPATH": str(site)})
        port = pipeline.free_port()
        host = watch_exporter(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], port, seconds, {})
    print("| process | resident | of it written | of one core | series | link, per sample | files |\n|---|---|---|---|---|---|---|")
    print_row("jetson-stats-node-exporter (Python)", jetson, size_of(site))
    node_exporter = shutil.which("prometheus-node-exporter")
    print_row("prometheus-node-exporter", host, os.path.getsize(node_exporter))
    print_row("godwit-agent, instead of both", godwit, os.path.getsize(programs.STATIC_BIN / "godwit-agent"))


if os.environ.get("GODWIT_COMPARE") != "1":
    os.execvpe("unshare", ["unshare", "-m", sys.executable, "-B", *sys.argv], dict(os.environ, GODWIT_COMPARE="1"))
main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
