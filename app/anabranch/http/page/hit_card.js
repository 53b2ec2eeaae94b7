// One hit of a recall: its text, and the parts that its score is the sum of.

import { el } from "./elements.js";
import { eventLink, thingLink } from "./fact_list.js";
import { count, score, status } from "./format.js";
import { textOf } from "./texts.js";

/** Return the sight of a hit; `ranks` are those of the answer it is compared with. */
export function hitCard(page, hit, { rank, most, ranks }) {
  const session = page.history.sessions.get(hit.session_id);
  return el("li", {
    class: "hit", onmouseenter: () => page.hover(hit.insight_id), onmouseleave: () => page.hover(null),
  },
  el("div", { class: "hit-head" },
    el("span", { class: "rank" }, String(rank)),
    thingLink(page, "insight", hit.insight_id, hit.text),
    ranks ? el("span", { class: "moved" }, moved(rank, ranks.get(hit.insight_id))) : null),
  el("p", { class: "aside" }, hit.kind, session ? [" in ", thingLink(page, "session", hit.session_id, session.task)] : null,
    hit.retired === null ? "" : " · no longer holds", hit.also_in ? ` · also said in ${count(hit.also_in, "other session")}` : ""),
  hit.conflicts.map((one) => el("p", { class: "note" }, "≠ ", thingLink(page, "insight", one.insight_id, one.text), eventLink(page, one.position))),
  el("details", {},
    el("summary", {}, bar(hit, most), el("span", { class: "score" }, score(hit.score))),
    partTable(hit),
    reasons(page, hit)));
}

function moved(rank, before) {
  if (before === undefined) return "only here";
  return before === rank ? "same rank" : `rank ${before} there`;
}

/** Return the parts of a score by name: it is their sum. */
export function partsOf({ why }) {
  return [
    ...Object.entries(why.lanes), ["session", why.session], ["length", why.length], ["path", why.path],
    ["linked", why.linked], ...Object.entries(why.priors),
  ].filter(([, value]) => Math.abs(value) > 0.0005);
}

function bar(hit, most) {
  const box = el("span", { class: "score-bar", "aria-hidden": "true" });
  for (const [name, value] of partsOf(hit)) {
    if (value <= 0) continue;
    const part = el("span", { class: "part", "data-part": name, title: `${name} ${score(value)}` });
    part.style.width = `${(100 * value) / Math.max(most, 1e-9)}%`;
    box.append(part);
  }
  return box;
}

function partTable(hit) {
  const parts = partsOf(hit);
  return el("table", { class: "parts" }, el("tbody", {},
    parts.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, status(name)), el("td", {}, score(value)))),
    el("tr", { class: "sum" }, el("th", { scope: "row" }, "score"), el("td", {}, score(hit.score)))));
}

function reasons(page, { why }) {
  return el("div", { class: "reasons" },
    why.matched.length ? el("p", {}, `Words: ${why.matched.join(", ")}`) : null,
    why.cosine === null ? null : el("p", {}, `Similarity: ${score(why.cosine)}`),
    why.entities.length ? el("p", {}, `Over: ${why.entities.join(", ")}`) : null,
    why.associations.map((one) => el("p", {}, `${one.kind} (${score(one.weight)}) `, thingLink(page, "insight", one.insight_id, textOf(page, one.insight_id)), eventLink(page, one.position))),
    el("p", {}, "Events: ", why.events.map((at) => eventLink(page, at))));
}

/** Return how each lane of a recall fared. */
export function laneStates(answer) {
  return el("p", { class: "aside" }, Object.entries(answer.lanes).map(([name, lane]) =>
    `${name}: ${lane.state}${lane.reason ? ` (${lane.reason})` : ""} up to #${lane.position}`).join(" · "));
}
