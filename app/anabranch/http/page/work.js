// Work: the workers, the queue, and the events that could not be applied.

import { el, empty, refusal, table } from "./elements.js";
import { eventLink, section, thingLink } from "./fact_list.js";
import { status, time } from "./format.js";

const AGAIN_MS = 5000;

/** Shows who works, on what, and what waits; it asks again while it is looked at. */
export class WorkView {
  title = "Work";
  #timer = 0;
  #asked = 0;

  constructor(page) {
    this.page = page;
    this.element = el("div", { class: "view" });
  }

  clear() {
    this.#asked += 1; // What is under way is of before.
    this.element.replaceChildren();
  }

  /** Ask for everything anew. */
  async refresh() {
    clearTimeout(this.#timer);
    const { connection } = this.page;
    const asked = (this.#asked += 1);
    const parts = await Promise.all([
      this.#part("Workers", connection.get("/workers"), ({ workers }) => this.#workers(workers)),
      this.#part("Queue", connection.get("/tasks"), ({ tasks }) => this.#tasks(tasks)),
      this.#part("Dead letters", connection.get("/dead-letters", { limit: 1000 }), (page) => this.#letters(page)),
    ]);
    if (asked !== this.#asked) return;
    this.element.replaceChildren(
      this.page.moment.live ? "" : el("p", { class: "note" }, "Workers, queue and dead letters are those of now: they are not part of the log."), ...parts);
    if (this.element.isConnected) this.#timer = setTimeout(() => this.#again(), AGAIN_MS);
  }

  /** Ask again, unless somebody is at work in here: what has the focus stays. */
  #again() {
    if (!this.element.isConnected) return;
    if (this.element.contains(document.activeElement)) this.#timer = setTimeout(() => this.#again(), AGAIN_MS);
    else this.refresh();
  }

  async #part(title, asked, shown) {
    try {
      return section(title, shown(await asked));
    } catch (error) {
      return section(title, refusal(error));
    }
  }

  #workers(workers) {
    if (!workers.length) return empty("No worker answers", "A worker takes branches from the queue:", "anabranch worker --executors recalling");
    return table(["Worker", "Host", "Busy", "Runs", "State"], workers.map((one) => [
      one.worker, `${one.host}, ${one.process}`, `${one.busy} of ${one.slots}`, one.executors.join(", "), one.draining ? "draining" : "taking",
    ]), { label: "Workers" });
  }

  #tasks(tasks) {
    if (!tasks.length) return empty("Nothing waits", "Branches that are thought over workers stand here:", 'anabranch think "Where does the lock stick?" --over workers');
    return table(["Branch", "Priority", "Status", "Worker", "Tries", "Since"], tasks.map((one) => [
      thingLink(this.page, "session", one.session_id, one.task), one.priority, status(one.status), one.worker ?? "–", String(one.attempts),
      one.waiting_since ? time(one.waiting_since).slice(-8) : "–",
    ]), { label: "Queue" });
  }

  #letters({ dead_letters: letters, next }) {
    if (!letters.length) return empty("No event is put aside", "One that could not be applied would stand here with its reason.");
    const shown = table(["Event", "Session", "Reason", "Tries", "Since"], letters.map((one) => [
      eventLink(this.page, one.position), thingLink(this.page, "session", one.session_id), one.reason, String(one.attempts),
      one.put_aside_at ? time(one.put_aside_at) : "–",
    ]), { label: "Dead letters" });
    if (next === null) return shown;
    return el("div", {}, shown, el("p", { class: "aside" }, "There are more. From a terminal:"), el("pre", {}, el("code", {}, "anabranch dead-letters list")));
  }
}
