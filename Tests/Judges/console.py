"""Uses the console in a real browser, by mouse and by keyboard, and takes pictures of every view.

usage: console.py URL FOLDER

Needs playwright (PyPI) and Debian's chromium. URL is a platform in demo mode without other clients. The pictures go to FOLDER: each
view light and dark, on a desktop and 360 px wide. Fails at the first thing that is not as a user expects, at any error of a script,
at any request to another origin, and at text whose contrast is below 4.5.
"""

import json
import re
import sys
import time
import urllib.request

from playwright.sync_api import expect, sync_playwright

URL, FOLDER = sys.argv[1], sys.argv[2]
VIEWS = ["live", "trace", "flows", "topology", "race", "book", "agenda", "inventory", "events", "faults", "explorer", "health"]

# The contrast of each visible text with what is behind it, by WCAG 2.2, and controls without a name.
AUDIT = """() => {
  const value = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = value(getComputedStyle(one).backgroundColor);
      if (colour.length >= 3 && (colour[3] ?? 1) > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const problems = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    const box = one.getBoundingClientRect();
    if (!own || box.width === 0 || one.closest("svg.live, svg.topology .back, .unseen, .skip, option, title, noscript, dialog:not([open])")) continue;
    const style = getComputedStyle(one);
    const colour = value(one.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(colour), light(ground(one))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) problems.push(`contrast ${contrast.toFixed(1)}: ${one.textContent.trim().slice(0, 40)}`);
  }
  for (const one of document.querySelectorAll("button, a[href], input, select, textarea")) {
    const own = one.id ? document.querySelector(`label[for="${one.id}"]`)?.textContent : null;
    const label = one.getAttribute("aria-label") || own || one.textContent;
    if (!label || label.trim() === "") problems.push(`no name: ${one.outerHTML.slice(0, 80)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) problems.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  return problems;
}"""


# Where the focus is: its place among what can have it, whether it can be seen, and that it shows.
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return { at: all.indexOf(one), what: one.outerHTML.slice(0, 60), seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
           marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0, order: one.tabIndex };
}"""


def tab_through(page, view):
    """Goes through a view by the Tab key alone: the focus goes forward, is seen where it is, and leaves the page at the end."""
    page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0) }")
    page.locator("h1").click()
    last, problems = -1, []
    for _ in range(300):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None or focus["at"] < last:
            return problems if last > 10 else [f"{view}: the focus reaches {last} elements"]
        # A date has fields of its own, which the browser marks.
        isDate = 'type="date"' in focus["what"]
        if focus["at"] == last and not isDate:
            return problems + [f"{view}: the focus stays at {focus['what']}"]
        if not focus["seen"] or not (focus["marked"] or isDate) or focus["order"] > 0:
            problems.append(f"{view}: the focus is not seen at {focus['what']}")
        last = focus["at"]
    return problems + [f"{view}: the focus does not come to an end"]


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        faults = []
        page.on("pageerror", lambda error: faults.append(f"error of a script: {error}"))
        page.on("request", lambda one: one.url.startswith((URL, "data:")) or faults.append(f"request to {one.url}"))
        use(page)
        for view in VIEWS:
            page.goto(f"{URL}/console#/{view}")
            expect(page.locator("main h2").first).to_be_visible()
            page.wait_for_timeout(300)
            faults += tab_through(page, view)
        print("the Tab key goes through every view, forward, and shows where it is")
        for theme in ["light", "dark"]:
            for name, width in [("desktop", 1280), ("narrow", 360)]:
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
                for view in VIEWS:
                    page.goto(f"{URL}/console#/{view}")
                    expect(page.locator("main h2").first).to_be_visible()
                    page.wait_for_timeout(300)
                    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
                    page.screenshot(path=f"{FOLDER}/{view}-{theme}-{name}.png", full_page=True)
                    if re.search(r"\b(null|undefined|NaN)\b", page.locator("main").inner_text()):
                        faults.append(f"{view}: a value that is none is shown")
                    faults += [f"{view}, {theme}, {name}: {problem}" for problem in page.evaluate(AUDIT)]
        browser.close()
    if faults:
        sys.exit("\n".join(sorted(set(faults))[:40]))
    print(f"{len(VIEWS)} views, light and dark, 1280 and 360 px: nothing to object to")


def use(page):
    page.goto(f"{URL}/console")
    expect(page.locator("#connection")).to_have_text("live")
    # Sample traffic runs from the first visit. A request comes, and its diagram is recognised.
    row = page.locator("tbody tr[tabindex]", has_text="GET /api/products/{id}/availability").first
    expect(row).to_be_visible()
    page.keyboard.press("j")
    page.get_by_role("button", name="Sample traffic").click()
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("It followed product-availability")
    expect(page.locator("svg.sequence text.name")).to_have_text(["Client", "APIGateway", "VendorService", "ProductService"])
    print("a request is found by keyboard, and its flow is recognised")

    # A conflict: three requests for one pet and slot.
    page.keyboard.press("l")
    page.get_by_role("button", name="Book the same slot at once").click()
    expect(page.locator(".waterfall .tag.refusal")).to_have_count(2)
    expect(page.locator(".waterfall .tag.good")).to_have_count(1)
    page.locator(".waterfall tr", has_text="409").first.get_by_role("link", name="trace").click()
    expect(page.locator(".verdict")).to_contain_text("It followed booking-creation")
    print(f"a conflict: {page.locator('.verdict').inner_text()}")

    # The flows count it.
    page.keyboard.press("f")
    seen = page.locator("tr", has_text="Token Valid → Vendor Available").locator("td").last
    expect(seen).not_to_have_text("not today")
    print("the flows show how often each way was taken")

    # A race on one time axis: one wins.
    page.keyboard.press("r")
    page.get_by_label("Requests").select_option("5")
    page.get_by_role("button", name="Book the same time").click()
    expect(page.locator("svg.race rect.refusal")).to_have_count(4)
    expect(page.locator("main .tag.good")).to_have_count(1)
    print(f"a race: {page.locator('main p:not(.lead)').first.inner_text()}")

    # A customer books; the vendor confirms, and cannot start before the time.
    page.keyboard.press("b")
    slot = page.locator("h3 + .bar button").first
    expect(slot).to_be_visible()
    slot.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("PP-")
    reference = re.search(r"PP-[0-9A-F]+", page.locator(".verdict").inner_text()).group()
    page.keyboard.press("a")
    confirm = page.get_by_role("button", name=f"Confirm {reference}")
    confirm.click()
    expect(page.locator("main .tag.good")).to_have_text("200")
    expect(page.locator("tr", has_text=reference)).to_contain_text("confirmed")
    page.get_by_role("button", name=f"Start {reference}").click()
    expect(page.locator("main .tag.refusal")).to_have_text("409")
    print("a customer books by keyboard, and the vendor confirms; a start before its time is refused")

    # The topology counts the calls, and shows the breakers.
    page.keyboard.press("o")
    expect(page.locator("tr", has_text="APIGateway → BookingService")).to_be_visible()
    expect(page.locator("svg.topology .node")).to_have_count(6)
    expect(page.locator("svg.topology .node.bad")).to_have_count(0)
    print("the topology shows who calls whom")

    # The events of the booking reached Vendor, whose lag is shown.
    page.keyboard.press("v")
    booking = page.locator('section[data-service="booking"]')
    expect(booking.locator("tr", has_text="booking.status-changed").first).to_be_visible()
    expect(booking.locator("tr", has_text="vendor").first).to_contain_text("up to date")
    print("the log of events is shown, and that its subscriber lacks none")

    # Live stock: a change arrives; after a cut, what was missed.
    page.keyboard.press("i")
    version = page.locator("main table").first.locator("tr", has_text="9001").locator("td").last
    expect(version).to_be_visible()
    before = int(version.inner_text())
    page.get_by_role("button", name="Restock product 9001").click()
    expect(version).to_have_text(str(before + 1))
    page.get_by_role("button", name="Cut the stream").click()
    page.get_by_role("button", name="Restock product 9001").click()
    page.wait_for_timeout(500)
    expect(version).to_have_text(str(before + 1))
    page.get_by_role("button", name="Go on after the cursor").click()
    expect(version).to_have_text(str(before + 2))
    print("stock is followed, also over a cut")

    # The explorer: a request, and its trace.
    page.goto(f"{URL}/console#/explorer/listVendors")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("main .tag.good")).to_have_text("200")
    page.get_by_role("link", name="its trace").click()
    expect(page.locator("main h2")).to_have_text("GET /api/vendors")
    page.keyboard.press("h")
    expect(page.locator("main section")).to_have_count(4)
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("Escape")
    # A command of a service, by its form.
    page.goto(f"{URL}/console#/explorer/vendor:getVendorById")
    page.get_by_label("id", exact=True).fill("2")
    expect(page.get_by_label("Message")).to_have_value(re.compile('"id": 2'))
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("main .tag.good")).to_have_text("ok")
    page.get_by_label("Message").fill('{"id": "two"}')
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("main .tag.refusal")).to_have_text("INVALID_PAYLOAD")
    page.screenshot(path=f"{FOLDER}/command.png", full_page=True)
    page.get_by_role("link", name="its trace").click()
    expect(page.locator("main h2")).to_have_text("CALL vendor get-vendor-by-id")
    page.keyboard.press("h")
    print("the explorer sends requests and commands, and health shows four services")

    # The palette finds a view, an operation and a request, by keyboard.
    page.keyboard.press("/")
    page.keyboard.type("post bookings createbooking")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("POST /api/bookings")
    page.keyboard.press("Enter")
    expect(page.locator("#operation")).to_have_value("createBooking")
    page.keyboard.press("Escape")
    page.locator("main h2").click()
    page.keyboard.press("Control+k")
    page.keyboard.type("POST /api/bookings 201")
    expect(page.locator("#palette [aria-selected=true]")).to_contain_text("201")
    page.keyboard.press("Enter")
    expect(page.locator("main h2")).to_have_text("POST /api/bookings")
    expect(page.locator("main")).to_contain_text("◆ critical")
    page.get_by_role("button", name="Details of BookingService.createBooking").click()
    expect(page.locator("main")).to_contain_text("Time left at its beginning")
    # Its message is there, without what its sender wrote; so is its frame.
    expect(page.locator("main section pre").first).to_contain_text('"vendorId"')
    expect(page.locator("main section pre").first).to_contain_text('"idempotencyKey": "…"')
    page.locator("main section summary", has_text="Frames on the wire").click()
    expect(page.locator("main section details pre")).to_contain_text('#{"pattern":{"cmd":"create-booking"},"data":{')
    expect(page.locator("main section")).to_contain_text("rookery call '127.0.0.1:")
    page.screenshot(path=f"{FOLDER}/call.png", full_page=True)
    print("the palette finds an operation and a request; its critical path and the time of a call are shown")

    # A trace goes out as a file of OTLP, and comes in again from one.
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as OTLP JSON").click()
    text = open(waiting.value.path()).read()
    own, other = json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"], "0af7651916cd43dd8448eb211c80319c"
    page.goto(f"{URL}/console#/trace")
    page.get_by_label("A file of OTLP JSON").set_input_files(
        {"name": "trace.json", "mimeType": "application/json", "buffer": text.replace(own, other).encode()})
    link = page.get_by_role("link", name=other)
    expect(link).to_be_visible()
    page.wait_for_timeout(4000)
    link.click()
    expect(page.locator("main h2")).to_have_text("POST /api/bookings")
    expect(page.locator("svg.sequence text.name", has_text="gateway (file)")).to_be_visible()
    print("a trace is saved as a file of OTLP, and opened from one")

    # A trace of 40 000 spans: its table makes only the rows that are seen.
    start = 1_700_000_000_000_000_000
    for part in range(4):
        spans = [{"traceId": "c" * 32, "spanId": f"{number + 1:016x}", "parentSpanId": "" if number == 0 else f"{1:016x}", "name": f"work {number}",
                  "kind": 2 if number == 0 else 3, "startTimeUnixNano": str(start + number), "endTimeUnixNano": str(start + number + 90_000),
                  "attributes": [{"key": "peer.service", "value": {"stringValue": "store"}}]} for number in range(part * 10_000, part * 10_000 + 10_000)]
        body = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "batch"}}]}, "scopeSpans": [{"spans": spans}]}]}
        page.goto(f"{URL}/console#/trace")
        page.get_by_label("A file of OTLP JSON").set_input_files({"name": "large.json", "mimeType": "application/json", "buffer": json.dumps(body).encode()})
        expect(page.get_by_role("link", name="c" * 32)).to_be_visible()
    page.wait_for_timeout(4000)
    began = time.time()
    page.goto(f"{URL}/console#/trace/{'c' * 32}")
    expect(page.locator(".virtual")).to_contain_text("store.work 1")
    took = time.time() - began
    page.locator(".virtual").evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    expect(page.locator(".virtual")).to_contain_text("store.work 39999")
    rows = page.locator(".virtual tbody tr").count()
    assert rows < 100, rows
    print(f"a trace of 40 000 spans is shown in {took:.1f} s, in {rows} rows at a time")

    # Without the gateway, every view says that it may be old, until it is there again.
    page.goto(f"{URL}/console#/flows")
    page.route("**/console/api/live", lambda route: route.abort())
    page.reload()
    expect(page.locator("#stale")).to_contain_text("What is below may be old")
    page.screenshot(path=f"{FOLDER}/stale.png")
    page.unroute("**/console/api/live")
    expect(page.locator("#stale")).to_be_hidden()
    print("a view without the gateway says that it may be old")

    # The last minute again.
    page.goto(f"{URL}/console#/live")
    page.get_by_role("button", name="Replay the last minute").click()
    expect(page.locator("svg.live g text.label").first).to_be_visible(timeout=12_000)
    print("the last minute is drawn again")


main()
