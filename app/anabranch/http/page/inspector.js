// The inspector: one session, insight, consolidation or event, and the events behind each fact.

import { button, el, empty, refusal } from "./elements.js";
import { consolidationSight } from "./inspect_consolidation.js";
import { eventSight } from "./inspect_event.js";
import { insightSight } from "./inspect_insight.js";
import { sessionSight } from "./inspect_session.js";

const SIGHTS = {
  session: sessionSight,
  insight: insightSight,
  consolidation: consolidationSight,
  event: eventSight,
};

/** Shows one thing as of the moment; what was shown before is a step back. */
export class Inspector {
  title = "Inspect";
  #before = [];
  #asked = 0;

  constructor(page) {
    this.page = page;
    this.target = null;
    this.content = el("div", { class: "inspected", tabindex: "-1" });
    this.back = button("← Back", () => this.goBack(), { class: "quiet", hidden: true });
    this.element = el("div", { class: "view" }, this.back, this.content);
    this.first = this.content;
  }

  /** Show a thing. */
  show(kind, id) {
    if (this.target?.kind === kind && this.target.id === id) return;
    if (this.target) this.#before.push(this.target);
    this.#set({ kind, id });
  }

  /** Show what was shown before. */
  goBack() {
    const target = this.#before.pop();
    if (!target) return;
    this.#set(null);
    this.page.inspect(target.kind, target.id);
    this.#before.pop();
    this.back.hidden = this.#before.length === 0;
  }

  /** Forget everything: another namespace is shown. */
  clear() {
    this.#before = [];
    this.#set(null);
  }

  /** Let go of what is shown or under way: the next `refresh` asks anew. */
  forget() {
    this.#asked += 1;
    this.content.replaceChildren();
  }

  /** Tell whether an event changes what is shown, and nobody has the focus in it. */
  concerns(event) {
    return this.target !== null && this.#names(event) && !this.content.contains(document.activeElement);
  }

  /** Tell whether an event is of what is shown, or of a branch of it, or names it. */
  #names({ subject, data }) {
    const { kind, id } = this.target;
    if (kind === "event") return false; // It never changes.
    return subject === id || this.page.history.sessions.get(subject)?.parent === id || JSON.stringify(data).includes(id);
  }

  #set(target) {
    this.target = target;
    this.back.hidden = this.#before.length === 0;
  }

  /** Ask for the thing anew. */
  async refresh() {
    const asked = (this.#asked += 1);
    if (!this.target) {
      this.content.replaceChildren(empty("Nothing is selected",
        "Choose a lane or an insight. Each fact shown here links to the events it comes from."));
      return;
    }
    let sight;
    try {
      sight = await SIGHTS[this.target.kind](this.page, this.target.id);
    } catch (error) {
      sight = [refusal(error)];
    }
    if (asked === this.#asked) this.content.replaceChildren(...sight);
  }
}
