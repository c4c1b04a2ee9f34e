// Every HTTP operation and every command of the services, from their descriptions: a form and JSON, a sample, the response and its
// trace.

export function explorerView({ view: stage, element, button, empty, fault, ms, statusTag, read, act, token, copy, personas, session, tone }) {
  // The descriptions: of the HTTP API, and of the commands of each service. They do not change while the gateway runs.
  let api = null, services = null;

  async function known() {
    api ??= await read("/openapi.json");
    services ??= (await read("/console/api/commands")).services;
    const overHTTP = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods)
      .filter(([, one]) => one?.operationId).map(([method, one]) => ({ path, method: method.toUpperCase(), ...one })))
      .sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method))
      .map((one) => ({ id: one.operationId, title: `${one.method} ${one.path}`, group: "HTTP", over: one }));
    const overTCP = Object.entries(services).flatMap(([service, one]) => one.commands
      .map((command) => ({ id: `${service}:${command.name}`, title: `${service} ${command.name}`, group: `Commands of ${service}`, service, command })));
    return [...overHTTP, ...overTCP];
  }

  // Names and ids for the palette.
  async function operations() {
    try { return (await known()).map((one) => ({ id: one.id, text: one.over ? `${one.title} ${one.id}` : one.title })); } catch { return []; }
  }

  // MARK: Schemas

  const part = (reference) => reference.startsWith("#/components/")
    ? api.components.schemas[reference.split("/").pop()]
    : Object.values(services).map((one) => one.schemas[decodeURIComponent(reference.split("/").pop())]).find(Boolean);

  function resolved(schema) {
    let one = schema ?? {};
    for (let depth = 0; one.$ref && depth < 8; depth++) one = part(one.$ref) ?? {};
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
    const type = typeOf(one);
    if (type === "object" && depth < 5) {
      const required = new Set(one.required ?? []);
      return Object.fromEntries(Object.entries(one.properties ?? {}).filter(([name]) => required.has(name)).map(([name, each]) => [name, sampleOf(each, depth + 1)]));
    }
    if (type === "array") return [sampleOf(one.items, depth + 1)];
    if (type === "integer" || type === "number") return one.minimum ?? 1;
    if (type === "boolean") return false;
    if (one.format === "date-time") return new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000 + 3 * 86_400_000).toISOString();
    if (one.format === "email") return "someone@petpro.example";
    return "text";
  }

  const typeOf = (schema) => (Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type);

  // MARK: The form

  // A field for each member that has one value. Field and JSON say the same: a change of one is a change of the other.
  function form(schema, area) {
    const members = Object.entries(resolved(schema).properties ?? {}).map(([name, raw]) => ({ name, schema: resolved(raw) }))
      .filter((one) => ["string", "integer", "number", "boolean"].includes(typeOf(one.schema)) || one.schema.enum);
    const required = new Set(resolved(schema).required ?? []);
    const problem = element("p", { class: "fault", role: "alert", hidden: true });
    const fields = members.map(({ name, schema: one }) => {
      const id = `m-${name}`, type = typeOf(one);
      const choices = one.enum ?? (type === "boolean" ? [true, false] : null);
      const input = choices
        ? element("select", { id }, ...(required.has(name) ? [] : [element("option", { value: "" }, "none")]), ...choices.map((value) => element("option", { value: JSON.stringify(value) }, String(value))))
        : element("input", { id, inputmode: type === "string" ? null : "decimal", placeholder: required.has(name) ? "" : "none", autocomplete: "off" });
      const write = () => {
        let whole;
        try { whole = JSON.parse(area.value || "{}"); } catch (error) {
          problem.hidden = false;
          problem.textContent = `The JSON below is not valid, so the field cannot change it: ${error.message}`;
          return;
        }
        problem.hidden = true;
        if (input.value === "") delete whole[name];
        else whole[name] = choices ? JSON.parse(input.value) : type === "string" || Number.isNaN(Number(input.value)) ? input.value : Number(input.value);
        area.value = JSON.stringify(whole, null, 2);
      };
      input.addEventListener("input", write);
      return { name, id, input, isRequired: required.has(name), show: (value) => { input.value = value === undefined || value === null ? "" : choices ? JSON.stringify(value) : String(value); } };
    });
    const show = () => {
      let whole;
      try { whole = JSON.parse(area.value); } catch { return; }
      problem.hidden = true;
      for (const one of fields) if (document.activeElement !== one.input) one.show(whole?.[one.name]);
    };
    area.addEventListener("input", show);
    show();
    return [...fields.flatMap((one) => [element("label", { for: one.id }, `${one.name}${one.isRequired ? "" : " (optional)"}`), one.input]), problem];
  }

  const areaFor = (value) => {
    const area = element("textarea", { id: "body", spellcheck: "false" });
    area.value = JSON.stringify(value, null, 2);
    return area;
  };
  const shown = (value) => element("div", { class: "sheet" }, element("pre", { tabindex: "0" }, value));
  const traceLink = (id) => (id ? element("a", { href: `#/trace/${id}` }, "its trace") : "");

  // MARK: HTTP

  function overHTTP({ over: operation }) {
    const persona = element("select", { id: "persona" }, ...personas.map((name) => element("option", {}, name)));
    const parameters = (operation.parameters ?? []).map((one) => (one.$ref ? api.components.parameters?.[one.$ref.split("/").pop()] : one)).filter((one) => one && (one.in === "path" || one.in === "query"));
    const inputs = parameters.map((one) => {
      const isProduct = operation.path.startsWith("/api/products");
      const value = one.in === "path" && one.name === "id" ? (isProduct ? 9001 : 1) : one.required ? sampleOf(one.schema) : "";
      return { ...one, input: element("input", { id: `p-${one.name}`, value: one.name === "vendorId" ? 1 : one.name === "date" ? new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10) : value }) };
    });
    const schema = operation.requestBody?.content?.["application/json"]?.schema;
    const area = schema ? areaFor(sampleOf(schema)) : null;
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
          let nice = raw;
          try { nice = JSON.stringify(JSON.parse(raw), null, 2); } catch { /* Not JSON. */ }
          out.append(element("p", {}, statusTag(answer.status), ` ${ms(took)} `, traceLink(answer.headers.get("x-trace-id"))), shown(nice || "no body"));
        }
      } catch (error) { out.replaceChildren(fault(error.message)); }
    };
    return {
      lead: operation.summary ?? operation.description ?? "",
      fields: [element("label", { for: "persona" }, "As"), persona,
        ...inputs.flatMap((one) => [element("label", { for: `p-${one.name}` }, `${one.name}${one.required ? "" : " (optional)"}`), one.input]),
        ...(operation.method === "POST" ? [element("label", { for: "key" }, "Idempotency-Key"), key] : []),
        ...(area ? [...form(schema, area), element("label", { for: "body" }, "Body"), area] : [])],
      below: operation.path.endsWith("stream") ? [empty("A stream never ends: Inventory shows it.")] : [element("div", { class: "bar" }, button("Send", () => send(1)), button("Send twice", () => send(2))), out],
    };
  }

  // MARK: Commands

  function overTCP({ service, command }) {
    const area = areaFor(services[service].examples[command.name] ?? {});
    const key = element("input", { id: "key", placeholder: "none", value: command.idempotency === "keyed" ? `console-${Date.now()}` : "" });
    const out = element("div", { "aria-live": "polite" });
    const isRequest = command.kind === "request" && !command.clientStream;
    const send = async (times) => {
      out.replaceChildren(element("p", {}, "Waiting."));
      try {
        const message = JSON.parse(area.value);
        out.replaceChildren();
        for (let turn = 0; turn < times; turn++) {
          const answer = await act("/console/api/commands", JSON.stringify({ service, command: command.name, message, ...(key.value ? { key: key.value } : {}) }));
          out.append(element("p", {}, element("span", { class: `tag ${tone(answer.status)}` }, answer.code ?? "ok"), ` ${ms(answer.ms)} `, traceLink(answer.trace)),
            shown(typeof answer.error === "string" ? answer.error : JSON.stringify(answer.error ?? answer.reply, null, 2)));
        }
      } catch (error) { out.replaceChildren(fault(error.message)); }
    };
    const name = command.pattern.cmd ?? JSON.stringify(command.pattern);
    const line = () => `rookery ${{ stream: "watch", event: "emit" }[command.kind] ?? "call"} HOST:PORT ${name} '${area.value.replace(/\s*\n\s*/g, " ").replaceAll("'", "'\\''")}'`;
    const types = (title, schema) => (schema ? element("details", {}, element("summary", {}, title), shown(JSON.stringify(resolved(schema), null, 2))) : null);
    const says = [command.kind, command.idempotency, ...(command.errors?.length ? [`errors ${command.errors.join(", ")}`] : [])].filter(Boolean).join(" · ");
    return {
      lead: command.description ?? "",
      fields: [element("span", {}, "Pattern"), element("code", {}, JSON.stringify(command.pattern)), element("span", {}, "Kind"), element("span", {}, says),
        ...(command.idempotency === "keyed" ? [element("label", { for: "key" }, "Idempotency key"), key] : []),
        ...form(command.request, area), element("label", { for: "body" }, "Message"), area],
      below: [
        element("div", { class: "bar" }, ...(isRequest && session()?.demo ? [button("Send", () => send(1)), button("Send twice", () => send(2))] : []),
          button("Copy as rookery call", (event) => copy(line(), event.target))),
        !isRequest ? empty(command.kind === "event" ? "An event has no reply: rookery emit sends it." : "A stream never ends: rookery watch follows it.") : session()?.demo ? null
          : empty("Commands are sent in demo mode only, from the gateway's machine and without a session: services trust the gateway to name the caller."),
        out, types("Schema of the message", command.request), types("Schema of the reply", command.reply)],
    };
  }

  async function view(chosen) {
    stage.replaceChildren(empty("Reading the descriptions."));
    let all;
    try { all = await known(); } catch (error) {
      stage.replaceChildren(element("h2", {}, "Explorer"), fault(error.message));
      return {};
    }
    const operation = all.find((one) => one.id === chosen) ?? all.find((one) => one.id === "getProductAvailability") ?? all[0];
    const list = element("select", { id: "operation", onchange: (event) => { location.hash = `#/explorer/${event.target.value}`; } },
      ...[...new Set(all.map((one) => one.group))].map((group) => element("optgroup", { label: group }, ...all.filter((one) => one.group === group)
        .map((one) => element("option", { value: one.id, selected: one === operation }, one.title)))));
    const { lead, fields, below } = operation.over ? overHTTP(operation) : overTCP(operation);
    stage.replaceChildren(element("h2", {}, "Explorer"), element("p", { class: "lead" }, lead),
      element("div", { class: "sheet fields" }, element("label", { for: "operation" }, "Operation"), list, ...fields), ...below.filter((one) => one !== null));
    return {};
  }

  return { view, operations };
}
