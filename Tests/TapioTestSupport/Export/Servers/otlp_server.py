"""A receiver of OTLP over HTTP that keeps what it got, behind a way on which things go wrong. It decodes with
opentelemetry-proto, the protocol's own definition. Arguments: the value that Authorization must have, or nothing, and a folder
of certificates where it speaks TLS."""

import gzip
import sys

import zstandard
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

from fault_proxy import Proxy

authorization = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None
plain = {"Content-Type": "text/plain"}
protobuf = {"Content-Type": "application/x-protobuf"}
log_requests = []
metric_requests = []
limits = {"bytes": None, "poison": None, "reject": 0, "empty": True}


def status(code, text):
    """A google.rpc.Status: fields 1 (code) and 2 (message)."""
    message = text.encode()
    return b"\x08" + bytes([code]) + b"\x12" + bytes([len(message)]) + message


def records(request):
    return [r for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records]


def attributes(owner):
    def value(any_value):
        return getattr(any_value, any_value.WhichOneof("value"))

    pairs = [(pair.key, value(pair.value)) for pair in owner]
    assert len(pairs) == len(dict(pairs)), "a name occurs twice"
    return dict(pairs)


def answer(method, target, headers, body):
    if authorization is not None and headers.get("Authorization") != authorization:
        return 401, plain, f"no right to this: {headers.get('Authorization')}".encode()
    if method != "POST" or headers.get("Content-Type") != "application/x-protobuf":
        return 415, plain, b"only protobuf"
    encoding = headers.get("Content-Encoding")
    if encoding == "gzip":
        content = gzip.decompress(body)
    elif encoding == "zstd":
        content = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    elif encoding is None:
        content = body
    else:
        return 415, plain, b"unknown encoding"
    if limits["bytes"] is not None and len(content) > limits["bytes"]:
        return 413, plain, b"too long"
    if target == "/v1/logs":
        request = logs.ExportLogsServiceRequest()
        request.ParseFromString(content)
        if not content and not limits["empty"]:
            return 400, protobuf, status(3, "I take nothing")
        found = records(request)
        if any(attributes(r.attributes).get("tapio.seq") == limits["poison"] for r in found if limits["poison"] is not None):
            return 400, protobuf, status(3, "poison")
        response = logs.ExportLogsServiceResponse()
        if limits["reject"] and found:
            response.partial_success.rejected_log_records = limits["reject"]
            response.partial_success.error_message = "older than a day"
            limits["reject"] = 0
        log_requests.append((request, len(content), len(body)))
        return 200, protobuf, response.SerializeToString()
    if target == "/v1/metrics":
        request = metrics.ExportMetricsServiceRequest()
        request.ParseFromString(content)
        metric_requests.append(request)
        response = metrics.ExportMetricsServiceResponse()
        if limits["reject"]:
            response.partial_success.rejected_data_points = limits["reject"]
            response.partial_success.error_message = "older than a day"
            limits["reject"] = 0
        return 200, protobuf, response.SerializeToString()
    return 404, plain, b"no such path"


def limit(**what):
    limits.update(what)


def rows(fields):
    """Of each record, in the order in which they came: fields by the names of the protocol, others by the attributes'."""

    def field(record, found, name):
        if name == "body":
            return record.body.string_value
        if hasattr(record, name):
            return str(getattr(record, name))
        return str(found[name]) if name in found else None

    result = []
    for request, _, _ in log_requests:
        for record in records(request):
            found = attributes(record.attributes)
            result.append([field(record, found, name) for name in fields])
    return {"rows": result}


def find(**wanted):
    """The attributes of the first record that has these, with its body and severity."""
    for request, _, _ in log_requests:
        for record in records(request):
            found = attributes(record.attributes)
            found["body"] = record.body.string_value
            if all(str(found.get(name)) == value for name, value in wanted.items()):
                found["severity"] = record.severity_number
                return {"record": {name: str(value) for name, value in found.items()}}
    return {"record": {}}


def resource():
    """Of the last request with rows."""
    first = log_requests[-1][0].resource_logs[0]
    scope = first.scope_logs[0].scope
    return {"resource": attributes(first.resource.attributes), "scope": [scope.name, scope.version]}


def batches():
    """Rows, and bytes before and after compression, of each request with rows."""
    return {"batches": [[len(records(r)), size, sent] for r, size, sent in log_requests if records(r)]}


def counted():
    """The last report of metrics, as JSON."""
    return {"reports": len(metric_requests), "metrics": MessageToDict(metric_requests[-1]) if metric_requests else {}}


commands = [limit, rows, find, resource, batches, counted]
Proxy(answer, sys.argv[2] if len(sys.argv) > 2 else None).serve({command.__name__: command for command in commands})
