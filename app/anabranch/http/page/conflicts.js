// Conflicts: insights that disagree, as of the moment.

import { el, empty, refusal } from "./elements.js";
import { factList, thingLink } from "./fact_list.js";
import { learn, textOf } from "./texts.js";

/** Lists the conflicts, the open ones unless said. */
export class ConflictsView {
  title = "Conflicts";

  constructor(page) {
    this.page = page;
    this.first = el("input", { type: "checkbox", id: "resolved", onchange: () => this.refresh() });
    this.list = el("div");
    this.element = el("div", { class: "view" }, el("div", { class: "options" }, el("label", {}, this.first, " also those that are resolved")), this.list);
  }

  clear() {
    this.list.replaceChildren();
  }

  /** Ask for them anew. */
  async refresh() {
    const { connection, moment } = this.page;
    try {
      const { conflicts } = await connection.get("/conflicts", { only_open: !this.first.checked, as_of: moment.asOf, limit: 1000 });
      await learn(this.page, conflicts.flatMap((one) => [one.one, one.other]));
      this.list.replaceChildren(...(conflicts.length ? conflicts.map((one) => this.#conflict(one)) : [
        empty("No conflict is open", "Two insights of branches that disagree stand here once a thought is consolidated."),
      ]));
    } catch (error) {
      this.list.replaceChildren(refusal(error));
    }
  }

  #conflict(one) {
    const insight = (id) => thingLink(this.page, "insight", id, textOf(this.page, id));
    return el("section", { class: "card" }, factList(this.page, [
      ["About", one.subject, one.position],
      ["One says", insight(one.one)],
      ["Other says", insight(one.other)],
      ["Decision", one.decision, one.resolved],
    ]));
  }
}
