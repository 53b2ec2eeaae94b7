// The feed: the last events up to the moment, as they come.

import { button, el, empty, refusal } from "./elements.js";
import { eventList } from "./event_list.js";
import { number } from "./format.js";

const SHOWN = 100;
const WINDOW = 400; // Positions; a namespace has not all of them.

/** Shows the last events: while live they come by themselves. */
export class FeedView {
  title = "Events";
  #events = [];
  #until = null;
  #asked = 0;
  #drawing = false;
  #held = null; // What came while one reads.
  #came = 0;

  constructor(page) {
    this.page = page;
    this.hold = button("Pause", () => this.#pause(), { class: "quiet" });
    this.element = el("div", { class: "view" });
  }

  clear() {
    this.#asked += 1; // What is under way is of before.
    this.#events = [];
    this.#held = null;
    this.#until = null;
    this.element.replaceChildren();
  }

  /** Take an event that has just come. */
  push(event) {
    if (this.#until !== "live") return;
    if (this.#held) {
      this.#held = [...this.#held.slice(1 - SHOWN), event];
      this.#came += 1;
      this.#name();
      return;
    }
    this.#events = [...this.#events.slice(1 - SHOWN), event];
    if (this.element.isConnected && !this.#drawing) {
      this.#drawing = true;
      requestAnimationFrame(() => {
        this.#drawing = false;
        this.#show();
      });
    }
  }

  /** Ask for the events before the moment. */
  async refresh() {
    const { connection, moment, history } = this.page;
    const until = moment.live ? "live" : moment.position;
    if (until === this.#until) return;
    const asked = (this.#asked += 1);
    this.#until = until;
    this.#held = null;
    const to = moment.position ?? history.position;
    try {
      const { events } = await connection.get("/events", { cursor: Math.max(to - WINDOW, 0), to: to || undefined, limit: 1000 });
      if (asked !== this.#asked) return;
      this.#events = events.slice(-SHOWN);
      this.#show();
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#until = null;
      this.element.replaceChildren(refusal(error));
    }
  }

  /** Keep the list still while it is read, or take what came meanwhile. */
  #pause() {
    if (this.#held) this.#events = [...this.#events, ...this.#held].slice(-SHOWN);
    this.#held = this.#held ? null : [];
    this.#came = 0;
    this.#show();
  }

  #name() {
    this.hold.textContent = !this.#held ? "Pause" : this.#came ? `Go on: ${number(this.#came)} new` : "Go on";
    this.hold.hidden = this.#until !== "live";
  }

  #show() {
    this.#name();
    const focused = document.activeElement === this.hold;
    this.element.replaceChildren(...(this.#events.length
      ? [el("p", { class: "aside" }, `The last ${number(this.#events.length)}, newest first`, this.hold), eventList(this.page, this.#events)]
      : [empty("No events up to here", "Every append stands here a moment after it happened. From a terminal:", "anabranch events tail")]));
    if (focused) this.hold.focus();
  }
}
