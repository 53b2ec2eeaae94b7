// A session: what it is about, what it holds, what came of it.

import { el } from "./elements.js";
import { eventList } from "./event_list.js";
import { factList, section, thingLink, valueText } from "./fact_list.js";
import { count, status, time } from "./format.js";

const EVENTS_MAX = 1000;
const ENDS = ["branch.completed", "branch.failed", "branch.cancelled", "branch.dead_lettered",
  "session.closed", "session.handed_off", "branch.started"];

/** Return the sight of a session as of the moment. */
export async function sessionSight(page, id) {
  const { connection, moment, history } = page;
  const after = page.upTo(history.sessions.get(id)?.opened);
  const [session, { events, next }] = await Promise.all([
    connection.get(`/sessions/${encodeURIComponent(id)}`, { as_of: moment.asOf, after }),
    connection.get("/events", { session_id: id, limit: EVENTS_MAX, to: moment.asOf }),
  ]);
  const known = new Events(events);
  const lane = history.sessions.get(id);
  const branches = (lane?.children ?? []).filter((one) => one.opened <= (moment.position ?? history.position));
  return [
    el("header", { class: "inspected-head" },
      el("p", { class: "kind" }, session.parent_id ? "Branch" : "Session"),
      el("h2", {}, session.task),
      el("p", { class: "status", "data-status": session.status }, el("span", { class: "dot", "aria-hidden": "true" }), status(session.status))),
    factList(page, facts(page, session, known)),
    notes(page, session, known),
    session.insights?.length ? section(`Insights · ${session.insights.length}`, insightList(page, session.insights, known)) : null,
    branches.length ? section(`Branches · ${branches.length}`, el("ul", { class: "things" }, branches.map((one) =>
      el("li", {}, thingLink(page, "session", one.id, one.task), el("span", { class: "aside" }, status(one.status)))))) : null,
    section(`Events · ${count(events.length, "event")}${next ? " of more" : ""}`, eventList(page, events)),
  ].filter(Boolean);
}

/** The events of a session, found by what they say. */
class Events {
  constructor(events) {
    this.events = events.map((event) => ({
      position: event.position, data: event.data,
      type: event.type.replace(/^anabranch\.|\.v\d+$/g, ""),
    }));
  }

  /** Return the position of the last event that fits. */
  last(fits) {
    return this.events.findLast(fits)?.position;
  }

  of(...types) {
    return this.last((one) => types.includes(one.type));
  }
}

function facts(page, session, known) {
  const opened = known.of("session.opened", "branch.created");
  const joins = page.history.joins.filter((one) => one.root === session.session_id && one.position <= (page.moment.position ?? Infinity));
  const parent = session.parent_id && page.history.sessions.get(session.parent_id);
  return [
    ["Role", session.role, opened],
    ["Agent", session.agent, known.last(() => true)],
    ["Priority", session.priority === "normal" ? null : session.priority, opened],
    ["Branched from", session.parent_id && thingLink(page, "session", session.parent_id, parent?.task), opened],
    ["Forked at", session.forked_at === null ? null : `position ${session.forked_at}`, session.forked_at],
    ["Began", time(session.opened_at), opened],
    ["Status", status(session.status), known.of(...ENDS) ?? opened],
    ["Ended", session.ended_at && time(session.ended_at), known.of(...ENDS)],
    ["Consolidated", joins.length ? joins.map((one) => thingLink(page, "consolidation", one.id, count(one.sessions.length, "session"))) : null,
      ...joins.map((one) => one.position)],
    ["Result", session.result, known.of("branch.completed")],
    ["Error", session.error, known.of("branch.failed", "branch.dead_lettered", "branch.cancelled")],
    ["Id", el("code", {}, session.session_id), opened],
  ];
}

function notes(page, session, known) {
  const held = Object.entries(session.working_memory ?? {});
  if (!held.length) return null;
  return section(`Working memory · ${held.length}`, factList(page, held.map(([key, value]) => [
    key, el("code", {}, valueText(value)),
    known.last((one) => one.type === "working_memory.set" && one.data.key === key),
  ])));
}

function insightList(page, insights, known) {
  return factList(page, insights.map((one) => [
    one.kind, thingLink(page, "insight", one.insight_id, one.text ?? "forgotten"),
    known.last(({ type, data }) => (type === "insight.recorded" && data.insight_id === one.insight_id)
      || (type === "branch.completed" && data.insights?.some((each) => each.insight_id === one.insight_id))),
  ]));
}
