// Conflicts: insights that disagree, as of the moment.

import { el, empty, refusal } from "./elements.js";
import { factList, thingLink } from "./fact_list.js";
import { learn, textOf } from "./texts.js";

/** Lists the conflicts, the open ones unless said. */
export class ConflictsView {
  title = "Conflicts";
  #asked = 0;

  constructor(page) {
    this.page = page;
    this.first = el("input", { type: "checkbox", id: "resolved", onchange: () => this.refresh() });
    this.list = el("div");
    this.element = el("div", { class: "view" }, el("div", { class: "options" }, el("label", {}, this.first, " also those that are resolved")), this.list);
  }

  clear() {
    this.#asked += 1; // What is under way is of before.
    this.list.replaceChildren();
  }

  /** Tell whether an event opens or resolves a conflict. */
  concerns(event) {
    return event.type.startsWith("anabranch.conflict.");
  }

  /** Ask for them anew. */
  async refresh() {
    const { connection, moment, after } = this.page;
    const asked = (this.#asked += 1);
    try {
      const { conflicts } = await connection.get("/conflicts", { only_open: !this.first.checked, as_of: moment.asOf, after, limit: 1000 });
      await learn(this.page, conflicts.flatMap((one) => [one.one, one.other]));
      if (asked !== this.#asked) return;
      this.list.replaceChildren(...(conflicts.length ? conflicts.map((one) => this.#conflict(one)) : [
        empty("No conflict is open", "Two insights that disagree stand here once memory has settled. From a terminal:", "anabranch consolidate"),
      ]));
    } catch (error) {
      if (asked === this.#asked) this.list.replaceChildren(refusal(error));
    }
  }

  #conflict(one) {
    const insight = (id) => thingLink(this.page, "insight", id, textOf(this.page, id));
    return el("section", { class: "card" }, factList(this.page, [
      ["About", one.subject, one.position],
      ["One says", insight(one.one)],
      ["Other says", insight(one.other)],
      ["Decision", one.decision, one.resolved],
    ]), one.resolved === null && this.page.moment.live ? this.#way(one) : null);
  }

  /** Say how an open conflict is decided: the page itself only reads. */
  #way({ position, one, other }) {
    const { namespace } = this.page.history;
    const decide = (id) => el("pre", {}, el("code", {}, `anabranch conflicts resolve ${position} --decision "…" --holds ${id} -N ${namespace}`));
    return el("details", { class: "way" }, el("summary", {}, "Decide it from a terminal"),
      el("p", { class: "aside" }, "Where the one holds:"), decide(one),
      el("p", { class: "aside" }, "Where the other holds:"), decide(other));
  }
}
