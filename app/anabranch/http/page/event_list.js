// Lists of events: those of a session, and those of a life.

import { el } from "./elements.js";
import { eventLink } from "./fact_list.js";
import { time } from "./format.js";

/** Return the list of CloudEvents, the newest first. */
export function eventList(page, events) {
  return el("ol", { class: "events" }, events.toReversed().map((event) => el("li", {},
    eventLink(page, event.position),
    el("span", { class: "event-type" }, event.type.replace(/^anabranch\.|\.v\d+$/g, "")),
    el("span", { class: "event-words" }, words(event.data)),
    el("time", { datetime: event.time }, time(event.time).slice(-8)))));
}

/** Return the list of a life, as /v1/history tells it. */
export function lifeList(page, life) {
  return el("ol", { class: "events" },
    life.events.toReversed().map((event) => el("li", {},
      eventLink(page, event.position),
      el("span", { class: "event-type" }, event.type.replace(/^anabranch\.|\.v\d+$/g, "")),
      el("span", { class: "event-words" }, event.happened),
      el("time", { datetime: event.stored_at }, time(event.stored_at).slice(-8)))),
    life.earlier ? el("li", { class: "aside" }, `and ${life.earlier} earlier`) : null);
}

function words(data) {
  const said = data.text ?? data.task ?? data.result ?? data.error ?? data.reason ?? data.summary ?? data.key ?? data.worker ?? data.kind ?? "";
  return String(said);
}
