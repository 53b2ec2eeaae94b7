// An insight: its text, whether it holds, what it is associated with, and its life.

import { el } from "./elements.js";
import { factList, section, thingLink } from "./fact_list.js";
import { score, time } from "./format.js";
import { lifeList } from "./event_list.js";
import { learn, textOf } from "./texts.js";

/** Return the sight of an insight as of the moment, and have its associations drawn on the lanes. */
export async function insightSight(page, id) {
  const { connection, moment } = page;
  const after = page.upTo(page.history.insights.get(id)?.position);
  const path = encodeURIComponent(id);
  const [insight, { associations }, life] = await Promise.all([
    connection.get(`/insights/${path}`, { after }),
    connection.get(`/insights/${path}/associations`, { as_of: moment.asOf, after }),
    connection.get(`/history/${path}`, { as_of: moment.asOf, after, limit: 1000 }),
  ]);
  const at = moment.position ?? Infinity;
  const others = associations.map((one) => (one.from_id === id ? one.to_id : one.from_id));
  await learn(page, [...others, ...insight.supersedes, ...insight.superseded_by]);
  page.drawLinks(associations.map((one) => ({ from: one.from_id, to: one.to_id, weight: one.weight, kind: one.kind })));
  if (insight.position > at) {
    return [el("h2", {}, "Not recorded yet"), el("p", {}, `This insight was recorded at ${insight.position}.`)];
  }
  const holds = insight.retired === null || insight.retired > at;
  return [
    el("header", { class: "inspected-head" },
      el("p", { class: "kind" }, insight.kind),
      el("h2", { class: holds ? "" : "ended" }, insight.text ?? "Forgotten on request"),
      holds ? null : el("p", { class: "status", "data-status": "failed" }, `no longer holds: ${insight.retired_reason}`)),
    factList(page, facts(page, insight, holds, at)),
    section(`Associations · ${associations.length}`, associations.length
      ? factList(page, associations.map((one) => associationFact(page, id, one)))
      : el("p", { class: "aside" }, "None. `anabranch associate` forms one.")),
    section(`Life · ${life.events.length}`, lifeList(page, life)),
  ];
}

function facts(page, insight, holds, at) {
  const session = page.history.sessions.get(insight.session_id);
  const later = holds ? [] : insight.superseded_by;
  const links = (ids) => ids.map((one) => thingLink(page, "insight", one, textOf(page, one)));
  return [
    ["Session", thingLink(page, "session", insight.session_id, session?.task), insight.position],
    ["Recorded", time(insight.recorded_at), insight.position],
    ["Agent", insight.agent, insight.position],
    ["Confidence", insight.confidence === 1 ? null : String(insight.confidence), insight.position],
    ["Tags", insight.tags.join(", "), insight.position],
    ["Entities", insight.entities.join(", "), insight.position],
    ["Sources", insight.sources.join(", "), insight.position],
    ["Valid from", insight.valid_from && time(insight.valid_from), insight.position],
    ["Valid until", insight.valid_until && time(insight.valid_until), insight.position],
    ["Ended", holds ? null : insight.retired_reason, insight.retired],
    ["Supersedes", insight.supersedes.length && at ? links(insight.supersedes) : null, insight.position],
    ["Superseded by", later.length ? links(later) : null, insight.retired],
    ["Id", el("code", {}, insight.insight_id), insight.position],
  ];
}

function associationFact(page, id, one) {
  const other = one.from_id === id ? one.to_id : one.from_id;
  const arrow = one.from_id === id ? "→" : "←";
  const cited = one.citations ? `, cited ${one.citations}×` : "";
  return [`${arrow} ${one.kind}`, [
    thingLink(page, "insight", other, textOf(page, other)),
    el("span", { class: "aside" }, ` ${score(one.weight)}${cited}${one.reason ? ` · ${one.reason}` : ""}`),
  ], one.position];
}
