// The console of PetPro: views over /console/api and the API itself. It loads nothing from elsewhere.

import { sequence, rowsOfFlow, svg, heads, arrow, width } from "./diagram.js";
import { bar, traceViews } from "./trace.js";
import { palette } from "./palette.js";
import { bookingViews } from "./booking.js";
import { topologyView } from "./topology.js";
import { eventsView } from "./events.js";
import { faultsView } from "./faults.js";
import { explorerView } from "./explorer.js";

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

// `one` is the request, if another program may have told of it: that has no status if it is none over HTTP.
function statusTag(status, one) {
  if (status === null && one?.foreign) return element("span", { class: `tag ${one.failed ? "bad" : "good"}` }, one.failed ? "failed" : "ok");
  return element("span", { class: `tag ${tone(status)}` }, status === null ? "no answer" : String(status));
}

function verdictTag(verdict) {
  if (verdict.incomplete) return element("span", { class: "tag plain" }, "spans missing");
  if (verdict.flow === undefined) return element("span", { class: "tag plain" }, "no flow");
  return element("span", { class: `tag ${verdict.right ? "good" : "bad"}` }, verdict.text);
}

// Who this browser is to the gateway.
let session = null;

async function read(path, options = {}) {
  const response = await fetch(path, options);
  const text = await response.text();
  let body = null;
  try { body = text === "" ? null : JSON.parse(text); } catch { body = text; }
  if (!response.ok) {
    const error = new Error(body?.detail ? `${body.code}: ${body.detail}` : `${response.status} ${response.statusText}`);
    error.status = response.status;
    if (response.status === 401 && path.startsWith("/console/api/")) signIn(error.message);
    throw error;
  }
  return body;
}

// Has the gateway do something, with a JSON text.
async function act(path, body) {
  return read(path, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": session?.csrf ?? "" }, body });
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

// How many requests the console did not keep, when the page connected.
const left = element("span");

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

// Whether what the views show may be old: said above each of them.
const stale = document.getElementById("stale");
function setStale(reason) {
  if (Boolean(reason) === !stale.hidden) return;
  stale.hidden = !reason;
  stale.textContent = reason ? `${reason} What is below may be old; the page tries again.` : "";
  // What was read once is read again.
  if (!reason) current.refresh?.();
}

// After a refusal the browser does not try again by itself. Without a session, reading asks to sign in.
async function tryAgain() {
  try { await read("/console/api/session"); } catch (error) { if (error.status === 401) return; }
  connect();
}

let source = null;
function connect() {
  source?.close();
  source = new EventSource("/console/api/live");
  source.onopen = async () => {
    connection.textContent = "live";
    connection.dataset.state = "open";
    setStale(null);
    try {
      // What was missed, the oldest first.
      const answer = await read("/console/api/traces");
      left.textContent = answer.left === 0 ? "" : `${answer.left} requests were not kept.`;
      for (const trace of answer.traces.reverse()) take(trace, false);
      await watchInstances();
    } catch (error) { connection.textContent = error.message; }
  };
  source.addEventListener("trace", (event) => take(JSON.parse(event.data), true));
  source.onerror = () => {
    const isRefused = source.readyState === EventSource.CLOSED;
    connection.textContent = isRefused ? "refused" : "lost; trying again";
    connection.dataset.state = "lost";
    setStale(isRefused ? "The gateway ended the live view." : `The gateway has not answered since ${time(new Date())}.`);
    if (isRefused) setTimeout(tryAgain, 5000);
  };
}

// MARK: Signing in

// The link of the gateway's start has a token that opens a session once. It is not left in the address.
async function openSession() {
  const found = /^#token=([\w-]+)$/.exec(location.hash);
  if (found) {
    history.replaceState(null, "", "#/live");
    try {
      session = await read("/console/api/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: found[1] }) });
    } catch { return; }
  } else {
    try { session = await read("/console/api/session"); } catch { return; }
  }
  whoami();
}

const identity = document.getElementById("identity");
function whoami() {
  identity.replaceChildren();
  if (!session) return;
  for (const link of document.querySelectorAll("nav a")) link.hidden = !session.isDemo && DEMO.includes(link.hash.slice(2));
  identity.append(session.demo ? "demo" : session.role);
  if (session.signedIn) identity.append(" ", button("Sign out", async () => { await fetch("/console/api/session", { method: "DELETE" }); location.reload(); }));
}

const signing = document.getElementById("sign-in");
function signIn(reason) {
  if (signing.open) return;
  const problem = document.getElementById("sign-in-problem");
  problem.textContent = reason;
  signing.showModal();
  signing.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      const [email, password] = ["email", "password"].map((name) => document.getElementById(`sign-in-${name}`));
      const pair = await read("/api/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: email.value, password: password.value }) });
      password.value = "";
      session = await read("/console/api/session", { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${pair.accessToken}` }, body: "{}" });
      signing.close();
      whoami();
      connect();
      route();
    } catch (error) { problem.textContent = error.message; }
  };
}

// MARK: Personas and sample traffic

const PERSONAS = { anonymous: null, maya: "maya@petpro.example", marigold: "marigold@petpro.example", admin: "admin@petpro.example" };
const tokens = {};

async function token(persona) {
  if (!PERSONAS[persona]) return null;
  if (session && !session.isDemo) throw new Error("This platform has no demo accounts.");
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
  if (!session?.isDemo) return;
  const paths = [9001, 9002, 9003, 9004, 9999].map((product) => `/api/products/${product}/availability`);
  try { await fetch([...paths, "/api/vendors", "/api/vendors/3"][sample.turn++ % 7]); } catch { /* The connection's state says it. */ }
}

function setSample(isOn) {
  localStorage.setItem("sample", isOn ? "on" : "off");
  clearInterval(sample.timer);
  sample.timer = isOn ? setInterval(sampleOnce, 1500) : null;
}

// Traffic for faults: ten reads a second of Vendor and Product, in turn. Returns whether it runs now.
let traffic = null;
function startTraffic(isWanted = traffic === null) {
  clearInterval(traffic);
  traffic = null;
  if (!isWanted) return false;
  let turn = 0;
  traffic = setInterval(() => { fetch(["/api/vendors/3", "/api/products/9001/availability"][turn++ % 2]).catch(() => { /* The connection's state says it. */ }); }, 100);
  return true;
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
  const lanes = [[], [], [], [], []];
  const show = (trace) => {
    if (isPaused || document.hidden) return;
    if (trace.foreign) return;
    const rows = [{ from: "Client", to: "APIGateway", text: trace.operation, at: 0 }];
    for (const call of trace.calls.filter((one) => ORDER.includes(one.from) && ORDER.includes(one.to))) {
      rows.push({ from: call.from, to: call.to, text: call.name, tone: call.failed ? "bad" : call.code ? "refusal" : "", at: call.start });
    }
    rows.forEach((row, at) => {
      setTimeout(() => {
        // Arrows over each other could not be read: those that find no room are only in the tables.
        const [left, right] = [ORDER.indexOf(row.from), ORDER.indexOf(row.to)].sort((a, b) => a - b);
        const free = lanes.find((lane) => !lane.some((other) => other.left < right && left < other.right));
        if (!free) return;
        const group = svg("g"), place = { left, right };
        free.push(place);
        arrow(group, ORDER, 66 + lanes.indexOf(free) * 32, row);
        stage.append(group);
        setTimeout(() => { group.remove(); free.splice(free.indexOf(place), 1); }, 1600);
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
      element("td", {}, statusTag(trace.status, trace)),
      element("td", { class: "number" }, ms(trace.ms)),
      element("td", { class: "wide" }, verdictTag(trace.verdict)));
  };
  const draw = () => {
    if (isPaused) return;
    table.replaceChildren(...traces.slice(0, 100).map(row));
    const counts = {};
    for (const trace of traces) for (const call of trace.calls) if (call.code) counts[call.code] = (counts[call.code] ?? 0) + 1;
    codes.textContent = Object.keys(counts).length === 0 ? "No call was refused or failed."
      : "Codes of calls: " + Object.entries(counts).map(([code, count]) => `${code} ${count}`).join(", ");
    none.hidden = traces.length > 0;
  };
  // What the gateway counted, of all requests: those that are kept here may be a sample.
  let timer;
  const count = async () => {
    clearTimeout(timer);
    try {
      const { operations } = await read("/console/api/operations");
      if (!numbers.isConnected) return;
      if (!isPaused) {
        numbers.replaceChildren(...operations.map((one) => element("tr", {}, element("td", {}, one.operation),
          ...[one.requests, one.recent, ...[one.p50, one.p95, one.p99].map((value) => (value === null ? "–" : ms(value))), one.refused, one.failed].map((value) => element("td", { class: "number" }, String(value))),
          element("td", { class: "wide" }, Object.entries(one.statuses).map(([status, number]) => `${status}: ${number}`).join(", ")))));
      }
    } catch { /* The connection's state says it. */ }
    if (numbers.isConnected) timer = setTimeout(count, 2000);
  };

  // Draws the last minute again, six times as fast.
  const again = button("Replay the last minute", () => {
    const now = Date.now(), last = traces.filter((one) => now - Date.parse(one.at) < 60_000);
    again.disabled = true;
    again.textContent = last.length === 0 ? "Nothing happened" : `Replaying ${last.length} requests`;
    for (const one of last) setTimeout(() => { if (stage.isConnected) show(one); }, (Date.parse(one.at) - now + 60_000) / 6);
    setTimeout(() => { again.disabled = false; again.textContent = "Replay the last minute"; }, last.length === 0 ? 1500 : 10_500);
  });

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
    element("div", { class: "bar" }, pause, button("Clear", clear), again, ...(session && !session.isDemo ? [] : [sampling, button("Book the same slot at once", race)])),
    element("div", { class: "sheet" }, stage), raced,
    element("h3", {}, "Operations"), element("p", { class: "lead" }, "All requests since the gateway started, except streams. “Lately” and the times are of the last one to two minutes.", " ", left),
    element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Operation"),
      ...["requests", "lately", "p50", "p95", "p99", "refused", "failed"].map((name) => element("th", { scope: "col", class: "number" }, name)), element("th", { scope: "col", class: "wide" }, "By status"))), numbers), codes),
    element("h3", {}, "Requests"),
    element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {},
      ...["Time", "Operation", "Status"].map((name) => element("th", { scope: "col" }, name)),
      element("th", { scope: "col", class: "number" }, "Took"), element("th", { scope: "col", class: "wide" }, "Flow"))), table), none));
  draw();
  count();
  let isDue = false;
  const watcher = (trace, isNew) => {
    if (isNew) show(trace);
    if (isDue) return;
    isDue = true;
    setTimeout(() => { isDue = false; draw(); }, 250);
  };
  watchers.add(watcher);
  return { leave: () => { watchers.delete(watcher); clearTimeout(timer); }, keys: { p: () => setPaused(!isPaused), c: clear } };
}

// MARK: Flows

async function flows() {
  view.replaceChildren(empty("Reading the flows."));
  let all, unjudged;
  try { ({ flows: all, unjudged } = await read("/console/api/flows")); } catch (error) {
    view.replaceChildren(element("h2", {}, "Flows"), fault(error.message));
    return {};
  }
  const ways = (diagram) => element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Way"), element("th", { scope: "col" }, "Answer"), element("th", { scope: "col", class: "number" }, "Seen"))),
    element("tbody", {}, ...diagram.ways.map((way) => element("tr", {}, element("td", {}, way.branches.join(" → ") || "the only way"), element("td", {}, way.status === null ? "" : statusTag(way.status)),
      element("td", { class: "number" }, way.count > 0 ? String(way.count) : element("span", { class: "tag plain" }, "not today"))))));
  view.replaceChildren(element("h2", {}, "Flows"),
    element("p", { class: "lead" }, "The diagrams of docs/flows, and how often requests took each way today (UTC), or since the gateway started if that was later. All requests count, not only those that are kept. Arrows and branches without a request are faint."),
    ...(unjudged > 0 ? [element("p", { class: "lead" }, `Without a verdict: ${unjudged}. These requests are not judged yet, or the gateway does not know all of their calls.`)] : []),
    ...all.flatMap((flow) => {
      return [element("h3", {}, `${flow.diagram.title} · ${flow.operation}`),
        flow.strays > 0 ? fault(`${flow.strays} requests took none of these ways. Live shows where each differs.`) : null,
        element("div", { class: "sheet" }, sequence(flow.diagram.participants, rowsOfFlow(flow.diagram.steps), flow.diagram.title)),
        element("div", { class: "sheet" }, ways(flow.diagram)),
        flow.beyond ? element("details", { class: "sheet" }, element("summary", {}, flow.beyond.title), ways(flow.beyond)) : null].filter((part) => part !== null);
    }));
  return { refresh: flows };
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

// MARK: Health

// The instances whose spans the gateway collects.
function instanceTable() {
  const heads = ["Service", "Instance", "Spans"].map((name) => element("th", { scope: "col" }, name));
  const rows = processes.map((one) => {
    const spans = one.problem ?? "complete";
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
  return { refresh: health };
}

// MARK: Addresses and keys

const kit = { personas: Object.keys(PERSONAS), view, element, button, empty, fault, ms, time, tone, statusTag, verdictTag, read, act, copy, token, svg, freeStarts, cancel, percentile, traces, watchers, startTraffic, session: () => session };
const explorer = explorerView(kit);
const views = { live, ...traceViews(kit), flows, topology: topologyView(kit), ...bookingViews(kit), inventory, events: eventsView(kit), faults: faultsView(kit), explorer: explorer.view, health };
let current = {};

function onlyDemo() {
  view.replaceChildren(element("h2", {}, "Only in demo mode"), empty("This view acts as the demo's people. A platform with --demo has it."));
  return {};
}

// Views that need the demo's accounts and data.
const DEMO = ["race", "book", "agenda", "inventory", "faults"];

async function route() {
  const [, name = "live", argument] = location.hash.split("/");
  current.leave?.();
  current = {};
  const isMissing = session && !session.isDemo && DEMO.includes(name);
  const chosen = isMissing ? onlyDemo : (Object.hasOwn(views, name) ? views[name] : live);
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

const commands = palette({
  element, traces,
  views: [...document.querySelectorAll("nav a")].map((link) => ({ name: link.textContent, hash: link.hash })),
  actions: [
    { name: "Switch between light and dark", run: () => document.getElementById("theme").click() },
    { name: "Show the keys", run: () => sheet.showModal() },
    { name: "Start or stop sample traffic", run: () => setSample(sample.timer === null) },
    { name: "Open a file of traces", run: () => { location.hash = "#/trace"; setTimeout(() => document.getElementById("file")?.click(), 200); } },
  ],
  operations: explorer.operations,
});
document.getElementById("commands").onclick = () => commands.open();

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") { event.preventDefault(); return commands.open(); }
  if (document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); return commands.open(); }
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
await openSession();
if (!location.hash) history.replaceState(null, "", "#/live");
if (session) connect(); else connection.textContent = "not signed in";
if (localStorage.getItem("sample") !== "off") setSample(true);
route();
