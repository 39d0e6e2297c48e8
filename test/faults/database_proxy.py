"""An HTTP proxy before a database: passes remote-write on, or answers on its own, before or after it has
passed the request on."""
import http.client
import http.server
import threading

FORWARDED = ("Content-Type", "Content-Encoding", "User-Agent", "X-Prometheus-Remote-Write-Version")


class Answer:
    """status 0: the connection ends without an answer, as when it is lost on the way back.
    forward: the database gets the request first, and its own answer is thrown away.
    count: for so many requests, then all is as before; None: until told otherwise."""

    def __init__(self, status, forward=False, count=None, retry_after=None):
        self.status, self.forward, self.count, self.retry_after = status, forward, count, retry_after


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.owner.take_answer()
        if answer is None or answer.forward:
            reply = self._forward(body)
            if reply is None:
                return self._hang_up()
            if answer is None:
                return self._reply(*reply)
        if answer.status == 0:
            return self._hang_up()
        headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after is not None else {}
        return self._reply(answer.status, headers, b"injected")

    def _forward(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.owner.target, timeout=30)
        try:
            headers = {name: self.headers[name] for name in FORWARDED if self.headers[name]}
            connection.request("POST", self.path, body, headers)
            reply = connection.getresponse()
            own = {"Retry-After": reply.getheader("Retry-After")} if reply.getheader("Retry-After") else {}
            return reply.status, own, reply.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _reply(self, status, headers, body):
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _hang_up(self):
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that was killed


class DatabaseProxy:
    def __init__(self, host, target):
        self.target, self.lock, self.answer = target, threading.Lock(), None
        self.injected = 0
        self.server = Server((host, 0), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def inject(self, answer):
        with self.lock:
            self.answer = answer

    def heal(self):
        self.inject(None)

    def take_answer(self):
        with self.lock:
            answer = self.answer
            if answer is None:
                return None
            self.injected += 1
            if answer.count is not None:
                answer.count -= 1
                if answer.count <= 0:
                    self.answer = None
            return answer

    def close(self):
        self.server.shutdown()
        self.server.server_close()
