"""Receives the spans of a platform as an OpenTelemetry collector does, in both encodings, and reads them with opentelemetry-proto.

usage: otlp.py PETPRO

The collector is away for the first request (503), so that the spans must come again. Fails if a body cannot be read, a span has a
parent that is nowhere, or a person's words are in it.
"""

import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

CANARY = "canary.otlp@petpro.example"


class Collector(http.server.BaseHTTPRequestHandler):
    bodies = []
    refused = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces", self.path
        assert self.headers["authorization"] == "Bearer a,b", self.headers["authorization"]
        if Collector.refused == 0:
            Collector.refused += 1
            self.send_response(503)
            self.send_header("Retry-After", "1")
        else:
            Collector.bodies.append((self.headers["Content-Type"], body))
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def change_ids(value, change):
    """Changes each id of a request. OTLP writes ids as hexadecimal digits, where the mapping of Protocol Buffers has base64."""
    for resource in value["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = change(span[name])
    return value


def decoded(kind, body):
    if kind == "application/x-protobuf":
        return ExportTraceServiceRequest.FromString(body)
    assert kind == "application/json", kind
    value = change_ids(json.loads(body), lambda text: base64.b64encode(bytes.fromhex(text)).decode())
    return json_format.ParseDict(value, ExportTraceServiceRequest())


def check(encoding, petpro, collector):
    Collector.bodies, Collector.refused = [], 0
    port = 18097
    environment = dict(
        os.environ, OTEL_EXPORTER_OTLP_ENDPOINT=collector, OTEL_EXPORTER_OTLP_PROTOCOL=encoding, OTEL_BSP_SCHEDULE_DELAY="300",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20a%2Cb", OTEL_SERVICE_NAME="judged",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=judge")
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(
            [petpro, "up", "--demo", "--data", folder + "/data", "--password-cost", "10", "--http", f"127.0.0.1:{port}",
             "--base-port", "14200", "--log-format", "json", "--log-level", "info"],
            env=environment, stdout=subprocess.PIPE, stderr=open(folder + "/log", "w"), text=True)
        try:
            while not program.stdout.readline().startswith("ready"):
                assert program.poll() is None
            url = f"http://127.0.0.1:{port}"
            urllib.request.urlopen(url + "/api/products/9001/availability").read()
            for path, body in [("/api/auth/login", {"email": CANARY, "password": CANARY}), (f"/{CANARY}", {})]:
                request = urllib.request.Request(
                    url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
                try:
                    urllib.request.urlopen(request).read()
                except urllib.error.HTTPError as error:
                    assert error.code in (401, 404), error.code
            time.sleep(1)
        finally:
            # What was not sent yet is sent at the end.
            program.terminate()
            assert program.wait(30) == 0
        lines = [json.loads(line) for line in open(folder + "/log")]
        assert lines and all(line["message"] and line["level"] for line in lines)
    assert Collector.refused == 1 and Collector.bodies
    assert all(CANARY.encode() not in body for _, body in Collector.bodies)
    requests = [decoded(*one) for one in Collector.bodies]
    spans = [span for one in requests for part in one.resource_spans for scope in part.scope_spans for span in scope.spans]
    resource = {one.key: one.value.string_value for one in requests[0].resource_spans[0].resource.attributes}
    assert resource["service.name"] == "judged" and resource["deployment.environment.name"] == "judge", resource
    ids = {(span.trace_id, span.span_id) for span in spans}
    assert len(ids) == len(spans), "a span came twice"
    for span in spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8 and span.name
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL)
        assert not span.parent_span_id or (span.trace_id, span.parent_span_id) in ids, f"{span.name} has no parent"
    names = [span.name for span in spans]
    assert "GET /api/products/{id}/availability" in names, names
    found = next(span for span in spans if span.name == "GET /api/products/{id}/availability")
    assert sum(span.trace_id == found.trace_id for span in spans) >= 4
    status = {one.key: one.value.int_value for one in found.attributes}
    assert status["http.response.status_code"] == 200 and found.status.code == Status.STATUS_CODE_UNSET
    print(f"{encoding}: {len(spans)} spans in {len(requests)} requests, each with its parent")


def take(petpro):
    """Sends spans as a program of another language does, and reads them back, also after a restart."""
    import gzip
    port, trace = 18097, bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = "shop"
    part.resource.attributes.add(key="deployment.notes").value.string_value = CANARY
    scope = part.scope_spans.add()
    start = time.time_ns() - 10_000_000
    for number, parent, name, kind in [(1, 0, "GET /orders", Span.SPAN_KIND_SERVER), (2, 1, "GET", Span.SPAN_KIND_CLIENT)]:
        span = scope.spans.add(
            trace_id=trace, span_id=number.to_bytes(8), parent_span_id=parent.to_bytes(8) if parent else b"", name=name,
            kind=kind, start_time_unix_nano=start + number, end_time_unix_nano=start + 9_000_000)
        span.attributes.add(key="user.email").value.string_value = CANARY
        span.attributes.add(key="http.request.method").value.string_value = "GET"
    as_json = change_ids(json_format.MessageToDict(request), lambda text: base64.b64decode(text).hex())
    with tempfile.TemporaryDirectory() as folder:
        def run(body):
            program = subprocess.Popen(
                [petpro, "up", "--demo", "--data", folder + "/data", "--password-cost", "10", "--http", f"127.0.0.1:{port}",
                 "--base-port", "14200", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
            try:
                while not program.stdout.readline().startswith("ready"):
                    assert program.poll() is None
                return body()
            finally:
                program.terminate()
                assert program.wait(30) == 0

        def send(content, kind, encoding=None):
            token = open(folder + "/data/console/otlp-token").read().strip()
            headers = {"Content-Type": kind, "Authorization": f"Bearer {token}"}
            if encoding:
                headers["Content-Encoding"] = encoding
            answer = urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", content, headers))
            assert answer.status == 200, answer.status

        def shown():
            for _ in range(100):
                try:
                    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/console/api/traces/{trace.hex()}").read()
                    return json.loads(text)
                except urllib.error.HTTPError as error:
                    assert error.code == 404, error.code
                    time.sleep(0.1)
            raise AssertionError("the trace did not come")

        def first():
            send(request.SerializeToString(), "application/x-protobuf")
            send(gzip.compress(request.SerializeToString()), "application/x-protobuf", "gzip")
            send(json.dumps(as_json).encode(), "application/json")
            return shown()

        def again():
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/console/api/traces/{trace.hex()}/otlp").read()
            return shown(), decoded("application/json", text)

        one = run(first)
        assert one["operation"] == "GET /orders" and one["entry"] == "shop" and len(one["calls"]) == 1, one
        two, exported = run(again)
        assert two["operation"] == one["operation"] and two["calls"] == one["calls"], two
        spans = [span for part in exported.resource_spans for scope in part.scope_spans for span in scope.spans]
        assert {(span.trace_id, span.span_id) for span in spans} == {(trace, n.to_bytes(8)) for n in (1, 2)}
        for name in os.listdir(folder + "/data/console"):
            assert CANARY.encode() not in open(f"{folder}/data/console/{name}", "rb").read(), name
    print("spans of another program are taken in both encodings, also compressed, and are there after a restart")


def flood(petpro, seconds=15):
    """Sends a million spans a minute, and holds memory and the answers to others against bounds."""
    port, marker = 18097, bytes.fromhex("feedfacefeedface")
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = "flood"
    scope = part.scope_spans.add()
    for number in range(500):
        scope.spans.add(
            trace_id=marker + (number // 10 + 1).to_bytes(8), span_id=(number + 1).to_bytes(8),
            parent_span_id=(number // 10 * 10 + 1).to_bytes(8) if number % 10 else b"", name="work",
            kind=Span.SPAN_KIND_SERVER, start_time_unix_nano=time.time_ns(), end_time_unix_nano=time.time_ns() + 1000)
    body = request.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(
            [petpro, "up", "--demo", "--data", folder + "/data", "--password-cost", "10", "--http", f"127.0.0.1:{port}",
             "--base-port", "14200", "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        try:
            while not program.stdout.readline().startswith("ready"):
                assert program.poll() is None
            token = open(folder + "/data/console/otlp-token").read().strip()
            headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}

            def memory():
                text = open(f"/proc/{program.pid}/status").read()
                return int(text.split("VmRSS:")[1].split()[0]) / 1024

            before, most, sent, refused, times = memory(), 0, 0, 0, []
            start = time.time()
            while time.time() < start + seconds:
                own = body.replace(marker, sent.to_bytes(8))
                sent += 1
                try:
                    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", own, headers)).read()
                except urllib.error.HTTPError as error:
                    assert error.code == 503, error.code
                    refused += 1
                if sent % 10 == 0:
                    began = time.time()
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/products/9001/availability").read()
                    times.append(time.time() - began)
                    most = max(most, memory())
                # A million a minute.
                time.sleep(max(0, start + sent * 500 / 16_667 - time.time()))
            size = sum(os.path.getsize(f"{folder}/data/console/{name}") for name in os.listdir(folder + "/data/console")) / 2**20
        finally:
            program.terminate()
            assert program.wait(30) == 0
    rate, times = sent * 500 / seconds, sorted(times)
    print(f"{rate * 60 / 1e6:.2f} million spans a minute: {before:.0f} MiB before, {most:.0f} MiB at most, {size:.0f} MiB on disk, "
          f"{refused} of {sent} batches refused, others' p50 {times[len(times) // 2] * 1000:.1f} ms, p99 {times[int(len(times) * .99)] * 1000:.1f} ms")
    assert most < before + 200 and size < 100, "memory or disk is not bounded"


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for encoding in ["http/protobuf", "http/json"]:
        check(encoding, sys.argv[1], f"http://127.0.0.1:{server.server_port}")
    take(sys.argv[1])
    flood(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 15)


main()
