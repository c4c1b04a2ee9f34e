// The console of PetPro: views over /console/api and the API itself. It loads nothing from elsewhere.

import { sequence, rowsOfFlow, svg, heads, arrow, width } from "./diagram.js";
import { bookingViews } from "./booking.js";
import { topologyView } from "./topology.js";
import { eventsView } from "./events.js";

const view = document.getElementById("view");
const connection = document.getElementById("connection");
const ORDER = ["Client", "APIGateway", "BookingService", "VendorService", "AuthService", "ProductService"];
const KEPT = 500;

// MARK: Elements

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const button = (text, onclick, more = {}) => element("button", { type: "button", onclick, ...more }, text);
const empty = (text) => element("p", { class: "empty" }, text);
const fault = (text) => element("p", { class: "fault", role: "alert" }, text);

function ms(value) { return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} ms`; }
function time(text) { return new Date(text).toLocaleTimeString([], { hour12: false }); }

// A business refusal is no fault: only 5xx are drawn as one.
function tone(status) { return status >= 500 || status === null ? "bad" : status >= 400 ? "refusal" : "good"; }
function statusTag(status) { return element("span", { class: `tag ${tone(status)}` }, status === null ? "no answer" : String(status)); }

function verdictTag(verdict) {
  if (verdict.incomplete) return element("span", { class: "tag plain" }, "spans missing");
  if (verdict.flow === undefined) return element("span", { class: "tag plain" }, "no flow");
  return element("span", { class: `tag ${verdict.right ? "good" : "bad"}` }, verdict.text);
}

async function read(path, options = {}) {
  const response = await fetch(path, options);
  const text = await response.text();
  let body = null;
  try { body = text === "" ? null : JSON.parse(text); } catch { body = text; }
  if (!response.ok) {
    const error = new Error(body?.detail ? `${body.code}: ${body.detail}` : `${response.status} ${response.statusText}`);
    error.status = response.status;
    throw error;
  }
  return body;
}

async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    source.textContent = "Copied";
  } catch {
    // Without a secure context there is no clipboard.
    window.prompt("Copy this text", text);
  }
}

// MARK: What happens

const traces = [];
const watchers = new Set();
let isPaused = false;
// Other processes whose spans the gateway cannot collect: their calls are missing from every diagram.
const unseen = element("p", { class: "fault", role: "status", hidden: "" });

let processes = [];
let instanceTimer;

// Asks every five seconds, if there are other processes at all.
async function watchInstances() {
  clearTimeout(instanceTimer);
  try { takeInstances((await read("/console/api/instances")).instances); } catch { return; }
  if (processes.length > 0) instanceTimer = setTimeout(watchInstances, 5000);
}

function takeInstances(instances) {
  processes = instances;
  const silent = instances.filter((one) => one.problem);
  unseen.hidden = silent.length === 0;
  unseen.textContent = silent.length === 0 ? "" : `Calls of these instances are missing from the diagrams: ${silent.map((one) => `${one.service} at ${one.instance} (${one.problem})`).join("; ")}`;
}

// Notes a request. One that is not new is shown in lists only.
function take(trace, isNew) {
  if (traces.some((known) => known.id === trace.id && known.at === trace.at)) return;
  traces.unshift(trace);
  if (traces.length > KEPT) traces.pop();
  for (const watcher of watchers) watcher(trace, isNew);
}

function connect() {
  const source = new EventSource("/console/api/live");
  source.onopen = async () => {
    connection.textContent = "live";
    connection.dataset.state = "open";
    try {
      // What was missed, the oldest first.
      for (const trace of (await read("/console/api/traces")).traces.reverse()) take(trace, false);
      await watchInstances();
    } catch (error) { connection.textContent = error.message; }
  };
  source.addEventListener("trace", (event) => take(JSON.parse(event.data), true));
  source.onerror = () => {
    connection.textContent = source.readyState === EventSource.CLOSED
      ? "refused: open the console on the gateway's machine, as localhost" : "lost; trying again";
    connection.dataset.state = "lost";
  };
}

// MARK: Personas and sample traffic

const PERSONAS = { anonymous: null, maya: "maya@petpro.example", marigold: "marigold@petpro.example", admin: "admin@petpro.example" };
const tokens = {};

async function token(persona) {
  if (!PERSONAS[persona]) return null;
  if (tokens[persona]?.until > Date.now()) return tokens[persona].text;
  const pair = await read("/api/auth/login", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: PERSONAS[persona], password: "petpro-demo" }),
  });
  tokens[persona] = { text: pair.accessToken, until: Date.now() + 9 * 60_000 };
  return pair.accessToken;
}

// The first free starts of the demo's vendor 3, which has room for twelve.
async function freeStarts(count) {
  const starts = [];
  for (let ahead = 2; ahead < 16 && starts.length < count; ahead++) {
    const day = new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    const answer = await read(`/api/vendors/3/availability?serviceId=6&date=${day}`);
    for (const slot of answer.slots ?? []) starts.push(slot.start);
  }
  return starts.slice(0, count);
}

async function book(start, key) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await token("maya")}`, "Idempotency-Key": key };
  const body = JSON.stringify({ vendorId: 3, serviceId: 6, petId: 1, start });
  return fetch("/api/bookings", { method: "POST", headers, body });
}

// Makes room for the next sample.
async function cancel(id) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await token("maya")}` };
  await fetch(`/api/bookings/${id}/cancel`, { method: "POST", headers, body: JSON.stringify({ reason: "a sample" }) });
}

const sample = { timer: null, turn: 0 };

// Sample traffic only reads. `Book the same slot at once` shows a booking.
async function sampleOnce() {
  const paths = [9001, 9002, 9003, 9004, 9999].map((product) => `/api/products/${product}/availability`);
  try { await fetch([...paths, "/api/vendors", "/api/vendors/3"][sample.turn++ % 7]); } catch { /* The connection's state says it. */ }
}

function setSample(isOn) {
  localStorage.setItem("sample", isOn ? "on" : "off");
  clearInterval(sample.timer);
  sample.timer = isOn ? setInterval(sampleOnce, 1500) : null;
}

// MARK: Live

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

function live() {
  const stage = svg("svg", { class: "sequence live", width: width(ORDER), height: 210, role: "img" });
  stage.append(svg("title", {}, "The calls of the last second between client, gateway and services"));
  heads(stage, ORDER, 204);
  let lane = 0;
  const show = (trace) => {
    if (isPaused || document.hidden) return;
    const rows = [{ from: "Client", to: "APIGateway", text: trace.operation, at: 0 }];
    for (const call of trace.calls) {
      rows.push({ from: call.from, to: call.to, text: call.name, tone: call.failed ? "bad" : call.code ? "refusal" : "", at: call.start });
    }
    rows.forEach((row, at) => {
      setTimeout(() => {
        const group = svg("g");
        lane = (lane + 1) % 5;
        arrow(group, ORDER, 66 + lane * 32, row);
        stage.append(group);
        setTimeout(() => group.remove(), 1600);
      }, at * 120);
    });
  };

  const table = element("tbody", { "aria-live": "off" });
  const numbers = element("tbody");
  const codes = element("p", { class: "lead" });
  const raced = element("div", { "aria-live": "polite" });
  isPaused = false;
  const pause = button("Pause", () => setPaused(!isPaused), { "aria-pressed": "false" });
  const setPaused = (value) => {
    isPaused = value;
    pause.textContent = isPaused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) draw();
  };
  const clear = () => { traces.length = 0; draw(); };
  const isSampling = () => sample.timer !== null;
  const sampling = button("Sample traffic", () => {
    setSample(!isSampling());
    sampling.setAttribute("aria-pressed", String(isSampling()));
  }, { "aria-pressed": String(isSampling()) });

  const row = (trace) => {
    const open = () => { location.hash = `#/trace/${trace.id}`; };
    return element("tr", { tabindex: "0", onclick: open, onkeydown: (event) => { if (event.key === "Enter") open(); } },
      element("td", { class: "mono" }, time(trace.at)),
      element("td", {}, trace.operation),
      element("td", {}, statusTag(trace.status)),
      element("td", { class: "number" }, ms(trace.ms)),
      element("td", { class: "wide" }, verdictTag(trace.verdict)));
  };
  const draw = () => {
    if (isPaused) return;
    table.replaceChildren(...traces.slice(0, 100).map(row));
    const byOperation = Map.groupBy ? Map.groupBy(traces, (trace) => trace.operation) : group(traces);
    numbers.replaceChildren(...[...byOperation].sort((a, b) => b[1].length - a[1].length).slice(0, 12).map(([name, all]) => {
      const times = all.map((trace) => trace.ms);
      const refusals = all.filter((trace) => trace.status >= 400 && trace.status < 500).length;
      const faults = all.filter((trace) => trace.status === null || trace.status >= 500).length;
      return element("tr", {}, element("td", {}, name), ...[all.length, ms(percentile(times, 0.5)), ms(percentile(times, 0.95)),
        ms(percentile(times, 0.99)), refusals, faults].map((value) => element("td", { class: "number" }, String(value))));
    }));
    const counts = {};
    for (const trace of traces) for (const call of trace.calls) if (call.code) counts[call.code] = (counts[call.code] ?? 0) + 1;
    codes.textContent = Object.keys(counts).length === 0 ? "No call was refused or failed."
      : "Codes of calls: " + Object.entries(counts).map(([code, count]) => `${code} ${count}`).join(", ");
    none.hidden = traces.length > 0;
  };
  const group = (all) => all.reduce((map, trace) => map.set(trace.operation, [...(map.get(trace.operation) ?? []), trace]), new Map());

  const race = async () => {
    raced.replaceChildren(element("p", {}, "Looking for a slot."));
    try {
      await token("maya");
      const [start] = await freeStarts(1);
      if (!start) throw new Error("no slot is free in two weeks");
      const began = performance.now();
      const runs = await Promise.all([1, 2, 3].map(async (number) => {
        const answer = await book(start, `race-${Date.now()}-${number}`);
        const took = performance.now() - began;
        const body = await answer.json();
        return { number, status: answer.status, took, code: body.code, booking: body.id, id: answer.headers.get("x-trace-id") ?? body.traceId };
      }));
      const most = Math.max(...runs.map((run) => run.took));
      for (const run of runs) if (run.status === 201) await cancel(run.booking);
      raced.replaceChildren(element("h3", {}, `Three requests for one pet at ${start}`),
        element("table", { class: "waterfall" }, element("tbody", {}, ...runs.map((run) => element("tr", {},
          element("td", {}, `request ${run.number}`), element("td", {}, statusTag(run.status), " ", run.code ?? "won"),
          element("td", {}, run.id ? element("a", { href: `#/trace/${run.id}` }, "trace") : ""), element("td", {}, bar(0, run.took, most, run.status >= 500)))))));
    } catch (error) { raced.replaceChildren(fault(error.message)); }
  };

  const none = empty("Nothing has happened yet. Sample traffic reads something every second and a half.");
  view.replaceChildren(
    element("h2", {}, "Live"),
    element("p", { class: "lead" }, "Each arrow is a call as it happens. Refusals such as 409 are answers, not faults. Choose a request to see its diagram."),
    unseen,
    element("div", { class: "bar" }, pause, button("Clear", clear), sampling, button("Book the same slot at once", race)),
    element("div", { class: "sheet" }, stage), raced,
    element("h3", {}, "Operations"),
    element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Operation"),
      ...["requests", "p50", "p95", "p99", "refused", "failed"].map((name) => element("th", { scope: "col", class: "number" }, name)))), numbers), codes),
    element("h3", {}, "Requests"),
    element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {},
      ...["Time", "Operation", "Status"].map((name) => element("th", { scope: "col" }, name)),
      element("th", { scope: "col", class: "number" }, "Took"), element("th", { scope: "col", class: "wide" }, "Flow"))), table), none));
  draw();
  let isDue = false;
  const watcher = (trace, isNew) => {
    if (isNew) show(trace);
    if (isDue) return;
    isDue = true;
    setTimeout(() => { isDue = false; draw(); }, 250);
  };
  watchers.add(watcher);
  return { leave: () => watchers.delete(watcher), keys: { p: () => setPaused(!isPaused), c: clear } };
}

// MARK: Trace

function bar(start, end, most, isBad, isTry) {
  const drawing = svg("svg", { viewBox: "0 0 1000 16", preserveAspectRatio: "none", "aria-hidden": "true" });
  const scale = 1000 / Math.max(most, 0.001);
  drawing.append(svg("rect", { class: isBad ? "bad" : isTry ? "try" : "", x: start * scale, y: isTry ? 5 : 2, width: Math.max(2, (end - start) * scale), height: isTry ? 6 : 12 }));
  return drawing;
}

function rowsOfTrace(trace) {
  const timed = [{ at: -1, rank: 0, row: { from: "Client", to: "APIGateway", text: trace.operation } }];
  for (const call of trace.calls) {
    const tries = call.attempts.length > 1 ? `${call.attempts.length} attempts: ${call.attempts.map((one) => one.failure ?? "ok").join(", ")}` : "";
    const kind = call.failed ? "bad" : call.code ? "refusal" : "";
    timed.push({ at: call.start, rank: 1, row: { from: call.from, to: call.to, text: `${call.name}()`, sub: [`+${ms(call.start)}`, tries].filter(Boolean).join(" · ") } });
    timed.push({ at: call.end, rank: 0, row: { from: call.to, to: call.from, text: `${call.code ?? "ok"} · ${ms(call.end - call.start)}`, reply: true, tone: kind, mark: kind === "bad" ? "✕" : kind === "refusal" ? "↩" : "" } });
  }
  timed.sort((a, b) => a.at - b.at || a.rank - b.rank);
  const kind = tone(trace.status);
  timed.push({ row: { from: "APIGateway", to: "Client", text: `${trace.status ?? "no answer"} · ${ms(trace.ms)}`, reply: true, tone: kind === "good" ? "" : kind } });
  return timed.map((one) => one.row);
}

function neighbours(id) {
  const at = traces.findIndex((trace) => trace.id === id);
  return { next: traces[at + 1]?.id, former: at > 0 ? traces[at - 1].id : undefined };
}

async function trace(id) {
  if (!id) {
    view.replaceChildren(element("h2", {}, "Trace"), traces.length === 0
      ? empty("No request is here yet. Open Live, and let sample traffic run.")
      : element("div", { class: "sheet" }, element("table", {}, element("tbody", {}, ...traces.slice(0, 50).map((one) =>
        element("tr", {}, element("td", {}, element("a", { href: `#/trace/${one.id}` }, one.operation)), element("td", {}, statusTag(one.status)), element("td", { class: "number" }, ms(one.ms)), element("td", { class: "wide" }, verdictTag(one.verdict))))))));
    return {};
  }
  view.replaceChildren(empty("Reading the trace."));
  let one;
  try { one = await read(`/console/api/traces/${id}`); } catch (error) {
    view.replaceChildren(element("h2", {}, "Trace"), error.status === 404
      ? empty(`The gateway no longer has ${id}: it keeps the last 500 requests.`) : fault(error.message));
    return {};
  }
  const peers = traces.filter((other) => other.operation === one.operation && other.id !== one.id);
  const slower = peers.length < 5 ? "" : ` Slower than ${Math.round(100 * peers.filter((other) => other.ms < one.ms).length / peers.length)} % of its ${peers.length} peers.`;
  const verdict = one.verdict;
  const banner = verdict.incomplete
    ? element("p", { class: "verdict none" }, "Spans of other instances are missing, so this request has no verdict. Health lists the instances.")
    : verdict.flow === undefined
    ? element("p", { class: "verdict none" }, "No diagram of docs/flows begins with this operation.")
    : verdict.right
      ? element("p", { class: "verdict" }, `✓ It followed ${verdict.flow}`, verdict.branches.length ? `, branch ${verdict.branches.join(" → ")}` : "")
      : element("p", { class: "verdict wrong" }, `✕ ${verdict.text}`);
  const mermaid = button("Copy as Mermaid", (event) => copy(one.mermaid, event.target));
  const text = button("Copy as text", (event) => copy(one.text, event.target));
  const [method] = one.operation.split(" ");
  // Any client may have chosen the path: quoted, so that a shell takes it as it is.
  const curl = `curl -i -X ${method} '${(location.origin + one.path).replaceAll("'", "'\\''")}'`;
  view.replaceChildren(
    element("h2", {}, one.operation),
    element("p", { class: "lead" }, statusTag(one.status), ` ${ms(one.ms)} at ${time(one.at)}.${slower} `, element("code", {}, one.id)),
    banner, element("div", { class: "bar" }, mermaid, text, button("Copy as curl", (event) => copy(curl, event.target))),
    element("div", { class: "sheet" }, sequence(one.participants, rowsOfTrace(one), `Sequence diagram of ${one.operation}`)),
    element("h3", {}, "Where the time went"),
    one.calls.length === 0 ? empty("The gateway answered by itself.") : element("div", { class: "sheet" }, element("table", { class: "waterfall" },
      element("thead", {}, element("tr", {}, ...["Call", "Result", "Took", ""].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...one.calls.flatMap((call) => [
        element("tr", {}, element("td", {}, `${call.to}.${call.name}`), element("td", {}, call.code ? element("span", { class: `tag ${call.failed ? "bad" : "refusal"}` }, call.code) : "ok"),
          element("td", { class: "number" }, ms(call.end - call.start)), element("td", {}, bar(call.start, call.end, one.ms, call.failed))),
        ...(call.attempts.length < 2 ? [] : call.attempts.map((attempt) => element("tr", {}, element("td", {}, `  attempt ${attempt.number} at ${attempt.instance}`),
          element("td", {}, attempt.failure ?? "ok"), element("td", { class: "number" }, ms(attempt.end - attempt.start)), element("td", {}, bar(attempt.start, attempt.end, one.ms, attempt.failure !== null, true))))),
      ])))),
    element("h3", {}, "As text"), element("div", { class: "sheet" }, element("pre", { tabindex: "0" }, one.text)));
  const go = (other) => { if (other) location.hash = `#/trace/${other}`; };
  return { keys: { c: () => mermaid.click(), j: () => go(neighbours(id).next), k: () => go(neighbours(id).former) } };
}

// MARK: Flows

async function flows() {
  view.replaceChildren(empty("Reading the flows."));
  let all;
  try { all = (await read("/console/api/flows")).flows; } catch (error) {
    view.replaceChildren(element("h2", {}, "Flows"), fault(error.message));
    return {};
  }
  const ways = (diagram) => element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Way"), element("th", { scope: "col" }, "Answer"), element("th", { scope: "col", class: "number" }, "Seen"))),
    element("tbody", {}, ...diagram.ways.map((way) => element("tr", {}, element("td", {}, way.branches.join(" → ") || "the only way"), element("td", {}, way.status === null ? "" : statusTag(way.status)),
      element("td", { class: "number" }, way.count > 0 ? String(way.count) : element("span", { class: "tag plain" }, "never seen"))))));
  view.replaceChildren(element("h2", {}, "Flows"),
    element("p", { class: "lead" }, "The diagrams of docs/flows, and how often requests took each way since the gateway started. Branches that were never taken are faint."),
    ...all.flatMap((flow) => {
      const taken = new Set(flow.diagram.ways.filter((way) => way.count > 0).flatMap((way) => way.branches));
      return [element("h3", {}, `${flow.diagram.title} · ${flow.operation}`),
        flow.strays > 0 ? fault(`${flow.strays} requests took none of these ways. Live shows where each differs.`) : null,
        element("div", { class: "sheet" }, sequence(flow.diagram.participants, rowsOfFlow(flow.diagram.steps, taken), flow.diagram.title)),
        element("div", { class: "sheet" }, ways(flow.diagram)),
        flow.beyond ? element("details", { class: "sheet" }, element("summary", {}, flow.beyond.title), ways(flow.beyond)) : null].filter((part) => part !== null);
    }));
  return {};
}

// MARK: Inventory

function inventory() {
  const body = element("tbody");
  const log = element("tbody");
  const state = element("p", { class: "lead", role: "status" }, "connecting");
  const stock = new Map();
  let source = null, cursor = null, vendor = 1;
  const show = () => body.replaceChildren(...[...stock].map(([id, one]) => element("tr", {}, ...[id, one.quantity, one.reserved, one.available].map((value) => element("td", { class: "number" }, String(value))), element("td", {}, one.status.replaceAll("_", " ")), element("td", { class: "number" }, String(one.version)))));
  const note = (kind, event) => {
    if (event.lastEventId) cursor = event.lastEventId;
    log.prepend(element("tr", {}, element("td", { class: "mono" }, time(new Date())), element("td", {}, kind), element("td", { class: "mono" }, event.lastEventId ?? "")));
    while (log.children.length > 30) log.lastChild.remove();
  };
  const open = () => {
    source?.close();
    source = new EventSource(`/api/inventory/stream?vendorId=${vendor}${cursor ? `&after=${encodeURIComponent(cursor)}` : ""}`);
    source.onopen = () => { state.textContent = "following"; };
    source.onerror = () => {
      state.textContent = source.readyState === EventSource.CLOSED ? "the stream was refused" : "the stream broke; the browser tries again";
    };
    source.addEventListener("snapshot", (event) => { const one = JSON.parse(event.data); stock.set(one.productId, one); show(); });
    source.addEventListener("snapshot-end", (event) => note("snapshot", event));
    source.addEventListener("change", (event) => {
      const one = JSON.parse(event.data);
      stock.set(one.productId, { ...one.after, version: one.version });
      show();
      note(`product ${one.productId}: ${one.reason}`, event);
    });
    source.addEventListener("reset", (event) => { stock.clear(); note("reset: a new snapshot follows", event); });
    source.addEventListener("stream-error", (event) => { state.textContent = JSON.parse(event.data).detail; });
  };
  const cut = button("Cut the stream", () => {
    if (source) { source.close(); source = null; state.textContent = `cut; the last cursor is ${cursor ?? "none"}`; cut.textContent = "Go on after the cursor"; }
    else { open(); cut.textContent = "Cut the stream"; }
  });
  const change = button("Restock product 9001", async () => {
    try {
      await read("/api/products/9001/inventory", { method: "POST", body: JSON.stringify({ delta: 1, reason: "restock" }),
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${await token("marigold")}`, "Idempotency-Key": `console-${Date.now()}` } });
    } catch (error) { state.textContent = error.message; }
  });
  const choice = element("select", { id: "vendor", onchange: (event) => { vendor = event.target.value; cursor = null; stock.clear(); show(); open(); } },
    ...[1, 2, 3].map((id) => element("option", { value: id }, `vendor ${id}`)));
  view.replaceChildren(element("h2", {}, "Inventory"), state,
    element("div", { class: "bar" }, element("label", { for: "vendor" }, "Products of"), choice, change, cut),
    element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, ...["Product", "In stock", "Reserved", "Available"].map((name) => element("th", { scope: "col", class: "number" }, name)), element("th", { scope: "col" }, "Status"), element("th", { scope: "col", class: "number" }, "Version"))), body)),
    element("h3", {}, "Events"), element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, ...["Time", "Event", "Cursor"].map((name) => element("th", { scope: "col" }, name)))), log)));
  open();
  return { leave: () => source?.close() };
}

// MARK: Explorer

let document_ = null;

function resolved(schema) {
  let one = schema ?? {};
  for (let depth = 0; one.$ref && depth < 8; depth++) one = document_.components.schemas[one.$ref.split("/").pop()] ?? {};
  return one;
}

function sampleOf(schema, depth = 0) {
  const one = resolved(schema);
  if (one.example !== undefined) return one.example;
  if (one.default !== undefined) return one.default;
  if (one.enum) return one.enum[0];
  if (one.const !== undefined) return one.const;
  if (one.oneOf) return sampleOf(one.oneOf[0], depth + 1);
  if (one.allOf) return sampleOf(one.allOf[0], depth + 1);
  const type = Array.isArray(one.type) ? one.type[0] : one.type;
  if (type === "object" && depth < 5) {
    const required = new Set(one.required ?? []);
    return Object.fromEntries(Object.entries(one.properties ?? {}).filter(([name]) => required.has(name)).map(([name, part]) => [name, sampleOf(part, depth + 1)]));
  }
  if (type === "array") return [sampleOf(one.items, depth + 1)];
  if (type === "integer" || type === "number") return one.minimum ?? 1;
  if (type === "boolean") return false;
  if (one.format === "date-time") return new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000 + 3 * 86_400_000).toISOString();
  if (one.format === "email") return "someone@petpro.example";
  return "text";
}

async function explorer(chosen) {
  view.replaceChildren(empty("Reading the description of the API."));
  try { document_ ??= await read("/openapi.json"); } catch (error) {
    view.replaceChildren(element("h2", {}, "Explorer"), fault(error.message));
    return {};
  }
  const operations = Object.entries(document_.paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([, one]) => one?.operationId).map(([method, one]) => ({ path, method: method.toUpperCase(), ...one })))
    .sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
  const operation = operations.find((one) => one.operationId === chosen) ?? operations.find((one) => one.operationId === "getProductAvailability") ?? operations[0];
  const list = element("select", { id: "operation", onchange: (event) => { location.hash = `#/explorer/${event.target.value}`; } },
    ...operations.map((one) => element("option", { value: one.operationId, selected: one === operation }, `${one.method} ${one.path}`)));
  const persona = element("select", { id: "persona" }, ...Object.keys(PERSONAS).map((name) => element("option", {}, name)));
  const parameters = (operation.parameters ?? []).map((one) => (one.$ref ? document_.components.parameters?.[one.$ref.split("/").pop()] : one)).filter((one) => one && (one.in === "path" || one.in === "query"));
  const inputs = parameters.map((one) => {
    const isProduct = operation.path.startsWith("/api/products");
    const known = one.in === "path" && one.name === "id" ? (isProduct ? 9001 : 1) : one.required ? sampleOf(one.schema) : "";
    return { ...one, input: element("input", { id: `p-${one.name}`, value: one.name === "vendorId" ? 1 : one.name === "date" ? new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10) : known }) };
  });
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  const area = schema ? element("textarea", { id: "body", spellcheck: "false" }) : null;
  if (area) area.value = JSON.stringify(sampleOf(schema), null, 2);
  const key = element("input", { id: "key", placeholder: "none", value: operation.method === "POST" ? `console-${Date.now()}` : "" });
  const out = element("div", { "aria-live": "polite" });
  const send = async (times) => {
    out.replaceChildren(element("p", {}, "Waiting."));
    try {
      let path = operation.path;
      const query = new URLSearchParams();
      for (const one of inputs) {
        if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(one.input.value));
        else if (one.input.value !== "") query.set(one.name, one.input.value);
      }
      const text = await token(persona.value);
      const headers = {};
      if (text) headers.Authorization = `Bearer ${text}`;
      if (area) headers["Content-Type"] = "application/json";
      if (key.value) headers["Idempotency-Key"] = key.value;
      const address = path + (query.size ? `?${query}` : "");
      out.replaceChildren();
      for (let turn = 0; turn < times; turn++) {
        const began = performance.now();
        const answer = await fetch(address, { method: operation.method, headers, body: area?.value });
        const took = performance.now() - began;
        const raw = await answer.text();
        let shown = raw;
        try { shown = JSON.stringify(JSON.parse(raw), null, 2); } catch { /* Not JSON. */ }
        const id = answer.headers.get("x-trace-id");
        out.append(element("p", {}, statusTag(answer.status), ` ${ms(took)} `, id ? element("a", { href: `#/trace/${id}` }, "its trace") : ""),
          element("div", { class: "sheet" }, element("pre", { tabindex: "0" }, shown || "no body")));
      }
    } catch (error) { out.replaceChildren(fault(error.message)); }
  };
  const isStream = operation.path.endsWith("stream");
  view.replaceChildren(element("h2", {}, "Explorer"), element("p", { class: "lead" }, operation.summary ?? operation.description ?? ""),
    element("div", { class: "sheet fields" }, element("label", { for: "operation" }, "Operation"), list,
      element("label", { for: "persona" }, "As"), persona,
      ...inputs.flatMap((one) => [element("label", { for: `p-${one.name}` }, `${one.name}${one.required ? "" : " (optional)"}`), one.input]),
      ...(operation.method === "POST" ? [element("label", { for: "key" }, "Idempotency-Key"), key] : []),
      ...(area ? [element("label", { for: "body" }, "Body"), area] : [])),
    isStream ? empty("A stream never ends: Inventory shows it.") : element("div", { class: "bar" }, button("Send", () => send(1)), button("Send twice", () => send(2))), out);
  return {};
}

// MARK: Health

// The instances whose spans the gateway collects.
function instanceTable() {
  const heads = ["Service", "Instance", "Spans"].map((name) => element("th", { scope: "col" }, name));
  const rows = processes.map((one) => {
    const spans = one.problem ?? (one.missed ? `${one.missed} spans were dropped, because they came too fast` : "complete");
    return element("tr", {}, element("td", {}, one.service), element("td", { class: "mono" }, one.instance), element("td", {}, spans));
  });
  return element("section", { class: "sheet" }, element("h3", {}, "Instances whose spans the gateway collects"),
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
}

async function health() {
  view.replaceChildren(empty("Asking the services."));
  let services;
  try {
    services = (await read("/console/api/health")).services;
    await watchInstances();
  } catch (error) {
    view.replaceChildren(element("h2", {}, "Health"), fault(error.message));
    return {};
  }
  view.replaceChildren(element("h2", {}, "Health"), element("p", { class: "lead" }, "What each service says of itself, and how the gateway's calls to it stand."),
    element("div", { class: "bar" }, button("Ask again", health)),
    element("div", { class: "grid" }, ...Object.entries(services).map(([name, one]) => element("section", { class: "sheet" },
      element("h3", {}, name, " ", element("span", { class: `tag ${one.status === "ready" ? "good" : one.status === "degraded" ? "refusal" : "bad"}` }, one.status)),
      one.error ? element("p", {}, one.error) : null,
      element("table", {}, element("tbody", {},
        ...(one.groups ?? []).map((group) => element("tr", {}, element("td", {}, `group ${group.name}`), element("td", {}, `breaker ${group.breaker}`), element("td", { class: "number" }, `${group.callsInFlight} in flight`))),
        ...(one.instances ?? []).map((instance) => element("tr", {}, element("td", { class: "mono" }, instance.address), element("td", {}, instance.reachable ? (instance.ejected ? "ejected" : `breaker ${instance.breaker}`) : "not reachable"), element("td", { class: "number" }, `${instance.inFlight} in flight`)))))))),
    ...(processes.length === 0 ? [] : [instanceTable()]));
  return {};
}

// MARK: Addresses and keys

const kit = { view, element, button, empty, fault, ms, time, statusTag, read, token, svg, freeStarts, cancel, percentile, traces, watchers };
const views = { live, trace, flows, topology: topologyView(kit), ...bookingViews(kit), inventory, events: eventsView(kit), explorer, health };
let current = {};

async function route() {
  const [, name = "live", argument] = location.hash.split("/");
  current.leave?.();
  current = {};
  const chosen = views[name] ?? live;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  const asked = location.hash;
  const made = await chosen(argument ? decodeURIComponent(argument) : undefined);
  // Another view may have been chosen meanwhile.
  if (asked !== location.hash) return made?.leave?.();
  current = made ?? {};
}

const sheet = document.getElementById("keys");
document.getElementById("help").onclick = () => sheet.showModal();
document.getElementById("theme").onclick = () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
};
if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || sheet.open) return;
  if (event.key === "?") return sheet.showModal();
  if (current.keys?.[event.key]) { event.preventDefault(); return current.keys[event.key](); }
  if ((event.key === "j" || event.key === "k") && location.hash.startsWith("#/live")) {
    const rows = [...document.querySelectorAll("tbody tr[tabindex]")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, at + (event.key === "j" ? 1 : -1))]?.focus();
    return;
  }
  const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
  if (link) location.hash = link.hash;
});
window.addEventListener("hashchange", route);
if (!location.hash) history.replaceState(null, "", "#/live");
connect();
if (localStorage.getItem("sample") !== "off") setSample(true);
route();
