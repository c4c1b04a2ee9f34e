"""Has the metrics of a running platform judged by promtool and by the OpenMetrics parser of prometheus-client.

Usage: metrics.py PETPRO DEPLOY. DEPLOY is the folder with prometheus/alerts.yml and grafana/petpro.json: each metric that
they name must exist.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

HTTP, METRICS, BASE = "127.0.0.1:18098", "127.0.0.1:19464", "14098"
NAME = re.compile(r"\b(?:rpc|rookery|petpro|process)_[a-z_]+")


def fetch(path, accept="text/plain", address=METRICS):
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def check(condition, text):
    print(("ok  " if condition else "NOT ") + text)
    if not condition:
        sys.exit(1)


def wanted(deploy):
    """The metrics that alerts and dashboard name."""
    with open(f"{deploy}/grafana/petpro.json") as file:
        board = json.load(file)
    texts = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    with open(f"{deploy}/prometheus/alerts.yml") as file:
        lines = file.read()
    texts += re.findall(r"expr: (?:\|\n)?((?:.|\n)*?)\n +(?:for|labels):", lines)
    # Without the labels by which they are summed.
    return {name for text in texts for name in NAME.findall(re.sub(r"by \([^)]*\)", "", text))}


def main(petpro, deploy):
    data = tempfile.mkdtemp()
    log = open(f"{data}/log", "w+")
    process = subprocess.Popen(
        [petpro, "up", "--demo", "--data", f"{data}/petpro", "--password-cost", "10", "--http", HTTP,
         "--base-port", BASE, "--metrics", METRICS],
        stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(300):
            log.seek(0)
            if "ready http" in log.read():
                break
            time.sleep(0.1)
        for _ in range(20):
            fetch("/api/vendors", address=HTTP)
        # The gauges are set every five seconds.
        for _ in range(100):
            text = fetch("/metrics")
            if "petpro_events_lacking" in text and "rookery_client_instances" in text:
                break
            time.sleep(0.1)
        judged = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        check(judged.returncode == 0, f"promtool check metrics {judged.stdout}{judged.stderr}".strip())
        rules = subprocess.run(["promtool", "check", "rules", f"{deploy}/prometheus/alerts.yml"], capture_output=True)
        check(rules.returncode == 0, "promtool check rules")
        families = list(text_string_to_metric_families(fetch("/metrics", "application/openmetrics-text")))
        check(len(families) > 10, f"{len(families)} families in OpenMetrics")
        found = {sample.exemplar.labels["trace_id"] for family in families for sample in family.samples if sample.exemplar}
        check(found, f"{len(found)} traces as exemplars")
        shown = [fetch(f"/console/api/traces/{trace}", address=HTTP) for trace in found]
        check(all(json.loads(one)["calls"] is not None for one in shown), "each of them is in the console")
        named = {family.name for family in families for sample in family.samples if sample.exemplar}
        check(any(name.startswith("http_") for name in named), f"exemplars of {', '.join(sorted(named))}")
        samples = {sample.name for family in families for sample in family.samples}
        missing = sorted(wanted(deploy) - samples)
        check(not missing, f"alerts and dashboard name metrics that exist {missing or ''}".strip())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()
        shutil.rmtree(data)


main(*sys.argv[1:])
