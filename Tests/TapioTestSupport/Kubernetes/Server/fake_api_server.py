"""An API server for tests: lists and watches over TLS, from objects in memory, and failures on demand.

Usage: fake_api_server.py CERTIFICATE KEY CLIENT_CA RECORDED_DIRECTORY TOKEN

It prints {"port": N} when it listens. Then each line of its standard input is a command, a JSON object with "do"; each
is answered by a line of JSON. It ends with its standard input.
"""

import base64
import json
import os
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from churn import churn

CERTIFICATE, KEY, CLIENT_CA, RECORDED, TOKEN = sys.argv[1:6]
KINDS = {"/api/v1/pods": "Pod", "/api/v1/services": "Service", "/api/v1/nodes": "Node", "/api/v1/events": "Event",
         "/apis/discovery.k8s.io/v1/endpointslices": "EndpointSlice"}


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": code}


def selected(item, selector):
    """Whether a field selector takes an object."""
    for term in filter(None, (selector or "").split(",")):
        field, _, wanted = term.partition("=")
        value = item
        for part in field.split("."):
            value = value.get(part, {}) if isinstance(value, dict) else {}
        if value != wanted:
            return False
    return True


class Cluster:
    """Objects, their history, and what is to go wrong. All is guarded by one condition."""

    def __init__(self):
        self.condition = threading.Condition()
        self.token = TOKEN
        self.version = 1
        self.objects = {path: {} for path in KINDS}
        self.history = {path: [] for path in KINDS}  # (version, type, object)
        self.compacted = 0
        self.pages = {}  # continue token: (version, the rest of the items)
        self.expired_as_status = False
        self.faults = []
        self.watchers = []
        self.requests = []

    def record(self, path, kind, item, version=None):
        self.version = max(self.version + 1, int(version or 0))
        version = str(version or self.version)
        item = json.loads(json.dumps(item))
        item["metadata"]["resourceVersion"] = version
        uid = item["metadata"]["uid"]
        if kind == "DELETED":
            self.objects[path].pop(uid, None)
        else:
            self.objects[path][uid] = item
        self.history[path].append((int(version), kind, item))
        self.to_watchers(lambda watcher: watcher.show(kind, item) if watcher.path == path else None)

    def put(self, path, item):
        self.record(path, "MODIFIED" if item["metadata"]["uid"] in self.objects[path] else "ADDED", item)

    def compact(self):
        self.compacted = self.version
        self.pages.clear()
        for events in self.history.values():
            events.clear()

    def to_watchers(self, change):
        for watcher in list(self.watchers):
            change(watcher)
        self.condition.notify_all()

    def take_fault(self, verb, path):
        for fault in self.faults:
            if fault["on"] in (verb, "any") and fault.get("path", path) == path:
                if fault.get("after", 0) > 0:
                    fault["after"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                return fault
        return None


class Watcher:
    """A watch under way, and what it has yet to send, in order."""

    def __init__(self, path, selector):
        self.path, self.selector = path, selector
        self.queue = []  # bytes, or how the stream ends

    def show(self, kind, item):
        if selected(item, self.selector):
            self.queue.append(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def mark(self):
        mark = {"kind": KINDS[self.path], "apiVersion": "v1", "metadata": {"resourceVersion": str(cluster.version)}}
        self.queue.append(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n")

    def finish(self, how):
        """Nothing that happens from now on is for it."""
        self.queue.append(how)
        cluster.watchers.remove(self)


cluster = Cluster()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    # Answers

    def answer(self, code, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def break_off(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    # Requests

    def is_known(self):
        if self.headers.get("Authorization") == "Bearer " + cluster.token:
            return True
        return "Authorization" not in self.headers and bool(self.connection.getpeercert())

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        verb = "watch" if query.get("watch") == "1" else "list"
        with cluster.condition:
            fault = cluster.take_fault(verb, url.path)
            cluster.requests.append({"verb": verb, "path": url.path, "query": query})
            cluster.condition.notify_all()
        if fault:
            return self.fail(fault)
        if not self.is_known():
            return self.answer(401, status(401, "Unauthorized", "Unauthorized"))
        if url.path not in KINDS:
            return self.answer(404, status(404, "NotFound", "the server could not find the requested resource"))
        (self.watch if verb == "watch" else self.list)(url.path, query)

    def fail(self, fault):
        if "writes" in fault:
            with open(fault["writes"]["file"], "w") as file:
                file.write(fault["writes"]["text"])
        if "file" in fault:  # a recorded answer with its head
            head, _, body = open(os.path.join(RECORDED, fault["file"]), "rb").read().decode().replace(
                "\r\n", "\n").partition("\n\n")
            self.answer(int(head.split()[1]), body.encode())
        elif "status" in fault:
            body = status(fault["status"], "Test", fault.get("message", "a failure on demand"))
            self.answer(fault["status"], body, fault.get("headers", {}))
        elif "body" in fault:
            self.answer(200, fault["body"].encode())
        elif "bytes" in fault:
            self.answer(200, b"x" * fault["bytes"])
        elif "lines" in fault:  # a stream as it is, and how it ends
            self.begin_stream()
            for line in fault["lines"]:
                self.chunk(line.encode())
            self.break_off() if fault.get("breaks") else self.end_stream()
        elif "hang" in fault:
            threading.Event().wait(60)
        else:
            self.break_off()

    def list(self, path, query):
        with cluster.condition:
            if "continue" in query:
                if query["continue"] not in cluster.pages:
                    return self.answer(410, status(
                        410, "Expired", "The provided continue parameter is too old to display a consistent list"))
                version, items = cluster.pages.pop(query["continue"])
            else:
                version = cluster.version
                items = [item for item in cluster.objects[path].values()
                         if selected(item, query.get("fieldSelector"))]
            limit = int(query.get("limit", 0)) or len(items)
            metadata = {"resourceVersion": str(version)}
            if len(items) > limit:
                token = base64.urlsafe_b64encode(os.urandom(30)).decode() + "+/="
                cluster.pages[token] = (version, items[limit:])
                metadata.update({"continue": token, "remainingItemCount": len(items) - limit})
            body = {"kind": KINDS[path] + "List", "apiVersion": "v1", "metadata": metadata, "items": items[:limit]}
        self.answer(200, body)

    def watch(self, path, query):
        position = int(query["resourceVersion"])
        watcher = Watcher(path, query.get("fieldSelector"))
        with cluster.condition:
            if position < cluster.compacted:
                error = status(410, "Expired", f"too old resource version: {position} ({cluster.compacted})")
                if cluster.expired_as_status:
                    return self.answer(410, error)
                self.begin_stream()
                self.chunk(json.dumps({"type": "ERROR", "object": error}).encode() + b"\n")
                return self.end_stream()
            for version, kind, item in cluster.history[path]:
                if version > position:
                    watcher.show(kind, item)
            cluster.watchers.append(watcher)
            cluster.condition.notify_all()
        try:
            self.begin_stream()
            self.stream(watcher)
        except OSError:
            self.close_connection = True
        finally:
            with cluster.condition:
                if watcher in cluster.watchers:
                    cluster.watchers.remove(watcher)

    def stream(self, watcher):
        while True:
            with cluster.condition:
                cluster.condition.wait_for(lambda: watcher.queue)
                items, watcher.queue = watcher.queue, []
            for item in items:
                if item == "break":
                    return self.break_off()
                if item == "end":
                    return self.end_stream()
                self.chunk(item)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(CERTIFICATE, KEY)
        self.tls.load_verify_locations(CLIENT_CA)
        self.tls.verify_mode = ssl.CERT_OPTIONAL

    def get_request(self):
        connection, address = super().get_request()
        # The handshake is the handler's thread's.
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass  # connections that clients close, and refuse


def disturb(how):
    """Does something to whoever watches."""
    def change(watcher):
        if how == "bookmark":
            watcher.mark()
        elif how == "garbage":
            watcher.queue.append(b'{"type":"ADDED","object":{"kind":\n')
        elif how == "half a line":
            watcher.queue.append(b'{"type":"ADDED","obj')
            watcher.finish("break")
        else:
            watcher.finish(how)
    cluster.to_watchers(change)


def read_recorded(name):
    with open(os.path.join(RECORDED, name)) as file:
        return file.read()


def run(command):
    verb, path = command["do"], command.get("path")
    if verb == "churn":
        churn(cluster, command["count"], command["seed"], disturb if command["disturbs"] else None)
        return {}
    if verb == "await":  # until so many watches are under way, or requests came
        with cluster.condition:
            return {"ok": cluster.condition.wait_for(
                lambda: len(cluster.watchers) >= command.get("watchers", 0)
                and len(cluster.requests) >= command.get("requests", 0), timeout=30)}
    with cluster.condition:
        if verb == "load":
            document = json.loads(read_recorded(command["file"]))
            for item in document["items"]:
                cluster.record(path, "ADDED", item, item["metadata"]["resourceVersion"])
            cluster.version = max(cluster.version, int(document["metadata"]["resourceVersion"]))
            cluster.compact()
        elif verb == "replay":
            for line in read_recorded(command["file"]).splitlines():
                event = json.loads(line)
                if event["type"] == "BOOKMARK":
                    cluster.to_watchers(lambda watcher: watcher.mark())
                else:
                    cluster.record(path, event["type"], event["object"],
                                   event["object"]["metadata"]["resourceVersion"])
        elif verb == "put":
            cluster.put(path, command["object"])
        elif verb == "delete":
            cluster.record(path, "DELETED", cluster.objects[path][command["uid"]])
        elif verb == "compact":
            cluster.compact()
        elif verb == "expired-as-status":
            cluster.expired_as_status = True
        elif verb == "disturb":
            disturb(command["how"])
        elif verb == "raw":
            data = command["text"].encode() * command.get("repeat", 1) + b"\n"
            cluster.to_watchers(lambda watcher: watcher.queue.append(data))
        elif verb == "fault":
            cluster.faults.append(command)
        elif verb == "heal":
            cluster.faults.clear()
        elif verb == "token":
            cluster.token = command["token"]
        elif verb == "watches":
            return {"watches": len(cluster.watchers)}
        elif verb == "requests":
            return {"requests": cluster.requests}
        elif verb == "dump":
            return {"items": list(cluster.objects[path].values())}
        else:
            raise ValueError(f"no such command: {verb}")
    return {}


def main():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except Exception as error:  # the test shows it
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


main()
