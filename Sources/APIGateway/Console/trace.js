// One request: its diagram, where the time went, and its data. Also the list of requests, and files of other traces.

import { sequence, svg } from "./diagram.js";

const ROW = 30, SHOWN = 480;

export function bar(start, end, most, isBad, isTry) {
  const drawing = svg("svg", { viewBox: "0 0 1000 16", preserveAspectRatio: "none", "aria-hidden": "true" });
  const scale = 1000 / Math.max(most, 0.001);
  drawing.append(svg("rect", { class: isBad ? "bad" : isTry ? "try" : "", x: start * scale, y: isTry ? 5 : 2, width: Math.max(2, (end - start) * scale), height: isTry ? 6 : 12 }));
  return drawing;
}

// The calls without which the request would have been shorter: from its end back, each time the call that ended last.
export function criticalPath(calls, length) {
  // It compares each call with each other one.
  if (calls.length > 2000) return new Set();
  const found = new Set();
  const walk = (inside, from, to) => {
    let until = to;
    for (;;) {
      const last = inside.filter((one) => one.end <= until + 0.001 && one.start >= from - 0.001 && !found.has(one)).sort((a, b) => b.end - a.end)[0];
      if (!last || last.end <= from) return;
      found.add(last);
      walk(calls.filter((one) => one.from === last.to && one.start >= last.start && one.end <= last.end && one !== last), last.start, last.end);
      until = last.start;
    }
  };
  const outer = calls.filter((one) => !calls.some((other) => other !== one && other.to === one.from && other.start <= one.start && other.end >= one.end));
  walk(outer, 0, length);
  return found;
}

// A table whose rows exist only while they are seen, for traces of thousands of spans.
export function virtualTable(element, names, rows, make) {
  const body = element("tbody");
  const box = element("div", { class: "sheet virtual", tabindex: "0", role: "region", "aria-label": `${rows.length} rows` },
    element("table", { class: "waterfall", "aria-rowcount": String(rows.length + 1) }, element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)))), body));
  let shown = "";
  const gap = (count) => element("tr", { "aria-hidden": "true", class: "gap" }, element("td", { colspan: String(names.length)}));
  const draw = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 10), last = Math.min(rows.length, first + Math.ceil(SHOWN / ROW) + 20);
    if (shown === `${first} ${last}`) return;
    shown = `${first} ${last}`;
    const above = gap(), below = gap();
    above.firstChild.style.height = `${first * ROW}px`;
    below.firstChild.style.height = `${(rows.length - last) * ROW}px`;
    body.replaceChildren(...(first > 0 ? [above] : []), ...rows.slice(first, last).map(make), ...(last < rows.length ? [below] : []));
  };
  box.addEventListener("scroll", draw, { passive: true });
  draw();
  return box;
}

export function traceViews({ view, element, button, empty, fault, ms, time, statusTag, verdictTag, tone, read, act, copy, traces }) {
  function rowsOfTrace(one) {
    const { origin } = one;
    const timed = origin.asked ? [{ at: -1, rank: 0, row: { from: "Client", to: origin.entry, text: origin.operation } }] : [];
    for (const call of one.calls) {
      const tries = call.attempts.length > 1 ? `${call.attempts.length} attempts: ${call.attempts.map((each) => each.failure ?? "ok").join(", ")}` : "";
      const left = call.left === null ? "" : `${ms(call.left)} left`;
      const kind = call.failed ? "bad" : call.code ? "refusal" : "";
      timed.push({ at: call.start, rank: 1, row: { from: call.from, to: call.to, text: call.event ? `event ${call.name}` : `${call.name}${one.foreign ? "" : "()"}`, sub: [`+${ms(call.start)}`, left, tries].filter(Boolean).join(" · "), call } });
      timed.push({ at: call.end, rank: 0, row: { from: call.to, to: call.from, text: `${call.code ?? "ok"} · ${ms(call.end - call.start)}`, reply: true, tone: kind, mark: kind === "bad" ? "✕" : kind === "refusal" ? "↩" : "", call } });
    }
    const kind = origin.status === null ? (origin.failed ? "bad" : "good") : tone(origin.status);
    if (origin.asked) timed.push({ at: origin.ms, rank: 2, row: { from: origin.entry, to: "Client", text: `${origin.status ?? (origin.failed ? "failed" : "ok")} · ${ms(origin.ms)}`, reply: true, tone: kind === "good" ? "" : kind } });
    // What goes on after the answer comes after it.
    timed.sort((a, b) => a.at - b.at || a.rank - b.rank);
    return timed.map((each) => each.row);
  }

  function neighbours(id) {
    const at = traces.findIndex((one) => one.id === id);
    return { next: traces[at + 1]?.id, former: at > 0 ? traces[at - 1].id : undefined };
  }

  // The arrows of the request as a further branch of its diagram, to paste into docs/flows.
  function branch(one) {
    const lines = one.mermaid.split("\n").filter((line) => line.includes("->>") && !line.includes(": event ")).slice(1)
      .map((line) => line.trim().replace(/, \d[\d.]* ms$/, "").replace(/, \d+ attempts$/, ""));
    return [`    else ${one.verdict.actual ?? "A new branch"}`, ...lines.map((line) => `        ${line}`)].join("\n") + "\n";
  }

  function list() {
    const file = element("input", { type: "file", id: "file", accept: ".json,application/json", "aria-label": "A file of OTLP JSON" });
    const out = element("div", { "aria-live": "polite" });
    file.onchange = async () => {
      out.replaceChildren(empty("Reading the file."));
      try {
        const answer = await act("/console/api/traces", await file.files[0].text());
        out.replaceChildren(element("p", {}, `${answer.taken} spans taken, ${answer.rejected} refused. They are shown in a few seconds: `,
          ...answer.traces.flatMap((id) => [element("a", { href: `#/trace/${id}` }, id), " "])));
      } catch (error) { out.replaceChildren(fault(error.message)); }
    };
    const find = element("form", { class: "bar", onsubmit: (event) => { event.preventDefault(); location.hash = `#/trace/${id.value.trim()}`; } });
    const id = element("input", { id: "trace-id", size: "34", placeholder: "32 hexadecimal digits", pattern: " *[0-9a-f]{32} *", required: true });
    find.append(element("label", { for: "trace-id" }, "Trace id"), id, element("button", {}, "Open"));
    view.replaceChildren(element("h2", {}, "Trace"), find, element("div", { class: "bar" }, element("label", { for: "file" }, "Open a file of OTLP JSON"), file), out, traces.length === 0
      ? empty("The console has no request yet. In demo mode, Live can send sample traffic.")
      : element("div", { class: "sheet" }, element("table", {}, element("tbody", {}, ...traces.slice(0, 50).map((one) =>
        element("tr", {}, element("td", {}, element("a", { href: `#/trace/${one.id}` }, one.operation)), element("td", {}, statusTag(one.status, one)), element("td", { class: "number" }, ms(one.ms)), element("td", { class: "wide" }, verdictTag(one.verdict))))))));
    return {};
  }

  // A message, or its reply, as the console keeps it.
  function payload(name, text) {
    let nice = text;
    try { nice = JSON.stringify(JSON.parse(text), null, 2); } catch { /* Not JSON. */ }
    return element("div", {}, element("h4", {}, `${name}, without texts, personal data and secrets`), element("pre", { tabindex: "0" }, nice));
  }

  // What is known of one call, and how to repeat it.
  function details(call) {
    const instance = call.attempts.at(-1)?.instance;
    // Another program may have chosen the names: only those are offered that a shell takes as they are.
    const name = call.command ?? call.name;
    const isPlain = [instance, name].every((text) => /^[\w.:[][\w.:[\]-]*$/.test(text ?? ""));
    const message = call.message ?? "{}";
    const command = isPlain ? `rookery call '${instance}' '${name}' '${message.replaceAll("'", "'\\''")}'` : null;
    const isWhole = !/"…|"\[(personal|secret)\]"/.test(message);
    const rows = [["Call", `${call.from} → ${call.to}.${call.name}`], ["Began", `${ms(call.start)} after the request`], ["Took", ms(call.end - call.start)],
      ["Time left at its beginning", call.left === null ? "not known, or no deadline" : ms(call.left)], ["Result", call.code ?? "ok"],
      ...call.attempts.map((each) => [`Attempt ${each.number}`, `${each.instance}, ${ms(each.end - each.start)}, ${each.failure ?? "ok"}`])];
    return element("section", { class: "sheet" }, element("table", {}, element("tbody", {}, ...rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "mono" }, value))))),
      call.message ? payload("Message", call.message) : element("p", { class: "lead" }, "Messages are kept in demo mode only, and of the first calls of a request."),
      call.message && !call.code && call.isRequest ? payload("Reply", call.reply ?? "none") : null,
      call.frames ? element("details", {}, element("summary", {}, "Frames on the wire"), element("p", { class: "lead" }, "As Nest writes them, with these values. Between two Rookery processes the same goes in binary frames."),
        element("pre", { tabindex: "0" }, call.frames.join("\n"))) : null,
      command ? element("p", {}, `To make the call again${call.message && isWhole ? "" : ", with values of your own in the message"}: `, element("code", {}, command), " ", button("Copy", (event) => copy(command, event.target))) : null);
  }

  async function trace(id) {
    if (!id) return list();
    view.replaceChildren(empty("Reading the trace."));
    let one;
    try { one = await read(`/console/api/traces/${encodeURIComponent(id)}`); } catch (error) {
      view.replaceChildren(element("h2", {}, "Trace"), error.status === 404
        ? empty(`The console does not have ${id}. It keeps at most 500 requests, and outside demo mode only a sample.`) : fault(error.message));
      return {};
    }
    const peers = traces.filter((other) => other.operation === one.operation && other.id !== one.id);
    const slower = peers.length < 5 ? "" : ` Slower than ${Math.round(100 * peers.filter((other) => other.ms < one.ms).length / peers.length)} % of the ${peers.length} other requests of this operation.`;
    const verdict = one.verdict;
    const banner = verdict.incomplete
      ? element("p", { class: "verdict none" }, "Spans of other instances are missing, so this request has no verdict. Health lists the instances.")
      : verdict.flow === undefined
      ? element("p", { class: "verdict none" }, one.foreign ? "Another program told of this request, so it is held against no diagram." : "No diagram of docs/flows begins with this operation.")
      : verdict.right
        ? element("p", { class: "verdict" }, `✓ It followed ${verdict.flow}`, verdict.branches.length ? `, branch ${verdict.branches.join(" → ")}` : "")
        : element("p", { class: "verdict wrong" }, `✕ ${verdict.text}`);
    const mermaid = button("Copy as Mermaid", (event) => copy(one.mermaid, event.target));
    const text = button("Copy as text", (event) => copy(one.text, event.target));
    const save = button("Save as OTLP JSON", async (event) => {
      try {
        const data = await read(`/console/api/traces/${id}/otlp`);
        const link = element("a", { href: URL.createObjectURL(new Blob([JSON.stringify(data)], { type: "application/json" })), download: `${id}.json` });
        link.click();
        URL.revokeObjectURL(link.href);
      } catch (error) { event.target.after(fault(error.message)); }
    });
    const [method] = one.operation.split(" ");
    const isAsked = !one.foreign && one.path && /^[A-Z]+$/.test(method);
    // Any client may have chosen the path: quoted, so that a shell takes it as it is.
    const curl = `curl -i -X ${method} '${(location.origin + one.path).replaceAll("'", "'\\''")}'`;
    const path = criticalPath(one.calls.filter((call) => !call.event), one.origin.ms);
    const length = Math.max(one.origin.ms, ...one.calls.map((call) => call.end));
    const chosen = element("div", { "aria-live": "polite" });
    const choose = (call) => { chosen.replaceChildren(details(call)); };
    const rows = one.calls.flatMap((call) => [{ call }, ...(call.attempts.length < 2 ? [] : call.attempts.map((attempt) => ({ call, attempt })))]);
    const row = ({ call, attempt }) => attempt
      ? element("tr", {}, element("td", {}, `  attempt ${attempt.number} at ${attempt.instance}`), element("td", {}, attempt.failure ?? "ok"), element("td", { class: "number" }, ms(attempt.end - attempt.start)), element("td", {}, bar(attempt.start, attempt.end, length, attempt.failure !== null, true)))
      : element("tr", {}, element("td", {}, button(`${call.to}.${call.name}`, () => choose(call), { class: "quiet", "aria-label": `Details of ${call.to}.${call.name}` }), path.has(call) ? element("span", { class: "tag plain" }, "◆ critical") : null),
        element("td", {}, call.code ? element("span", { class: `tag ${call.failed ? "bad" : "refusal"}` }, call.code) : "ok"), element("td", { class: "number" }, ms(call.end - call.start)), element("td", {}, bar(call.start, call.end, length, call.failed)));
    const own = one.origin.ms - [...path].filter((call) => call.from === one.origin.entry).reduce((sum, call) => sum + call.end - call.start, 0);
    const drawn = one.calls.length > 500 ? empty(`${one.calls.length} calls are too many for a drawing; the table has them all.`)
      : sequence(one.participants, rowsOfTrace(one), `Sequence diagram of ${one.operation}`, choose);
    view.replaceChildren(
      element("h2", {}, one.operation),
      element("p", { class: "lead" }, statusTag(one.status, one), ` ${ms(one.ms)} at ${time(one.at)}.${slower} `, element("code", {}, one.id)),
      banner, element("div", { class: "bar" }, ...(one.mermaid === null ? [] : [mermaid, text]), !isAsked ? null : button("Copy as curl", (event) => copy(curl, event.target)), save,
        verdict.flow !== undefined && !verdict.right ? button("Copy as a new branch", (event) => copy(branch(one), event.target)) : null),
      element("div", { class: "sheet" }, drawn), chosen,
      element("h3", {}, "Where the time went"),
      one.calls.length === 0 ? empty(`${one.origin.entry} answered by itself.`)
        : element("p", { class: "lead" }, path.size === 0 ? `${one.calls.length} calls.` : `◆ marks the critical path: the calls that the request waited for. ${one.origin.entry} itself took ${ms(Math.max(0, own))}.`),
      one.calls.length === 0 ? null : virtualTable(element, ["Call", "Result", "Took", ""], rows, row),
      ...(one.text === null ? [] : [element("h3", {}, "As text"), element("div", { class: "sheet" }, element("pre", { tabindex: "0" }, one.text))]));
    const go = (other) => { if (other) location.hash = `#/trace/${other}`; };
    return { keys: { c: () => { if (one.mermaid !== null) mermaid.click(); }, j: () => go(neighbours(id).next), k: () => go(neighbours(id).former) } };
  }

  return { trace };
}
