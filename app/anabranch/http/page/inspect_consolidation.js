// A consolidation: the sessions it joins, and the insights it stands on.

import { el, empty } from "./elements.js";
import { lifeList } from "./event_list.js";
import { factList, section, thingLink } from "./fact_list.js";
import { learn, textOf } from "./texts.js";

/** Return the sight of a consolidation as of the moment. */
export async function consolidationSight(page, id) {
  const join = page.history.joins.find((one) => one.id === id);
  if (!join) return [empty("This consolidation is not in the picture", "It is of another namespace, or older than what is shown.")];
  const { connection, moment } = page;
  const after = page.upTo(join.position);
  const [life, { consolidations: [stored] }] = await Promise.all([
    connection.get(`/history/${encodeURIComponent(id)}`, { as_of: moment.asOf, after }),
    connection.get("/consolidations", { cursor: join.position - 1, limit: 1, after }),
  ]);
  await learn(page, join.sources);
  const root = page.history.sessions.get(join.root);
  return [
    el("header", { class: "inspected-head" }, el("p", { class: "kind" }, `Consolidation, ${join.method}`),
      el("p", { class: "long" }, stored?.consolidation_id === id ? stored.text : "The graph has not its text.")),
    factList(page, [["Of", thingLink(page, "session", join.root, root?.task), join.position]]),
    section(`Joins · ${join.sessions.length}`, factList(page, join.sessions.map((one) =>
      ["session", thingLink(page, "session", one, page.history.sessions.get(one)?.task), join.position]))),
    section(`Stands on · ${join.sources.length}`, factList(page, join.sources.map((one) =>
      ["insight", thingLink(page, "insight", one, textOf(page, one)), join.position]))),
    section("Life", lifeList(page, life)),
  ];
}
