"""A way to a server on which things go wrong on demand, driven by lines of JSON on standard input.

Commands: fault (the next `count` requests whose method is `method` and whose target has `contains`), clear, requests (since
the last time), close and open (nobody listens), and those of the server behind it.
"""

import http.client
import http.server
import json
import ssl
import sys
import threading
import time


class Proxy:
    def __init__(self, upstream, tls=None):
        """tls: a folder with server.pem (with its key) and ca.pem, which signs the clients' certificates."""
        self.upstream = upstream
        self.tls = tls
        self.lock = threading.Lock()
        self.faults = []
        self.requests = []
        self.port = 0
        self.open()

    def open(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def handle_any(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True
                    return
                fault = proxy.take(self.command, self.path, self.headers, length)
                mode = fault.get("mode", "") if fault else ""
                if mode == "hang":
                    time.sleep(fault.get("seconds", 30))
                    self.close_connection = True
                    return
                if mode == "garbage":
                    self.wfile.write(b"\x00\xff this is not HTTP\r\n\r\n")
                    self.close_connection = True
                    return
                if mode == "cut":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<half")
                    self.close_connection = True
                    return
                if mode == "status":
                    text = fault.get("body", "").encode()
                    self.answer(fault["status"], fault.get("headers", {}), text)
                    return
                status, headers, text = proxy.forward(self.command, self.path, self.headers, body)
                if mode == "lose":
                    self.close_connection = True
                    return
                self.answer(status, headers, text)

            def answer(self, status, headers, text):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "content-length" not in (name.lower() for name in headers):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{self.tls}/ca.pem")
            context.load_cert_chain(f"{self.tls}/server.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            # The handshake is each connection's own thread's.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, method, target, headers, length):
        with self.lock:
            self.requests.append(
                {"method": method, "target": target, "length": length, "headers": {k.lower(): v for k, v in headers.items()}}
            )
            for fault in self.faults:
                if fault.get("method", method) == method and fault.get("contains", "") in target:
                    # The first so many pass.
                    if fault.get("skip", 0) > 0:
                        fault["skip"] -= 1
                        continue
                    fault["count"] = fault.get("count", 1) - 1
                    if fault["count"] <= 0:
                        self.faults.remove(fault)
                    return fault
        return None

    def forward(self, method, target, headers, body):
        if callable(self.upstream):
            return self.upstream(method, target, headers, body)
        connection = http.client.HTTPConnection(*self.upstream, timeout=60)
        kept = {k: v for k, v in headers.items() if k.lower() not in ("connection", "expect")}
        connection.request(method, target, body=body, headers=kept)
        answer = connection.getresponse()
        text = answer.read()
        names = {k: v for k, v in answer.getheaders() if k.lower() not in ("connection", "transfer-encoding", "server", "date")}
        connection.close()
        return answer.status, names, text

    def serve(self, commands):
        print(json.dumps({"port": self.port}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            verb = order.pop("do")
            result = {}
            try:
                if verb == "fault":
                    with self.lock:
                        self.faults.append(order)
                elif verb == "clear":
                    with self.lock:
                        self.faults.clear()
                elif verb == "requests":
                    with self.lock:
                        result = {"requests": self.requests}
                        self.requests = []
                elif verb == "close":
                    self.close()
                elif verb == "open":
                    self.open()
                else:
                    result = commands[verb](**order) or {}
            except Exception as error:  # the test shows it
                result = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(result), flush=True)
