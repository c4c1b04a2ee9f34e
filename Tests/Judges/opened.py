"""Starts a platform at a terminal, and expects that it opens its console in the browser.

usage: opened.py PETPRO

What it opens is a page that only its user may read, and that leads to the console once. Needs playwright (PyPI) and Debian's chromium.
"""

import os
import pty
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

from playwright.sync_api import expect, sync_playwright

PETPRO = sys.argv[1]


def main():
    # `timeout` ends with it, and what was started must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        opened = f"{folder}/opened"
        browser = f"{folder}/browser"
        with open(browser, "w") as script:
            script.write(f"#!/bin/sh\necho \"$1\" >{opened}.part && mv {opened}.part {opened}\n")
        os.chmod(browser, 0o700)
        ours, theirs = pty.openpty()
        program = subprocess.Popen(
            [PETPRO, "up", "--console", "--data", f"{folder}/data", "--http", "127.0.0.1:18093", "--base-port", "14393"],
            env=dict(os.environ, BROWSER=browser), stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        # A terminal that nobody reads would stop the program.
        threading.Thread(target=drain, args=(ours,), daemon=True).start()
        try:
            for _ in range(600):
                if os.path.exists(opened):
                    break
                assert program.poll() is None, "the platform ended"
                time.sleep(0.1)
            page = open(opened).read().strip()
            assert stat.S_IMODE(os.stat(page).st_mode) == 0o600, "others may read the page"
            assert re.search(r"127\.0\.0\.1:18093/console", open(page).read())
            view = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            first, second = view.new_context().new_page(), view.new_context().new_page()
            first.goto(f"file://{page}")
            expect(first.locator("#connection")).to_have_text("live", timeout=20_000)
            # The token is spent.
            second.goto(f"file://{page}")
            expect(second.get_by_label("Password")).to_be_visible(timeout=20_000)
            view.close()
        finally:
            program.terminate()
            program.wait(30)
    print("the console opens once, in the browser of the user who started the platform")


def drain(terminal):
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


main()
