// An event: the immutable fact itself, as it is stored.

import { el } from "./elements.js";
import { factList, section, thingLink } from "./fact_list.js";
import { position, time } from "./format.js";

/** Return the sight of the event at a position. */
export async function eventSight(page, at) {
  const event = await page.connection.get(`/events/${at}`);
  const session = page.history.sessions.get(event.subject);
  return [
    el("header", { class: "inspected-head" }, el("p", { class: "kind" }, `Event ${position(event.position)}`),
      el("h2", {}, event.type.replace(/^anabranch\./, ""))),
    factList(page, [
      ["Session", thingLink(page, "session", event.subject, session?.task)],
      ["Time", time(event.time)],
      ["Agent", event.agent],
      ["Source", event.source],
      ["Id", el("code", {}, event.id)],
    ]),
    section("Data", el("pre", { class: "json", tabindex: "0" }, JSON.stringify(event.data, null, 2))),
    el("p", {}, el("button", { type: "button", onclick: () => page.moment.go(event.position) }, "See everything as of here")),
  ];
}
