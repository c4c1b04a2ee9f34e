// Draws sequence diagrams as SVG. Rows come from a trace or from a flow of docs/flows.

const SVG = "http://www.w3.org/2000/svg";
const GAP = 190, ROW = 40, HEAD = 46, SIDE = 84;

export function svg(name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export function column(participants, name) { return SIDE + Math.max(0, participants.indexOf(name)) * GAP; }

// The width of a diagram with so many participants.
export function width(participants) { return 2 * SIDE + (participants.length - 1) * GAP; }

export function heads(drawing, participants, height) {
  for (const name of participants) {
    const x = column(participants, name);
    drawing.append(svg("line", { class: "lifeline", x1: x, x2: x, y1: HEAD - 12, y2: height }));
    drawing.append(svg("rect", { class: "head", x: x - 70, y: 6, width: 140, height: 28, rx: 6 }));
    drawing.append(svg("text", { class: "name", x, y: 25, "text-anchor": "middle" }, name));
  }
}

// An arrow with its text above. `tone` is "", "bad" or "refusal".
export function arrow(drawing, participants, y, row) {
  const from = column(participants, row.from), to = column(participants, row.to);
  const tone = [row.reply ? "reply" : "", row.tone || ""].join(" ").trim();
  const label = (row.mark ? row.mark + " " : "") + row.text;
  if (from === to) {
    drawing.append(svg("path", { class: "arrow " + tone, d: `M${from} ${y - 8}h30v14h-24` }));
    drawing.append(svg("path", { class: "tip " + tone, d: `M${from + 2} ${y + 6}l8 -4v8z` }));
    drawing.append(svg("text", { class: "label " + tone, x: from + 38, y: y + 2 }, label));
    return;
  }
  const way = Math.sign(to - from);
  drawing.append(svg("line", { class: "arrow " + tone, x1: from, x2: to - way * 7, y1: y, y2: y }));
  drawing.append(svg("path", { class: "tip " + tone, d: `M${to} ${y}l${-way * 9} -5v10z` }));
  const room = Math.floor(Math.abs(to - from) / 6.4);
  const shown = label.length > room ? label.slice(0, Math.max(4, room - 1)) + "…" : label;
  const text = svg("text", { class: "label " + tone, x: (from + to) / 2, y: y - 6, "text-anchor": "middle" }, shown);
  text.append(svg("title", {}, label));
  drawing.append(text);
  if (row.sub) drawing.append(svg("text", { class: "sub", x: (from + to) / 2, y: y + 12, "text-anchor": "middle" }, row.sub));
}

// A drawing of rows: messages {from, to, text, reply, tone, mark, sub, unseen}, notes {over, note}, and frames {frame: "alt" | "else" |
// "end", label, unseen}.
// `choose` is called with the call of a row that someone clicks.
export function sequence(participants, rows, title, choose) {
  const height = HEAD + rows.length * ROW + 24;
  const drawing = svg("svg", {
    class: "sequence", width: width(participants), height, viewBox: `0 0 ${width(participants)} ${height}`, role: "img",
  });
  drawing.append(svg("title", {}, title));
  heads(drawing, participants, height - 8);
  const open = [];
  rows.forEach((row, at) => {
    const y = HEAD + at * ROW + 22;
    const group = svg("g", row.unseen ? { class: "unseen" } : {});
    drawing.append(group);
    if (choose && row.call) {
      group.classList.add("choice");
      group.addEventListener("click", () => choose(row.call));
    }
    if (row.frame === "alt") { open.push({ y, depth: open.length }); }
    if (row.frame === "alt" || row.frame === "else") {
      const depth = open.length - 1, x = 8 + depth * 8;
      if (row.frame === "else") {
        group.append(svg("line", { class: "lifeline", x1: x, x2: width(participants) - x, y1: y - 12, y2: y - 12 }));
      }
      group.append(svg("text", { class: "branch", x: x + 8, y: y + 4 }, row.seen ? `${row.seen} [${row.label}]` : `[${row.label}]`));
    } else if (row.frame === "end") {
      const begin = open.pop(), x = 8 + begin.depth * 8;
      group.append(svg("rect", {
        class: "frame", x, y: begin.y - 14, width: width(participants) - 2 * x, height: y - begin.y + 10, rx: 6,
      }));
    } else if (row.note) {
      const x = column(participants, row.over.split(",")[0].trim());
      group.append(svg("text", { class: "sub", x: x + 8, y: y + 2 }, row.note));
    } else {
      arrow(group, participants, y, row);
    }
  });
  return drawing;
}

// The rows of a flow, with the count of each arrow and branch. Those with the count 0 are drawn faint.
export function rowsOfFlow(steps) {
  const rows = [];
  const walk = (list, unseen) => {
    for (const step of list) {
      if (step.alternatives) {
        step.alternatives.forEach((branch, at) => {
          const isUnseen = unseen || branch.count === 0;
          rows.push({ frame: at === 0 ? "alt" : "else", label: branch.label, seen: seen(branch.count), unseen: isUnseen });
          walk(branch.steps, isUnseen);
        });
        rows.push({ frame: "end" });
      } else if (step.note) {
        rows.push({ ...step, unseen });
      } else {
        // First, because a long text is cut. An answer between services has the count of its call.
        const isCounted = step.reply ? step.to === "Client" : step.from !== step.to;
        rows.push({ ...step, text: isCounted ? `${seen(step.count)} ${step.text}` : step.text, unseen: isCounted ? step.count === 0 : unseen || step.count === 0 });
      }
    }
  };
  walk(steps, false);
  return rows;
}

const seen = (count) => `${count}×`;
