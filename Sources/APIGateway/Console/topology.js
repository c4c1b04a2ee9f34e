// Who calls whom, from the requests that the console has seen, and how breakers and instances stand.

// Where each participant stands: x and y of 100.
// Without a prototype: another program may have a service named like a member of one.
const PLACES = { __proto__: null, Client: [8, 50], APIGateway: [38, 50], AuthService: [62, 10], BookingService: [62, 38], ProductService: [62, 86], VendorService: [90, 60] };
const W = 1040, H = 420;

export function topologyView({ view, element, button, empty, fault, ms, read, svg, percentile, traces, watchers }) {
  function edges() {
    const found = new Map();
    const note = (from, to, took, isRefusal, isFault) => {
      const key = `${from} ${to}`;
      if (!found.has(key)) found.set(key, { from, to, times: [], refusals: 0, faults: 0 });
      const edge = found.get(key);
      edge.times.push(took);
      if (isFault) edge.faults += 1; else if (isRefusal) edge.refusals += 1;
    };
    for (const trace of traces) {
      note("Client", trace.entry, trace.ms, trace.status >= 400 && trace.status < 500, trace.foreign ? trace.failed : trace.status === null || trace.status >= 500);
      for (const call of trace.calls) note(call.from, call.to, call.end - call.start, Boolean(call.code) && !call.failed, call.failed);
    }
    return [...found.values()].sort((a, b) => b.times.length - a.times.length);
  }

  // Services of other programs stand in a row below.
  let others = [];
  function at(name) {
    const [x, y] = PLACES[name] ?? [(others.indexOf(name) + 1) / (others.length + 1) * 100, 101]; return [x / 100 * W, y / 100 * (H - 60) + 30];
  }

  function draw(stage, all, states) {
    stage.replaceChildren(svg("title", {}, "Services, the calls between them, and their breakers"));
    const most = Math.max(1, ...all.map((edge) => edge.times.length));
    others = [...new Set(all.flatMap((edge) => [edge.from, edge.to]))].filter((name) => !PLACES[name]).slice(0, 6);
    all = all.filter((edge) => [edge.from, edge.to].every((name) => PLACES[name] || others.includes(name)));
    for (const edge of all) {
      const [x1, y1] = at(edge.from), [x2, y2] = at(edge.to);
      const tone = edge.faults > 0 ? "bad" : "";
      stage.append(svg("line", { class: `edge ${tone}`, x1, y1, x2, y2, "stroke-width": 1.5 + 5 * edge.times.length / most }));
      const text = `${edge.times.length} · ${ms(percentile(edge.times, 0.5))}${edge.faults ? ` · ✕ ${edge.faults}` : ""}${edge.refusals ? ` · ↩ ${edge.refusals}` : ""}`;
      const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
      stage.append(svg("rect", { class: "back", x: x - text.length * 3.4, y: y - 17, width: text.length * 6.8, height: 17 }));
      stage.append(svg("text", { class: tone, x, y: y - 4, "text-anchor": "middle" }, text));
    }
    for (const name of [...Object.keys(PLACES), ...others]) {
      const [x, y] = at(name), state = states.get(name);
      stage.append(svg("rect", { class: `node ${state?.isBad ? "bad" : ""}`, x: x - 72, y: y - 22, width: 144, height: 44, rx: 8 }));
      stage.append(svg("text", { class: "name", x, y: state ? y - 3 : y + 4, "text-anchor": "middle" }, name));
      if (state) stage.append(svg("text", { class: "sub", x, y: y + 13, "text-anchor": "middle" }, state.text));
    }
  }

  const countdown = (seconds) => (seconds === null || seconds === undefined ? "" : seconds > 0 ? ` for ${Math.ceil(seconds)} s` : ", the next call is a probe");

  // The state of each service, by the name of its participant.
  function states(services) {
    const names = { auth: "AuthService", booking: "BookingService", vendor: "VendorService", product: "ProductService" };
    return new Map(Object.entries(services).map(([name, one]) => {
      const open = (one.groups ?? []).filter((group) => group.breaker !== "closed");
      const gone = (one.instances ?? []).filter((instance) => !instance.reachable || instance.ejected);
      const text = open.length > 0 ? `breaker ${open[0].breaker}${countdown(open[0].secondsUntilProbe)}` : gone.length > 0 ? `${gone.length} of ${one.instances.length} away`
        : `${one.status}, ${(one.instances ?? []).length === 1 ? "1 instance" : `${(one.instances ?? []).length} instances`}`;
      const sum = (list, part) => (list ?? []).reduce((all, each) => all + each[part], 0);
      return [names[name] ?? name, {
        text, isBad: open.length > 0 || one.status !== "ready" && one.status !== "degraded", connections: one.connections ?? 0, inFlight: sum(one.groups, "callsInFlight"),
        guards: [...open.map((group) => `breaker of ${group.name} ${group.breaker}${countdown(group.secondsUntilProbe)}`),
          ...(one.instances ?? []).filter((each) => each.breaker !== "closed").map((each) => `breaker of ${each.address} ${each.breaker}${countdown(each.secondsUntilProbe)}`),
          ...gone.map((instance) => `${instance.address} ${instance.ejected ? `ejected${countdown(instance.ejectedForSeconds)}` : "not reachable"}`)].join("; "),
      }];
    }));
  }

  return async function topology() {
    const stage = svg("svg", { class: "topology", viewBox: `0 0 ${W} ${H}`, role: "img" });
    const rows = element("tbody");
    const problem = element("div", { "aria-live": "polite" });
    const none = empty("No call has been seen. Open Live, and let sample traffic run.");
    const services = element("tbody");
    let known = new Map(), isShown = true, timer;
    const show = () => {
      const all = edges();
      none.hidden = all.length > 0;
      draw(stage, all, known);
      services.replaceChildren(...[...known].map(([name, state]) => element("tr", {}, element("td", {}, name), element("td", {}, state.text), element("td", {}, state.guards || "all closed, none ejected"), element("td", { class: "number" }, String(state.connections)), element("td", { class: "number" }, String(state.inFlight)))));
      rows.replaceChildren(...all.map((edge) => element("tr", {}, element("td", {}, `${edge.from} → ${edge.to}`),
        ...[edge.times.length, ms(percentile(edge.times, 0.5)), ms(percentile(edge.times, 0.99)), edge.refusals, edge.faults].map((value) => element("td", { class: "number" }, String(value))))));
    };
    const ask = async () => {
      try {
        known = states((await read("/console/api/health")).services);
        problem.replaceChildren();
      } catch (error) { problem.replaceChildren(fault(error.message)); }
      show();
      // Each second while something counts down.
      if (isShown) timer = setTimeout(ask, [...known.values()].some((one) => one.guards !== "") ? 1000 : 2000);
    };
    view.replaceChildren(element("h2", {}, "Topology"), element("p", { class: "lead" }, "Calls of at most 500 requests: the gateway's last 200 when the page connected, and those since. An arrow has their number, the median time, ✕ failures and ↩ refusals. A refusal such as 409 is an answer, and leaves its arrow uncoloured."),
      problem, element("div", { class: "sheet" }, stage, none),
      element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Calls"), ...["count", "p50", "p99", "refused", "failed"].map((name) => element("th", { scope: "col", class: "number" }, name)))), rows)),
      element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, ...["Service", "State", "Breakers and ejections"].map((name) => element("th", { scope: "col" }, name)), ...["Connections", "Calls in flight"].map((name) => element("th", { scope: "col", class: "number" }, name)))), services)));
    show();
    ask();
    let isDue = false;
    const watcher = () => {
      if (isDue) return;
      isDue = true;
      setTimeout(() => { isDue = false; show(); }, 500);
    };
    watchers.add(watcher);
    return { leave: () => { isShown = false; clearTimeout(timer); watchers.delete(watcher); } };
  };
}
