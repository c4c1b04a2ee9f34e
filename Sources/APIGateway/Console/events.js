// The log of events of each service: how far each subscriber is, what it did not take, and the newest events.

const PAUSE = 2000;

export function eventsView({ view, element, button, empty, fault, time, read, act, session }) {
  const cell = (text, more = {}) => element("td", more, text);
  const table = (names, rows) => element("table", {},
    element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, ...rows));

  function subscriber(one, last) {
    const late = one.lacking > 0 || one.blocked > 0;
    const state = one.deadLetters > 0 ? ["bad", `${one.deadLetters} dead`] : late ? ["refusal", "behind"] : ["good", "up to date"];
    return element("tr", {}, cell(one.service), cell(`${one.cursor} of ${last}`, { class: "number" }), cell(String(one.lacking), { class: "number" }),
      cell(String(one.blocked), { class: "number" }), cell(element("span", { class: `tag ${state[0]}` }, state[1])));
  }

  function letter(one, publisher) {
    const again = `petpro events replay ${one.position} --publisher ${publisher} --subscriber ${one.subscriber}`;
    return element("tr", {}, cell(one.subscriber), cell(String(one.position), { class: "number" }), cell(one.type), cell(one.about, { class: "mono" }),
      cell(one.code || "no answer", { class: "mono" }), cell(String(one.attempts), { class: "number" }),
      cell(one.isReplayed ? "is delivered again" : session()?.role === "admin" ? replay(one, publisher) : element("code", {}, again)));
  }

  function replay(one, publisher) {
    return button("Deliver again", async (event) => {
      const own = event.target;
      own.disabled = true;
      try {
        await act("/console/api/events/replay", JSON.stringify({ publisher, subscriber: one.subscriber, position: one.position }));
        own.replaceWith("is delivered again");
      } catch (error) {
        own.disabled = false;
        own.after(fault(error.message));
      }
    }, { "aria-label": `Deliver ${one.position} to ${one.subscriber} again` });
  }

  function log(name, one) {
    if (one.error) return element("section", { class: "sheet" }, element("h3", {}, name), fault(one.error));
    return element("section", { class: "sheet" }, element("h3", {}, name, " ", element("span", { class: "tag plain" }, `${one.last} events`)),
      one.subscribers.length === 0 ? empty("Nobody is told of this service's events.")
        : table(["Subscriber", "Told up to", "Lacks", "Waits for a retry", "State"], one.subscribers.map((each) => subscriber(each, one.last))),
      one.deadLetters.length === 0 ? null : element("div", { class: "dead" }, element("h4", {}, "Dead letters"),
        table(["Subscriber", "Position", "Type", "About", "Refused with", "Attempts", "Again"], one.deadLetters.map((each) => letter(each, name)))),
      one.newest.length === 0 ? empty("The log is empty.") : element("details", { open: true }, element("summary", {}, "The newest events"),
        table(["Position", "Time", "Type", "About", "Version"], one.newest.slice(0, 20).map((each) => element("tr", {},
          cell(String(each.position), { class: "number" }), cell(time(each.occurredAt)), cell(each.type), cell(each.about, { class: "mono" }), cell(String(each.version), { class: "number" }))))));
  }

  return async function events() {
    const logs = element("div", { class: "grid logs" }, empty("Reading the logs."));
    const stale = element("p", { class: "fault", role: "status", hidden: true });
    let isPaused = false, timer, open = {};
    const pause = button("Pause", () => {
      isPaused = !isPaused;
      pause.textContent = isPaused ? "Go on" : "Pause";
      if (!isPaused) show();
    });
    view.replaceChildren(element("h2", {}, "Events"),
      element("p", { class: "lead" }, "Each service writes its events into a log, in the transaction that caused them. Each subscriber is told of them in order, and has a position of its own."),
      element("div", { class: "bar" }, pause), stale, logs);

    async function show() {
      clearTimeout(timer);
      try {
        const { services } = await read("/console/api/events");
        if (!logs.isConnected || isPaused) return;
        // What is folded stays so.
        for (const part of logs.querySelectorAll("section")) open[part.dataset.service] = part.querySelector("details")?.open;
        logs.replaceChildren(...Object.entries(services).map(([name, one]) => {
          const made = log(name, one);
          made.dataset.service = name;
          const details = made.querySelector("details");
          if (details && open[name] === false) details.open = false;
          return made;
        }));
        stale.hidden = true;
      } catch (error) {
        stale.hidden = false;
        stale.textContent = `What is below may be old: ${error.message}`;
      }
      if (logs.isConnected && !isPaused) timer = setTimeout(show, PAUSE);
    }
    await show();
    return { leave: () => clearTimeout(timer), keys: { p: () => pause.click() } };
  };
}
