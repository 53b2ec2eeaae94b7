// Facts of one thing, each with links to the events that it comes from.

import { button, el } from "./elements.js";
import { position, shortId } from "./format.js";

const SHORT = 60;

/** Return the link to an event. */
export function eventLink(page, at) {
  return button(position(at), () => page.inspect("event", at), { class: "event-link", "aria-label": `Event ${at}` });
}

/** Return the link to a session, an insight or a consolidation. */
export function thingLink(page, kind, id, text) {
  return button(text || shortId(id), () => page.inspect(kind, id), { class: "thing-link", title: id });
}

/** Return a list of facts: each a name, a value, and the positions of its events. */
export function factList(page, facts) {
  const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", { class: "facts" }, shown.map(([name, value, ...events]) => el("div", { class: "fact" },
    el("dt", {}, name),
    el("dd", {}, el("span", { class: "fact-value" }, value),
      events.filter((at) => at !== undefined && at !== null).map((at) => eventLink(page, at))))));
}

/** Return a section with a heading. */
export function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), children);
}

/** Return a value as text: a text as it is, anything else as JSON. */
export function valueText(value) {
  if (typeof value === "string") return value;
  const line = JSON.stringify(value);
  return line.length <= SHORT ? line : JSON.stringify(value, null, 2);
}
