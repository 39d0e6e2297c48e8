"""Runs in network, mount and pid namespaces of its own, as root of them: a DNS server on 127.0.0.1:53, a
mosquitto with TLS whose certificate names broker.test, and the static agent in a root that has nothing but
the agent, /proc, resolv.conf, an nsswitch.conf that would mislead it, and the CA. Succeeds when the
agent's birth message has come over TLS, and a second agent whose broker's name is unknown says so."""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from programs import EMULATOR, SOURCE, STATIC_BIN

CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
asked = []


def name_server():
    """Answers A of broker.test with 127.0.0.1, its AAAA with nothing, and all else with NXDOMAIN."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve():
        while True:
            query, peer = server.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12:at + 5]
            kind = struct.unpack_from(">H", query, at + 1)[0]
            name = ".".join(labels)
            asked.append((name, kind))
            known, address = name == "broker.test", name == "broker.test" and kind == 1
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1]) if address else b""
            header = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, 1 if address else 0, 0, 0)
            server.sendto(header + question + answer, peer)

    threading.Thread(target=serve, daemon=True).start()


def certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA",
            "-keyout", "ca.key", "-out", "ca.crt")
    (folder / "broker.ext").write_text("subjectAltName=DNS:broker.test\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker.test", "-keyout", "broker.key",
            "-out", "broker.csr")
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2",
            "-extfile", "broker.ext", "-out", "broker.crt")
    (folder / "broker.key").chmod(0o644)


def fill_root(root, ca):
    for name in ("etc", "proc", "spool"):
        (root / name).mkdir(parents=True)
    shutil.copy(STATIC_BIN / "godwit-agent", root)
    for emulator in EMULATOR:
        shutil.copy(emulator, root / "emulator")
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2\n")
    # A Jetson's names a library of its own glibc; this one would even stop before the DNS.
    (root / "etc/nsswitch.conf").write_text("hosts: mdns4_minimal files [NOTFOUND=return] dns\n")
    shutil.copy(ca, root / "etc/ca.crt")


def start_agent(folder, root, host):
    (root / f"etc/{host}.yaml").write_text(
        f"node: {{name: {host}}}\nmqtt:\n  url: mqtts://{host}:8883\n  tls: {{ca: /etc/ca.crt}}\n"
        f"buffer: {{path: /spool/{host}.db}}\nhttp: {{listen: \"\"}}\n")
    emulator = ["/emulator"] if EMULATOR else []
    with open(folder / f"{host}.log", "wb") as log:
        return subprocess.Popen([CHROOT, root, *emulator, "/godwit-agent", "run", "--config", f"/etc/{host}.yaml"],
                                env={}, stdout=log, stderr=subprocess.STDOUT)


def wait(condition, what, limit=40):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.1)


def main(folder):
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    name_server()
    certificates(folder)
    (folder / "mosquitto.conf").write_text(
        "user root\nlistener 1883 127.0.0.1\nallow_anonymous true\nlistener 8883 127.0.0.1\n"
        f"certfile {folder}/broker.crt\nkeyfile {folder}/broker.key\n")
    root = folder / "root"
    fill_root(root, folder / "ca.crt")
    mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    broker = subprocess.Popen([mosquitto, "-c", folder / "mosquitto.conf"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    children = [broker]
    try:
        def listening():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", 8883)) == 0
        wait(listening, "mosquitto listens")
        children += [start_agent(folder, root, host) for host in ("broker.test", "nowhere.test")]
        birth = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-t", "godwit/v1/broker.test/status", "-C", "1",
                                "-W", "40"], capture_output=True)
        assert birth.returncode == 0 and birth.stdout, "no birth message of the agent"
        assert ("broker.test", 1) in asked, asked
        log = folder / "nowhere.test.log"
        wait(lambda: "cannot resolve the host name nowhere.test" in log.read_text(), "the unknown name is told")
    except BaseException:
        for log in folder.glob("*.log"):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        for child in children:
            child.send_signal(signal.SIGKILL)
            child.wait()
        subprocess.run(["umount", root / "proc"], check=False)


with tempfile.TemporaryDirectory(prefix="godwit-static-") as where:
    os.chdir(SOURCE / "test/static")
    main(pathlib.Path(where))
sys.exit(0)
