"""Starts a platform whose parts are processes of their own, and uses the console's Faults and Trace in a real browser.

usage: faults.py PETPRO FOLDER

An instance that is killed opens a breaker, which closes again when the instance is there again. The picture goes to FOLDER. Needs playwright
(PyPI) and Debian's chromium.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright

PETPRO, FOLDER = sys.argv[1], sys.argv[2]
HTTP, BASE = "127.0.0.1:18094", 14300


def start(data, part, environment):
    program = subprocess.Popen(
        [PETPRO, "serve", part, "--demo", "--data", data, "--http", HTTP, "--password-cost", "10", "--log-level", "error"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while not program.stdout.readline().startswith("ready"):
        assert program.poll() is None, part
    return program


def main():
    # `timeout` ends with it, and what was started must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    environment = dict(os.environ, PETPRO_GATEWAY_RATES_MODE="off")
    for at, name in enumerate(["AUTH", "BOOKING", "VENDOR", "PRODUCT"]):
        environment[f"PETPRO_{name}"] = f"127.0.0.1:{BASE + at}"
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        parts = []
        try:
            for part in ["auth", "booking", "vendor", "product", "gateway"]:
                parts.append(start(data, part, environment))
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(20_000)
            problems = []
            page.on("pageerror", lambda error: problems.append(f"error of a script: {error}"))
            use(page)
            browser.close()
            assert not problems, problems
        finally:
            for part in reversed(parts):
                part.terminate()
            for part in parts:
                part.wait(30)


def use(page):
    page.goto(f"http://{HTTP}/console")
    expect(page.locator("#connection")).to_have_text("live")
    # A conflict, whose trace no process has all of.
    page.get_by_role("button", name="Book the same slot at once").click()
    expect(page.locator(".waterfall .tag.refusal")).to_have_count(2)
    page.locator(".waterfall tr", has_text="409").first.get_by_role("link", name="trace").click()
    expect(page.locator(".verdict")).to_contain_text("It followed booking-creation")
    expect(page.locator("svg.sequence text.name")).to_have_text(
        ["Client", "APIGateway", "BookingService", "VendorService", "AuthService"])
    page.keyboard.press("l")
    page.locator(".waterfall, main").first.wait_for()
    won = page.locator("tbody tr[tabindex]", has_text="POST /api/bookings").filter(has_text="201").first
    won.click()
    expect(page.locator("svg.sequence")).to_contain_text("event booking.created")
    print("over separate processes, a conflict is recognised, and the event of the booking is in its diagram")

    page.keyboard.press("x")
    row = page.locator("main .sheet").first.locator("tr", has_text=f"127.0.0.1:{BASE + 2}")
    page.get_by_label("For").select_option("10")
    page.get_by_role("button", name="Send traffic").click()
    expect(row).to_contain_text("breaker closed")
    # A browser has six connections, so that a frozen instance would be asked by six requests at a time.
    row.get_by_role("button", name=re.compile("Kill")).click()
    expect(row).to_contain_text("kill,")
    group = page.locator("h3:has-text('Breakers') + .sheet tr", has_text="vendor").first
    expect(group).to_contain_text("breaker open", timeout=20_000)
    page.screenshot(path=f"{FOLDER}/faults-open.png", full_page=True)
    expect(page.locator("main")).to_contain_text("→ open")
    # The topology counts down to the breaker's next probe.
    page.keyboard.press("o")
    guards = page.locator("tr", has_text="VendorService").last
    expect(guards).to_contain_text(re.compile(r"breaker of default open for \d+ s"))
    page.screenshot(path=f"{FOLDER}/topology-open.png", full_page=True)
    page.keyboard.press("x")
    page.get_by_role("button", name="Send traffic").click()
    print("a killed instance opens the breaker of its calls, and the topology says for how long")
    expect(row).to_contain_text("behaves", timeout=20_000)
    expect(group).to_contain_text("breaker closed", timeout=30_000)
    expect(page.locator("main")).to_contain_text("→ closed")
    print("it closes when the instance is there again")


main()
