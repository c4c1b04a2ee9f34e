// Views of a booking: a race for one slot, a customer who books, and a vendor's day. All through the public API.

const HOUR = 3_600_000;

// A point in time as the clocks of a time zone show it.
function clock(instant, zone) {
  return new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(new Date(instant));
}

function day(instant, zone) {
  return new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone }).format(new Date(instant));
}

function price(money) {
  const digits = new Intl.NumberFormat([], { style: "currency", currency: money.currency }).resolvedOptions().maximumFractionDigits;
  return new Intl.NumberFormat([], { style: "currency", currency: money.currency }).format(money.amountMinor / 10 ** digits);
}

export function bookingViews({ view, element, button, empty, fault, ms, statusTag, read, token, svg, freeStarts, cancel }) {
  const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const heads = (...names) => element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  const link = (id) => (id ? element("a", { href: `#/trace/${id}` }, "trace") : "");

  async function send(method, path, body, persona, key) {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await token(persona)}` };
    if (key) headers["Idempotency-Key"] = key;
    const answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
    const value = await answer.json();
    return { status: answer.status, body: value, id: answer.headers.get("x-trace-id") ?? value.traceId };
  }

  // Whether this view is still the one that is shown. A late answer must not draw over another view.
  function staying() {
    const own = location.hash;
    return () => location.hash === own;
  }

  // MARK: Race

  // The runs of a race on one time axis, from the moment when the first was sent.
  function axis(runs) {
    const most = Math.max(...runs.map((run) => run.end)), scale = 720 / most;
    const drawing = svg("svg", { class: "race", viewBox: `0 0 960 ${runs.length * 30 + 34}`, role: "img" });
    drawing.append(svg("title", {}, `${runs.length} requests for one slot: ${runs.map((run) => `request ${run.number} ${run.status} after ${ms(run.end)}`).join(", ")}`));
    runs.forEach((run, at) => {
      const y = at * 30 + 6, tone = run.status === 201 ? "" : run.status >= 500 ? "bad" : "refusal";
      drawing.append(svg("text", { x: 0, y: y + 14 }, `request ${run.number}`));
      drawing.append(svg("rect", { class: tone, x: 96 + run.start * scale, y, width: Math.max(3, (run.end - run.start) * scale), height: 18, rx: 3 }));
      drawing.append(svg("text", { x: 826, y: y + 14, class: tone }, `${run.status === 201 ? "✓ won" : run.status >= 500 ? `✕ ${run.code}` : `↩ ${run.code}`}`));
    });
    const y = runs.length * 30 + 8;
    for (let step = 0; step <= 4; step++) {
      const x = 96 + step * 180;
      drawing.append(svg("line", { x1: x, x2: x, y1: 0, y2: y }));
      drawing.append(svg("text", { class: "sub", x, y: y + 16, "text-anchor": step === 0 ? "start" : step === 4 ? "end" : "middle" }, ms(step / 4 * most)));
    }
    return drawing;
  }

  async function race() {
    const count = element("select", { id: "racers" }, ...[2, 3, 5, 10].map((number) => element("option", { value: number, selected: number === 5 }, String(number))));
    const out = element("div", { "aria-live": "polite" }, empty("No race has run. Every request books the same pet for the same time, and one may win."));
    let isRunning = false;
    const start = button("Book the same time", async () => {
      if (isRunning) return;
      isRunning = true;
      out.replaceChildren(element("p", {}, "Looking for a slot."));
      try {
        await token("maya");
        const [slot] = await freeStarts(1);
        if (!slot) throw new Error("no slot is free in two weeks");
        const began = performance.now(), stamp = Date.now();
        const results = await Promise.allSettled(Array.from({ length: Number(count.value) }, async (_, at) => {
          const own = performance.now() - began;
          const answer = await send("POST", "/api/bookings", { vendorId: 3, serviceId: 6, petId: 1, start: slot }, "maya", `race-${stamp}-${at}`);
          return { number: at + 1, start: own, end: performance.now() - began, status: answer.status, code: answer.body.code, booking: answer.body.id, id: answer.id };
        }));
        const runs = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
        const won = runs.filter((run) => run.status === 201);
        for (const run of won) await cancel(run.booking);
        if (runs.length < results.length) throw results.find((result) => result.status === "rejected").reason;
        const why = won.length === 1
          ? `Request ${won[0].number} won: its transaction booked the pet first. The others got ${[...new Set(runs.filter((run) => run.status !== 201).map((run) => run.code))].join(", ")}.`
          : `${won.length} requests won.`;
        out.replaceChildren(element("p", {}, why), element("div", { class: "sheet" }, axis(runs)),
          element("div", { class: "sheet" }, element("table", {}, heads("Request", "Answer", "Took", "Diagram"), element("tbody", {}, ...runs.map((run) => element("tr", {},
            element("td", {}, String(run.number)), element("td", {}, statusTag(run.status), " ", run.code ?? "booked; cancelled to make room"), element("td", {}, ms(run.end - run.start)), element("td", {}, link(run.id))))))));
      } catch (error) { out.replaceChildren(fault(error.message)); }
      isRunning = false;
    });
    view.replaceChildren(element("h2", {}, "Race"), element("p", { class: "lead" }, "What happens when several requests book one pet for one time."),
      element("div", { class: "bar" }, element("label", { for: "racers" }, "Requests"), count, start), out);
    return {};
  }

  // MARK: Book

  // A start as a button with the clocks of both places.
  function slotButton(start, zone, more, choose) {
    const both = clock(start, zone) === clock(start, OWN) ? clock(start, zone) : `${clock(start, zone)} there, ${clock(start, OWN)} here`;
    return button(`${both}${more}`, () => choose(start));
  }

  async function book() {
    const isStaying = staying();
    view.replaceChildren(empty("Reading the vendors."));
    let vendors, pets;
    try {
      const listed = (await read("/api/vendors?limit=20")).items;
      // The list has no services.
      vendors = await Promise.all(listed.map((one) => read(`/api/vendors/${one.id}`)));
      pets = (await read("/api/pets", { headers: { Authorization: `Bearer ${await token("maya")}` } })).items;
      vendors = vendors.filter((one) => one.services?.length > 0);
    } catch (error) {
      if (isStaying()) view.replaceChildren(element("h2", {}, "Book"), fault(error.message));
      return {};
    }
    if (!isStaying()) return {};
    if (vendors.length === 0 || pets.length === 0) {
      view.replaceChildren(element("h2", {}, "Book"), empty("There is no vendor with a service, or Maya has no pet. Start with --demo for sample data."));
      return {};
    }
    const vendor = element("select", { id: "book-vendor" }, ...vendors.map((one) => element("option", { value: one.id }, `${one.businessName} (${one.timeZone})`)));
    const service = element("select", { id: "book-service" });
    const pet = element("select", { id: "book-pet" }, ...pets.map((one) => element("option", { value: one.id }, `${one.name}, ${one.species}`)));
    const date = element("input", { id: "book-date", type: "date" });
    const slots = element("div", { class: "bar" });
    const out = element("div", { "aria-live": "polite", tabindex: "-1" });
    // The latest question about free times, and whether the user has chosen a day.
    let asked = 0, hasChosen = false;
    const chosen = () => vendors.find((one) => one.id === Number(vendor.value));
    const services = () => service.replaceChildren(...chosen().services.map((one) => element("option", { value: one.id }, `${one.name}, ${one.durationMinutes} min, ${price(one.price)}, for ${one.species.join(" and ")}`)));

    const confirm = (start) => {
      const zone = chosen().timeZone;
      const name = pets.find((one) => one.id === Number(pet.value))?.name;
      const wish = { vendorId: Number(vendor.value), serviceId: Number(service.value), petId: Number(pet.value), start };
      // One key for one confirmation, however often it is sent.
      const key = `console-${Date.now()}-${Math.random()}`;
      const again = (error) => {
        yes.textContent = "Send again with the same key";
        yes.disabled = false;
        out.replaceChildren(fault(error), yes);
        yes.focus();
      };
      const yes = button("Confirm the booking", async () => {
        yes.disabled = true;
        try {
          const answer = await send("POST", "/api/bookings", wish, "maya", key);
          if (answer.status >= 500) return again(`${answer.status} ${answer.body.code}: ${answer.body.detail ?? ""}`);
          const others = answer.body.alternatives ?? [];
          out.replaceChildren(...(answer.status === 201
            ? [element("p", { class: "verdict" }, `✓ ${answer.body.reference}: ${answer.body.serviceName}, ${price(answer.body.price)}, ${answer.body.status}. `, link(answer.id))]
            : [element("p", {}, statusTag(answer.status), ` ${answer.body.code}: ${answer.body.detail ?? ""} `, link(answer.id)),
              ...(others.length === 0 ? [] : [element("p", {}, "Free instead:"), element("div", { class: "bar" }, ...others.map((other) => slotButton(other, zone, "", confirm)))])]));
          out.focus();
          await offer(false);
        } catch (error) { again(error.message); }
      });
      out.replaceChildren(element("p", {}, `${name ?? "The pet"} at ${chosen().businessName} on ${day(start, zone)}, ${clock(start, zone)} in ${zone}, which is ${clock(start, OWN)} in ${OWN}.`), yes);
      yes.focus();
    };

    const offer = async (clears = true) => {
      const turn = ++asked;
      if (clears) out.replaceChildren();
      slots.replaceChildren(element("span", {}, "Looking for free times."));
      try {
        const answer = await read(`/api/vendors/${vendor.value}/availability?serviceId=${service.value}&date=${date.value}`);
        if (turn !== asked) return;
        slots.replaceChildren(...(answer.slots.length === 0 ? [element("span", {}, "Nothing is free that day. Choose another.")]
          : answer.slots.map((slot) => slotButton(slot.start, chosen().timeZone, slot.remaining > 1 ? ` (${slot.remaining} places)` : "", confirm))));
      } catch (error) {
        if (turn === asked) slots.replaceChildren(fault(error.message));
        hasChosen = true;
      }
    };
    vendor.onchange = () => { hasChosen = true; services(); offer(); };
    service.onchange = date.onchange = () => { hasChosen = true; offer(); };
    pet.onchange = () => out.replaceChildren();
    view.replaceChildren(element("h2", {}, "Book"), element("p", { class: "lead" }, `Maya books for one of her pets. Times are the vendor's, and those of this browser (${OWN}).`),
      element("div", { class: "sheet fields" }, element("label", { for: "book-vendor" }, "Vendor"), vendor, element("label", { for: "book-service" }, "Service"), service,
        element("label", { for: "book-pet" }, "Pet"), pet, element("label", { for: "book-date" }, "Day at the vendor"), date),
      element("h3", {}, "Free times"), slots, out);
    services();
    // The first day with room.
    for (let ahead = 1; ahead < 15 && !hasChosen && isStaying(); ahead++) {
      date.value = new Date(Date.now() + ahead * 24 * HOUR).toISOString().slice(0, 10);
      await offer();
      if (slots.querySelector("button")) break;
    }
    return {};
  }

  // MARK: Agenda

  const NEXT = { pending: [["confirmed", "Confirm"], ["cancelled", "Cancel"]], confirmed: [["in_progress", "Start"], ["no_show", "No-show"], ["cancelled", "Cancel"]], in_progress: [["completed", "Complete"]] };

  async function agenda() {
    const isStaying = staying();
    view.replaceChildren(empty("Reading the bookings."));
    const out = element("div", { "aria-live": "polite" });
    const body = element("tbody");
    const none = empty("No bookings. Book makes one at vendor 1, Marigold's.");
    const again = button("Read again", () => draw().catch((error) => out.replaceChildren(fault(error.message))));
    let own;
    const draw = async () => {
      const headers = { Authorization: `Bearer ${await token("marigold")}` };
      own ??= await read("/api/vendors/1");
      const items = (await read("/api/bookings?limit=50", { headers })).items.sort((a, b) => a.start.localeCompare(b.start));
      none.hidden = items.length > 0;
      let last = "";
      body.replaceChildren(...items.flatMap((one) => {
        const date = day(one.start, own.timeZone);
        const rows = [];
        if (date !== last) rows.push(element("tr", {}, element("th", { colspan: 5, scope: "rowgroup" }, date)));
        last = date;
        rows.push(element("tr", {}, element("td", { class: "mono" }, `${clock(one.start, own.timeZone)}–${clock(one.end, own.timeZone)}`), element("td", {}, one.serviceName), element("td", { class: "mono wide" }, one.reference),
          element("td", {}, one.status.replaceAll("_", " ")), element("td", {}, element("span", { class: "bar" }, ...(NEXT[one.status] ?? []).map(([status, text]) => button(text, async (event) => {
            for (const other of event.target.parentElement.children) other.disabled = true;
            try {
              const answer = await send("PATCH", `/api/bookings/${one.id}/status`, { status, expectedVersion: one.version }, "marigold");
              out.replaceChildren(element("p", {}, statusTag(answer.status), " ", answer.status === 200 ? `${one.reference} is ${answer.body.status.replaceAll("_", " ")}. ` : `${answer.body.code}: ${answer.body.detail ?? ""} `, link(answer.id)));
              await draw();
              (body.querySelector(`[aria-label$="${one.reference}"]`) ?? again).focus();
            } catch (error) { out.replaceChildren(fault(error.message)); }
          }, { "aria-label": `${text} ${one.reference}` }))))));
        return rows;
      }));
    };
    try { await draw(); } catch (error) {
      if (isStaying()) view.replaceChildren(element("h2", {}, "Agenda"), fault(error.message));
      return {};
    }
    if (!isStaying()) return {};
    view.replaceChildren(element("h2", {}, "Agenda"), element("p", { class: "lead" }, `The last 50 bookings of ${own.businessName}, at the times of ${own.timeZone}. A booking cannot start before its time; the answer says so.`),
      element("div", { class: "bar" }, again), out,
      element("div", { class: "sheet" }, element("table", {}, element("thead", {}, element("tr", {}, ...["Time", "Service"].map((name) => element("th", { scope: "col" }, name)), element("th", { scope: "col", class: "wide" }, "Reference"), ...["Status", "Next"].map((name) => element("th", { scope: "col" }, name)))), body), none));
    return {};
  }

  return { race, book, agenda };
}
