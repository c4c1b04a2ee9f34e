// The command palette: every view, operation and action, and the last requests, by typing.

export function palette({ element, views, actions, traces, operations }) {
  const input = element("input", { id: "palette-input", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list", "aria-label": "What to open or do", placeholder: "Type a view, an operation, an action or a trace id", autocomplete: "off", spellcheck: "false" });
  const list = element("ul", { id: "palette-list", role: "listbox", "aria-label": "Choices" });
  const dialog = element("dialog", { id: "palette", "aria-label": "Command palette" }, input, list);
  document.body.append(dialog);
  let choices = [], at = 0, known = [];

  const all = () => [
    ...views.map(({ name, hash }) => ({ text: name, kind: "view", run: () => { location.hash = hash; } })),
    ...actions.map(({ name, run }) => ({ text: name, kind: "action", run })),
    ...known.map(({ id, text }) => ({ text, kind: "explore", run: () => { location.hash = `#/explorer/${id}`; } })),
    ...traces.slice(0, 50).map((one) => ({ text: `${one.operation} ${one.status ?? ""} ${one.id}`, kind: "request", run: () => { location.hash = `#/trace/${one.id}`; } })),
  ];

  // Every word must be in the text.
  function matching(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all().filter((one) => words.every((word) => one.text.toLowerCase().includes(word)));
    if (/^[0-9a-f]{32}$/.test(text.trim())) found.unshift({ text: `Open trace ${text.trim()}`, kind: "trace", run: () => { location.hash = `#/trace/${text.trim()}`; } });
    return found.slice(0, 40);
  }

  function draw() {
    list.replaceChildren(...(choices.length === 0 ? [element("li", { class: "none" }, "Nothing has this name.")] : choices.map((one, index) => element("li", {
      role: "option", id: `choice-${index}`, "aria-selected": String(index === at), onclick: () => take(index),
    }, one.text, " ", element("span", { class: "tag plain" }, one.kind)))));
    input.setAttribute("aria-activedescendant", choices.length === 0 ? "" : `choice-${at}`);
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    dialog.close();
    choices[index]?.run();
  }

  input.addEventListener("input", () => { choices = matching(input.value); at = 0; draw(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (choices.length > 0) at = (at + (event.key === "ArrowDown" ? 1 : choices.length - 1)) % choices.length;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(at);
    }
  });

  return {
    dialog,
    async open() {
      input.value = "";
      [choices, at] = [matching(""), 0];
      draw();
      dialog.showModal();
      input.focus();
      known = await operations();
      if (dialog.open) { choices = matching(input.value); draw(); }
    },
  };
}
