// The recall inspector: a question, its hits with the parts of each score, and two moments compared.

import { button, el, empty, refusal } from "./elements.js";
import { hitCard, laneStates } from "./hit_card.js";
import { count, position } from "./format.js";
import { command, curl, sameCall } from "./same_call.js";
import { know } from "./texts.js";

const K = 10;

/** Asks memory as of the moment; the hits and their path are drawn on the lanes. */
export class RecallView {
  title = "Recall";
  #asked = 0;
  #query = ""; // The last question, and the moment it was asked for.
  #asOf;
  #shown = null;
  #forgot = false;

  constructor(page) {
    this.page = page;
    this.first = el("input", { id: "question", type: "search", placeholder: "What does memory know about…", "aria-label": "Question", autocomplete: "off" });
    this.retired = el("input", { type: "checkbox", id: "retired" });
    this.pinned = null;
    this.pin = button("Compare with another moment", () => this.#pin(), { class: "quiet", hidden: true });
    this.answers = el("div", { class: "answers", "aria-live": "polite" });
    this.element = el("div", { class: "view" },
      el("form", { class: "ask", onsubmit: (event) => this.#submit(event) }, this.first, el("button", { type: "submit", class: "main" }, "Recall")),
      el("div", { class: "options" }, el("label", {}, this.retired, " also what no longer holds"), this.pin),
      this.answers);
    this.#nothing();
  }

  /** Ask again where the moment has changed. */
  refresh() {
    if (this.#query && (this.#forgot || this.#asOf !== this.page.moment.asOf)) this.#ask(this.#query);
  }

  /** Ask anew with the next `refresh`; answers that are kept or under way go. */
  forget() {
    this.#drop();
    this.#forgot = true;
    if (this.#query) this.answers.replaceChildren();
  }

  /** Forget the answer: another namespace is shown. */
  clear() {
    this.#drop();
    this.#query = "";
    this.#nothing();
  }

  #drop() {
    this.#asked += 1; // What is under way is of before.
    this.#shown = this.pinned = null;
    this.pin.hidden = true;
    this.answers.removeAttribute("aria-busy");
  }

  #nothing() {
    this.answers.replaceChildren(empty("Ask memory something",
      "Each hit shows the parts that its score is the sum of, and the path to it is drawn on the lanes. The same from a terminal:",
      'anabranch recall "What feeds the delta?" --why'));
  }

  #submit(event) {
    event.preventDefault();
    this.#ask();
  }

  async #ask(query = this.first.value.trim()) {
    const { page } = this;
    if (!query) return;
    const asked = (this.#asked += 1);
    const { moment: { asOf }, after } = page;
    [this.#query, this.#asOf, this.#forgot] = [query, asOf, false];
    this.answers.setAttribute("aria-busy", "true");
    try {
      const body = { query, k: K, ...(asOf === undefined ? {} : { as_of: asOf }), ...(this.retired.checked ? { include_retired: true } : {}) };
      const answer = await page.connection.post("/recall", after === null ? body : { ...body, after });
      if (asked !== this.#asked) return;
      for (const hit of answer.hits) know(page, hit.insight_id, hit.text);
      this.#shown = { query, at: asOf ?? page.history.position, answer, body };
      this.#show();
    } catch (error) {
      if (asked === this.#asked) this.#refuse(error);
    } finally {
      if (asked === this.#asked) this.answers.removeAttribute("aria-busy");
    }
  }

  #refuse(error) {
    this.#shown = null;
    this.pin.hidden = true;
    this.answers.replaceChildren(refusal(error));
  }

  #pin() {
    this.pinned = this.pinned ? null : this.#shown;
    this.#show();
  }

  #show() {
    const { page } = this;
    const { answer, at } = this.#shown;
    page.drawHits(answer.hits.map((hit) => hit.insight_id), pathOf(answer.hits));
    this.pin.hidden = false;
    this.pin.textContent = this.pinned ? `Let go of ${position(this.pinned.at)}` : "Compare with another moment";
    if (this.pinned && this.pinned.query === this.#shown.query) this.#compare();
    else this.answers.replaceChildren(summary(answer, at), hits(page, answer, answer.hits[0]?.score), leftOut(answer), laneStates(answer), this.#same());
  }

  #same() {
    const { body } = this.#shown;
    const { connection, history } = this.page;
    return sameCall({
      Terminal: command("recall", body.query, { "--as-of": body.as_of, "--include-retired": body.include_retired, "-N": history.namespace, "--why": true }),
      HTTP: curl(connection, "/recall", body),
      "An agent, by the tool recall": JSON.stringify(body),
    });
  }

  #compare() {
    const { page } = this;
    const [one, other] = [this.pinned, this.#shown].sort((a, b) => a.at - b.at);
    if (one.at === other.at) {
      this.answers.replaceChildren(el("p", { class: "note" },
        `The answer at ${position(one.at)} is kept. Move the scrubber: the answer there is set beside it.`),
      summary(one.answer, one.at), hits(page, one.answer, one.answer.hits[0]?.score), leftOut(one.answer));
      return;
    }
    const most = Math.max(one.answer.hits[0]?.score ?? 0, other.answer.hits[0]?.score ?? 0);
    this.answers.replaceChildren(el("div", { class: "compared" },
      el("section", {}, summary(one.answer, one.at), hits(page, one.answer, most, other.answer), leftOut(one.answer)),
      el("section", {}, summary(other.answer, other.at), hits(page, other.answer, most, one.answer), leftOut(other.answer))));
  }
}

function summary(answer, at) {
  return el("h3", {}, `${count(answer.hits.length, "hit")} at ${position(at)}`, el("span", { class: "aside" }, ` by the ${answer.ranker}`));
}

function hits(page, answer, most, beside) {
  if (!answer.hits.length) {
    return empty(answer.nothing_close ? "Nothing is close to this" : "Nothing was known",
      answer.nothing_close ? "All that was compared is far from the question." : "No insight holds at this moment.");
  }
  const ranks = beside && new Map(beside.hits.map((hit, at) => [hit.insight_id, at + 1]));
  return el("ol", { class: "hits" }, answer.hits.map((hit, at) => hitCard(page, hit, { rank: at + 1, most, ranks })));
}

/** Say what the answer lacks because it was forgotten after its moment. */
function leftOut({ forgotten_since: forgotten }) {
  if (!forgotten) return "";
  return el("p", { class: "note" }, `Left out: ${count(forgotten, "insight")} that held then and ${forgotten === 1 ? "was" : "were"} forgotten since.`);
}

/** Return the links that a recall went along (seeds, associations), and what its hits stand against. */
function pathOf(hits) {
  return hits.flatMap(({ insight_id: to, why, conflicts }) => [
    ...why.seeds.map((from) => ({ from, to, path: true })),
    ...why.associations.map((one) => ({ from: one.insight_id, to, weight: one.weight, kind: one.kind })),
    ...conflicts.map((one) => ({ from: one.insight_id, to, kind: "≠", against: true })),
  ]);
}
