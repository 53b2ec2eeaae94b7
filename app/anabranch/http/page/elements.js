// Elements of the page. What users wrote becomes text, never markup.

const NAMESPACE = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Return an element: `on…` attributes are listeners, children are nodes or texts. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(NAMESPACE, tag), attributes, children);
}

/** Return the element of the document with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Return a button. */
export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, label);
}

/** Hear the moves of a pointer that was pressed, until it is let go or taken away: `end` hears that. */
export function drag(node, move, end) {
  const last = (event) => {
    node.removeEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) node.removeEventListener(name, last);
    end(event);
  };
  node.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, last);
}

/** Return an empty state: what is not there, and the command that brings it. */
export function empty(title, text, ...commands) {
  return el("div", { class: "empty" },
    el("p", { class: "empty-title" }, title),
    text ? el("p", {}, text) : null,
    commands.map((command) => el("pre", {}, el("code", {}, command))));
}

/** Return the sight of an error: what happened, and what to do. */
export function refusal(error) {
  return el("div", { class: "refusal", role: "alert" },
    el("p", { class: "refusal-title" }, error.message),
    error.fix ? el("p", {}, error.fix) : null);
}

/** Return a table; a cell is a text or a node. */
export function table(head, rows, { label }) {
  return el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((one) => el("th", { scope: "col" }, one)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
}

/** Have something read out by a screen reader, without moving the focus. */
export function announce(text) {
  byId("announcer").textContent = text;
}
