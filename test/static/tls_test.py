"""The TLS of the static agent, whose algorithms are picked by transport/tls_algorithms.cc: every kind of key, key
exchange, cipher and file it promises, against Python's ssl as the broker."""
import pathlib
import socket
import ssl
import subprocess
import tempfile
import unittest

from programs import EMULATOR, STATIC_BIN

CONNECT = 0x10
PATIENCE = 60

# key of the broker, key of the agent (file form), version, ciphers of TLS 1.2, curve; then what must be agreed on
CASES = [
    ("ec", "ec", "1.3", None, None, "TLS_AES_256_GCM_SHA384"),
    ("ec", "ec-sec1", "1.3", None, "prime256v1", "TLS_AES_256_GCM_SHA384"),
    ("rsa", "rsa", "1.3", None, "secp384r1", "TLS_AES_256_GCM_SHA384"),
    ("rsa", "rsa-pkcs1", "1.3", None, "secp521r1", "TLS_AES_256_GCM_SHA384"),
    ("rsa-pss", "p384", "1.3", None, "X25519", "TLS_AES_256_GCM_SHA384"),
    ("ed25519", "ed25519", "1.3", None, None, "TLS_AES_256_GCM_SHA384"),
    ("rsa", "rsa", "1.2", "ECDHE-RSA-AES128-GCM-SHA256", None, "ECDHE-RSA-AES128-GCM-SHA256"),
    ("rsa", "ec", "1.2", "ECDHE-RSA-CHACHA20-POLY1305", None, "ECDHE-RSA-CHACHA20-POLY1305"),
    ("ec", "rsa", "1.2", "ECDHE-ECDSA-AES256-SHA384", None, "ECDHE-ECDSA-AES256-SHA384"),
    ("rsa", "ed25519", "1.2", "DHE-RSA-AES256-GCM-SHA384", None, "DHE-RSA-AES256-GCM-SHA384"),
    ("rsa", "rsa", "1.2", "AES128-SHA", None, "AES128-SHA"),
]
KEYS = {
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-pss": ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ed25519": ["-algorithm", "ED25519"],
}


class TlsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="godwit-static-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA",
                     "-keyout", "ca.key", "-out", "ca.crt")
        self.openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh.pem")
        for name, options in KEYS.items():
            self.openssl("genpkey", *options, "-out", f"{name}.key")
            self.openssl("req", "-new", "-key", f"{name}.key", "-subj", "/CN=localhost", "-out", "request")
            self.openssl("x509", "-req", "-in", "request", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2",
                         "-extfile", "names", "-out", f"{name}.crt")
        self.openssl("ec", "-in", "ec.key", "-out", "ec-sec1.key")
        self.openssl("rsa", "-in", "rsa.key", "-traditional", "-out", "rsa-pkcs1.key")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def start_agent(self, name, key):
        """An agent with that certificate, and the socket it connects to."""
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        self.addCleanup(server.close)
        certificate = key if key in KEYS else key.partition("-")[0]
        (self.folder / f"{name}.yaml").write_text(
            f"node: {{name: tls}}\nmqtt:\n  url: mqtts://localhost:{server.getsockname()[1]}\n  tls: {{ca: {self.folder}/ca.crt, "
            f"cert: {self.folder}/{certificate}.crt, key: {self.folder}/{key}.key}}\n"
            f"buffer: {{path: {self.folder}/{name}.db}}\nhttp: {{listen: \"\"}}\n")
        with open(self.folder / f"{name}.log", "wb") as log:
            agent = subprocess.Popen([*EMULATOR, STATIC_BIN / "godwit-agent", "run", "--config", f"{name}.yaml"],
                                     cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: (agent.kill(), agent.wait()))
        return server

    def broker_of(self, key, version, ciphers, curve):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{key}.crt", self.folder / f"{key}.key")
        context.load_verify_locations(self.folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + version.replace(".", "_"))
        if ciphers:
            context.set_ciphers(ciphers + ":@SECLEVEL=0")
            context.load_dh_params(self.folder / "dh.pem")
        if curve:
            context.set_ecdh_curve(curve)
        return context

    def test_every_kind_of_handshake(self):
        servers = [self.start_agent(f"agent{number}", case[1]) for number, case in enumerate(CASES)]
        for number, (key, agent_key, version, ciphers, curve, agreed) in enumerate(CASES):
            with self.subTest(broker=key, agent=agent_key, version=version, agreed=agreed, curve=curve):
                connection, _ = servers[number].accept()
                connection.settimeout(PATIENCE)
                with connection:
                    try:
                        tls = self.broker_of(key, version, ciphers, curve).wrap_socket(connection, server_side=True)
                    except OSError as error:
                        self.fail(f"{error}\n{(self.folder / f'agent{number}.log').read_text()[-1500:]}")
                    with tls:
                        self.assertEqual(tls.recv(1)[0], CONNECT)
                        self.assertEqual(tls.cipher()[0], agreed)
                        self.assertTrue(tls.getpeercert())

    def test_a_stranger_is_refused(self):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                     "-addext", "subjectAltName=DNS:localhost", "-keyout", "stranger.key", "-out", "stranger.crt")
        server = self.start_agent("agent", "ec")
        connection, _ = server.accept()
        connection.settimeout(PATIENCE)
        with connection, self.assertRaises(OSError):
            self.broker_of("stranger", "1.3", None, None).wrap_socket(connection, server_side=True).recv(1)


if __name__ == "__main__":
    unittest.main()
