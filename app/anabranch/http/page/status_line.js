// The line of figures at the top: the stream's state, how much there is, and how far the graph is.

import { byId, el } from "./elements.js";
import { number } from "./format.js";

const AGAIN_MS = 5000;
const STATES = { live: "Live", lost: "Reconnecting", refused: "Refused", loading: "Loading" };

/** Shows the state of the stream and of the service. */
export class StatusLine {
  #came = [];
  #state = "loading";
  #lag = null;
  #permitted = true;

  constructor({ connection, history, moment }) {
    Object.assign(this, { connection, history, moment });
    this.element = byId("figures");
    setInterval(() => this.update(), 1000);
    setInterval(() => this.#ask(), AGAIN_MS);
  }

  /** Take the state of the stream. */
  state(name) {
    this.#state = name;
    this.update();
    if (name === "live") this.#ask();
  }

  /** Count an event that came. */
  came() {
    this.#came.push(Date.now());
  }

  update() {
    const now = Date.now();
    this.#came = this.#came.filter((at) => now - at < 5000);
    const { history, moment } = this;
    const at = moment.position ?? history.position;
    const counts = { running: 0, failed: 0, sessions: 0 };
    for (const lane of history.order) {
      const shown = history.statusAt(lane, at);
      if (shown === null) break;
      counts.sessions += 1;
      if (shown === "running" || shown === "pending") counts.running += 1;
      if (shown === "failed" || shown === "dead_lettered") counts.failed += 1;
    }
    const figure = (value, name, state) => el("span", { class: "figure", "data-state": state }, el("b", {}, value), ` ${name}`);
    const live = el("span", { class: "stream", "data-state": this.#state, role: "status" }, el("span", { class: "dot", "aria-hidden": "true" }), STATES[this.#state]);
    if (this.#state === "lost") live.append(`, last event #${number(history.position)}`);
    this.element.replaceChildren(
      live,
      figure((this.#came.length / 5).toFixed(1), "events/s"),
      figure(number(counts.sessions), "sessions"),
      figure(number(counts.running), "running"),
      figure(number(counts.failed), "failed", counts.failed ? "bad" : "ok"),
      this.#lag === null ? "" : figure(number(this.#lag), "behind", this.#lag ? "warn" : "ok"));
  }

  async #ask() {
    if (this.#state !== "live" || document.hidden || !this.#permitted) return;
    try {
      const { lag } = await this.connection.get("/status");
      this.#lag = lag.events;
    } catch (error) {
      this.#lag = null;
      this.#permitted = error.status !== 403; // Not every key may see it.
    }
  }
}
