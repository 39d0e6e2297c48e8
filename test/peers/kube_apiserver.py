#!/usr/bin/python3
"""A real kube-apiserver on loopback, with RBAC, Pod Security admission, an audit log and the CRDs that deploy/ wants
(KubeEdge's Rules, Prometheus operator's ServiceMonitor), for as long as a command runs:

    test/peers/kube_apiserver.py COMMAND...        # finds it in $GODWIT_KUBERNETES, kubectl in $KUBECONFIG

`scripts/test --kubernetes` and `--kubeedge` run tests so. Needs Go 1.22, kubectl, openssl and etcd. The first run builds the API
server from its Go module, some minutes, into build/kube-apiserver; no part of the tests that run by themselves."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / "test/e2e"))
from pipeline import Process, eventually, free_port  # noqa: E402

VERSION = "1.30.14"
CRDS = (("github.com/kubeedge/kubeedge@v1.23.0", "build/crds/*/*.yaml"),
        ("github.com/prometheus-operator/prometheus-operator@v0.75.0",
         "example/prometheus-operator-crd/*_servicemonitors.yaml"))
# Modules that k8s.io/kubernetes has in its own tree, and replaces.
STAGING = """api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
code-generator component-base component-helpers controller-manager cri-api csi-translation-lib
dynamic-resource-allocation endpointslice kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl
kubelet legacy-cloud-providers metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin
sample-controller""".split()


def build(folder):
    program = folder / "kube-apiserver"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    replace = "\n".join(f"  k8s.io/{m} => k8s.io/{m} v0.{VERSION[2:]}" for m in STAGING)
    (folder / "go.mod").write_text(
        f"module probe\n\ngo 1.22\n\nrequire k8s.io/kubernetes v{VERSION}\n\nreplace (\n{replace}\n)\n")
    (folder / "tools.go").write_text(
        '//go:build tools\n\npackage probe\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n')
    subprocess.run(["go", "build", "-p", "2", "-ldflags", f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}",
                    "-o", program, "k8s.io/kubernetes/cmd/kube-apiserver"], cwd=folder,
                   check=True, env={**os.environ, "GOFLAGS": "-mod=mod"})
    return program


def crds():
    """Files of others' kinds, from their Go modules."""
    for module, pattern in CRDS:
        run = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, text=True, check=False,
                             env={**os.environ, "GOFLAGS": "-mod=mod"})
        about = json.loads(run.stdout)
        assert "Dir" in about, about.get("Error", run.stderr)
        found = sorted(pathlib.Path(about["Dir"]).glob(pattern))
        assert found, f"{module} has no {pattern}"
        yield from found


def make_keys(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA", "-keyout", "ca.key",
            "-out", "ca.crt")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=apiserver", "-keyout", "tls.key", "-out", "tls.csr")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "ext", "-out", "tls.crt")
    openssl("genrsa", "-out", "sa.key", "2048")


def main(command):
    program = build(SOURCE / "build/kube-apiserver")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-kube-"))
    make_keys(folder)
    (folder / "tokens").write_text('admin,admin,admin,"system:masters"\n'
                                   "relay,system:serviceaccount:godwit:godwit-relay,relay\n")
    (folder / "relay").write_text("relay\n")
    (folder / "audit.json").write_text(json.dumps(
        {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
         "rules": [{"level": "Metadata"}]}))
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    etcd_url, peer_url, url = (f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}",
                               f"https://127.0.0.1:{port}")
    (folder / "kubeconfig").write_text(json.dumps(
        {"apiVersion": "v1", "kind": "Config", "current-context": "test",
         "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
         "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(folder / "ca.crt")}}],
         "users": [{"name": "admin", "user": {"token": "admin"}}]}))
    etcd = Process(folder, "etcd", [
        "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
        "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
        "--initial-cluster", f"default={peer_url}"])
    server = Process(folder, "apiserver", [
        program, "--etcd-servers", etcd_url, "--bind-address", "127.0.0.1", "--secure-port", port,
        "--tls-cert-file", folder / "tls.crt", "--tls-private-key-file", folder / "tls.key",
        "--cert-dir", folder, "--token-auth-file", folder / "tokens", "--authorization-mode", "RBAC",
        "--audit-policy-file", folder / "audit.json", "--audit-log-path", folder / "audit.log",
        "--service-account-issuer", "https://kubernetes", "--service-account-key-file", folder / "sa.key",
        "--service-account-signing-key-file", folder / "sa.key", "--service-cluster-ip-range", "10.0.0.0/24"])
    trust = ssl.create_default_context(cafile=folder / "ca.crt")

    def request(path):
        made = urllib.request.Request(url + path, headers={"Authorization": "Bearer admin"})
        return urllib.request.urlopen(made, context=trust).read()
    environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "GODWIT_KUBERNETES": json.dumps(
        {"url": url, "ca": str(folder / "ca.crt"), "token_file": str(folder / "relay"), "admin": "admin",
         "audit": str(folder / "audit.log")})}
    try:
        etcd.start()
        server.start()
        eventually(lambda: not server.alive() or request("/readyz") == b"ok", 120, "the API server ready")
        eventually(lambda: request("/api/v1/namespaces/default"), 60, "namespace default")
        files = [word for path in crds() for word in ("-f", str(path))]
        for words in (["apply", "--server-side", *files], ["wait", "--for=condition=Established", *files]):
            subprocess.run(["kubectl", *words], check=True, env=environment, stdout=subprocess.DEVNULL)
        return subprocess.run(command, check=False, env=environment).returncode
    except AssertionError:
        print(server.output()[-4000:], etcd.output()[-2000:], file=sys.stderr)
        raise
    finally:
        server.stop(limit=60)
        etcd.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
