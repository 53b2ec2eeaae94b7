// Read-only Cypher, as of the moment: its rows as a table, a picture, or JSON.

import { button, el, empty, refusal, table } from "./elements.js";
import { count } from "./format.js";
import { graphIn, graphPicture } from "./graph_picture.js";
import { command, curl, sameCall } from "./same_call.js";
import { SavedQueries } from "./saved_queries.js";

const EXAMPLES = {
  "Insights by session": "MATCH (s:Session {namespace: $namespace})-[:PRODUCED]->(i:Insight)\nRETURN s.task AS session, i.text AS insight, i.recorded AS position\nORDER BY position DESC LIMIT 25",
  "Branches": "MATCH (b:Session {namespace: $namespace})-[:BRANCHED_FROM]->(p:Session)\nRETURN p.task AS from_node, 'branch' AS rel, b.task AS to_node LIMIT 60",
  "Associations": "MATCH (a:Insight {namespace: $namespace})-[r:ASSOCIATED_WITH]->(b:Insight)\nRETURN a.text AS from_node, r.kind AS rel, b.text AS to_node, r.weight AS weight LIMIT 60",
};
const FORMS = ["table", "graph", "json"];

/** Asks the graph; it answers for the moment that the page shows. */
export class QueryView {
  title = "Query";
  #asked = 0;
  #query = null; // The last one, and the moment it was asked for.
  #asOf;
  #shown = null;
  #forgot = false;
  #form = "table";

  constructor(page) {
    this.page = page;
    this.first = el("textarea", { id: "cypher", rows: "5", spellcheck: "false", "aria-label": "Cypher", onkeydown: (event) => this.#key(event) });
    this.first.value = EXAMPLES["Insights by session"];
    this.forms = el("div", { class: "forms", role: "group", "aria-label": "Form of the result" }, FORMS.map((form) =>
      button(form === "json" ? "JSON" : form[0].toUpperCase() + form.slice(1), () => this.#choose(form), { "data-form": form, "aria-pressed": String(form === "table") })));
    this.result = el("div", { class: "result", "aria-live": "polite" });
    this.element = el("div", { class: "view" },
      el("form", { onsubmit: (event) => { event.preventDefault(); this.#ask(); } }, this.first,
        el("div", { class: "options" }, el("button", { type: "submit", class: "main" }, "Run"), el("kbd", {}, "Ctrl ⏎"), this.forms)),
      el("p", { class: "aside" }, "Try ", Object.entries(EXAMPLES).map(([name, query]) =>
        button(name, () => { this.first.value = query; this.#ask(); }, { class: "thing-link" }))),
      new SavedQueries({ text: () => this.first.value, choose: (query) => { this.first.value = query; this.#ask(); } }).element,
      this.result);
    this.#nothing();
  }

  /** Ask again where the moment has changed. */
  refresh() {
    if (this.#query !== null && (this.#forgot || this.#asOf !== this.page.moment.asOf)) this.#ask(this.#query);
  }

  /** Let go of the rows, and of those under way: the next `refresh` asks anew. */
  forget() {
    this.#drop();
    this.#forgot = true;
    if (this.#query !== null) this.result.replaceChildren();
  }

  /** Forget the result: another namespace is shown. */
  clear() {
    this.#drop();
    this.#query = null;
    this.#nothing();
  }

  #drop() {
    this.#asked += 1; // What is under way is of before.
    this.#shown = null;
    this.result.removeAttribute("aria-busy");
  }

  #nothing() {
    this.result.replaceChildren(empty("Nothing was asked yet",
      "Queries only read. $namespace is the namespace that is shown. From a terminal:",
      'anabranch cypher "MATCH (s:Session) RETURN count(s)"'));
  }

  #key(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.#ask();
  }

  #choose(form) {
    this.#form = form;
    for (const one of this.forms.children) one.setAttribute("aria-pressed", String(one.dataset.form === form));
    this.#show();
  }

  async #ask(query = this.first.value) {
    const { moment: { asOf }, connection, after } = this.page;
    const asked = (this.#asked += 1);
    [this.#query, this.#asOf, this.#forgot] = [query, asOf, false];
    this.result.setAttribute("aria-busy", "true");
    try {
      const body = { query, ...(asOf === undefined ? {} : { as_of: asOf }) };
      const answer = await connection.post("/cypher", after === null ? body : { ...body, after });
      if (asked !== this.#asked) return;
      this.#shown = { answer, body };
      this.#show();
    } catch (error) {
      if (asked === this.#asked) this.#refuse(error);
    } finally {
      if (asked === this.#asked) this.result.removeAttribute("aria-busy");
    }
  }

  #refuse(error) {
    this.#shown = this.#query = null;
    this.result.replaceChildren(refusal(error));
  }

  #show() {
    if (!this.#shown) return;
    const { answer: { columns, rows, truncated }, body } = this.#shown;
    const { query, as_of: at } = body;
    const note = el("p", { class: "aside" }, count(rows.length, "row"), truncated ? ", and there were more" : "",
      at === undefined ? "" : `, as of #${at}`);
    this.result.replaceChildren(note, this.#formed(columns, rows), sameCall({
      Terminal: command("cypher", query, { "--as-of": at, "-N": this.page.history.namespace }),
      HTTP: curl(this.page.connection, "/cypher", body),
    }));
  }

  #formed(columns, rows) {
    if (!rows.length) return empty("No rows", "The query is sound, and nothing matches it at this moment.");
    if (this.#form === "json") return el("pre", { class: "json", tabindex: "0" }, JSON.stringify(rows, null, 2));
    if (this.#form === "graph") return graphPicture(graphIn(rows));
    return table(columns, rows.map((row) => columns.map((name) => cell(row[name]))), { label: "Rows of the query" });
  }
}

function cell(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
