// The feed: the last events up to the moment, as they come.

import { el, empty, refusal } from "./elements.js";
import { eventList } from "./event_list.js";
import { number } from "./format.js";

const SHOWN = 100;
const WINDOW = 400; // Positions; a namespace has not all of them.

/** Shows the last events: while live they come by themselves. */
export class FeedView {
  title = "Events";
  #events = [];
  #until = null;
  #asked = false;

  constructor(page) {
    this.page = page;
    this.element = el("div", { class: "view" });
  }

  clear() {
    this.#events = [];
    this.#until = null;
    this.element.replaceChildren();
  }

  /** Take an event that has just come. */
  push(event) {
    if (this.#until !== "live") return;
    this.#events = [...this.#events.slice(1 - SHOWN), event];
    if (this.element.isConnected && !this.#asked) {
      this.#asked = true;
      requestAnimationFrame(() => {
        this.#asked = false;
        this.#show();
      });
    }
  }

  /** Ask for the events before the moment. */
  async refresh() {
    const { connection, moment, history } = this.page;
    const until = moment.live ? "live" : moment.position;
    if (until === this.#until) return;
    this.#until = until;
    const to = moment.position ?? history.position;
    try {
      const { events } = await connection.get("/events", { cursor: Math.max(to - WINDOW, 0), to: to || undefined, limit: 1000 });
      if (this.#until !== until) return;
      this.#events = events.slice(-SHOWN);
      this.#show();
    } catch (error) {
      this.#until = null;
      this.element.replaceChildren(refusal(error));
    }
  }

  #show() {
    this.element.replaceChildren(...(this.#events.length
      ? [el("p", { class: "aside" }, `The last ${number(this.#events.length)}, newest first`), eventList(this.page, this.#events)]
      : [empty("No events up to here", "Every append stands here a moment after it happened. From a terminal:", "anabranch events tail")]));
  }
}
