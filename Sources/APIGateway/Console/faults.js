// Demo mode: an instance misbehaves for a while. What the gateway's guards decide is shown as it happens.

const KINDS = [["kill", "Kill", "ends all its connections and refuses new ones"], ["freeze", "Freeze", "answers no command of its service"], ["delay", "Delay", "answers 300 ms later"], ["drop", "Drop", "leaves every second message unanswered"]];
const PAUSE = 1000;

export function faultsView({ view, element, button, empty, fault, read, act, startTraffic }) {
  const head = (...names) => element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  const state = (one) => one.fault ? element("span", { class: "tag bad" }, `${one.fault}, ${one.secondsLeft} s left`) : element("span", { class: "tag good" }, "behaves");
  const calls = (one) => {
    if (!one.calls) return element("span", { class: "tag plain" }, "not called yet");
    const isBad = !one.calls.reachable || one.calls.ejected || one.calls.breaker !== "closed";
    const text = !one.calls.reachable ? "not reachable" : one.calls.ejected ? "ejected" : `breaker ${one.calls.breaker}`;
    return element("span", { class: `tag ${isBad ? "refusal" : "good"}` }, text);
  };

  return async function faults() {
    const rows = element("tbody"), groups = element("tbody"), history = element("tbody");
    const problem = element("div", { "aria-live": "polite" });
    const seconds = element("select", { id: "fault-seconds" }, ...[5, 10, 20, 60].map((count) => element("option", { value: count, selected: count === 10 }, `${count} s`)));
    const none = empty("No breaker has moved yet, and every instance was reached.");
    let timer, isShown = true;
    const begin = async (one, kind) => {
      try {
        draw(await act("/console/api/faults", JSON.stringify({ service: one.service, instance: one.instance, kind, seconds: Number(seconds.value) })));
        problem.replaceChildren();
      } catch (error) { problem.replaceChildren(fault(error.message)); }
    };
    const buttons = new Map();
    const actions = (one) => {
      const key = `${one.service} ${one.instance}`;
      // Buttons stay, so that the focus does.
      if (!buttons.has(key)) {
        buttons.set(key, element("div", { class: "bar tight" }, ...KINDS.map(([kind, text, what]) => button(text, () => begin(one, kind), { title: `${one.service} at ${one.instance} ${what}`, "aria-label": `${text} ${one.service} at ${one.instance}` })),
          button("End", () => begin(one, "none"), { "aria-label": `End the fault of ${one.service} at ${one.instance}` })));
      }
      return buttons.get(key);
    };
    const known = new Map();
    function draw(answer) {
      for (const one of answer.instances) {
        const key = `${one.service} ${one.instance}`;
        if (!known.has(key)) {
          const row = element("tr", {}, element("td", {}, one.service), element("td", { class: "mono" }, one.instance), element("td"), element("td"), element("td", {}, actions(one)));
          known.set(key, row);
          rows.append(row);
        }
        known.get(key).children[2].replaceChildren(state(one));
        known.get(key).children[3].replaceChildren(calls(one));
      }
      groups.replaceChildren(...answer.groups.map(({ service, group }) => element("tr", {}, element("td", {}, service), element("td", {}, group.name),
        element("td", {}, element("span", { class: `tag ${group.breaker === "closed" ? "good" : "bad"}` }, `breaker ${group.breaker}`)), element("td", { class: "number" }, String(group.callsInFlight)))));
      history.replaceChildren(...answer.history.map((one) => element("tr", {}, element("td", { class: "number" }, `${Math.round(one.secondsAgo)} s ago`), element("td", {}, one.service), element("td", {}, one.kind), element("td", {}, one.text))));
      none.hidden = answer.history.length > 0;
    }
    async function ask() {
      try {
        draw(await read("/console/api/faults"));
        problem.replaceChildren();
      } catch (error) { problem.replaceChildren(error.status === 404 ? empty("Faults are for demo mode only: start with --demo.") : fault(`What is below may be old: ${error.message}`)); }
      if (isShown) timer = setTimeout(ask, PAUSE);
    }
    const traffic = button("Send traffic", () => { traffic.setAttribute("aria-pressed", String(startTraffic())); }, { "aria-pressed": "false" });
    view.replaceChildren(element("h2", {}, "Faults"),
      element("p", { class: "lead" }, "Have an instance misbehave, send traffic, and watch what the gateway's guards do. A fault ends by itself. With several instances, such as ./dev run --instances vendor=2, the others take over."),
      element("div", { class: "bar" }, element("label", { for: "fault-seconds" }, "For"), seconds, traffic), problem,
      element("div", { class: "sheet" }, element("table", {}, head("Service", "Instance", "State", "As the gateway sees it", "Fault"), rows)),
      element("h3", {}, "Breakers of the gateway's calls"),
      element("div", { class: "sheet" }, element("table", {}, head("Service", "Group of commands", "State", "Calls in flight"), groups)),
      element("h3", {}, "What happened"), element("div", { class: "sheet" }, element("table", {}, head("When", "Calls to", "What", "Reason"), history), none));
    await ask();
    return { leave: () => { isShown = false; clearTimeout(timer); startTraffic(false); } };
  };
}
