// The player: it moves the moment through history, so many positions a second, up to live.

import { byId } from "./elements.js";

const STEP_MAX_S = 0.1; // A longer stall of the page is not made up for.

/** Plays history from the moment that is shown; from live it begins at the first position. */
export class Player {
  #playing = false;
  #time = 0;
  #owed = 0;

  constructor({ history, moment }) {
    Object.assign(this, { history, moment });
    this.button = byId("play");
    this.speed = byId("speed");
    this.button.addEventListener("click", () => this.toggle());
  }

  /** Play, or pause. */
  toggle() {
    if (this.#playing) this.#stop();
    else this.#play();
  }

  #play() {
    const { history, moment } = this;
    if (moment.live) moment.go(history.first);
    [this.#playing, this.#time, this.#owed] = [true, performance.now(), 0];
    this.#label();
    requestAnimationFrame((time) => this.#step(time));
  }

  #stop() {
    this.#playing = false;
    this.#label();
  }

  #step(time) {
    const { history, moment } = this;
    if (!this.#playing) return;
    if (moment.live || history.position <= history.first) {
      moment.go(null);
      this.#stop();
      return;
    }
    const passed = Math.min(Math.max(time - this.#time, 0) / 1000, STEP_MAX_S);
    this.#owed += passed * Number(this.speed.value);
    this.#time = time;
    const whole = Math.floor(this.#owed);
    this.#owed -= whole;
    const next = moment.position + whole;
    if (whole) moment.go(next >= history.last ? null : next);
    requestAnimationFrame((later) => this.#step(later));
  }

  #label() {
    this.button.textContent = this.#playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.#playing ? "Pause" : "Play history");
  }
}
