// The scrubber: all of history as a row of bars, and the moment as a slider over it.

import { byId } from "./elements.js";
import { number, position, time } from "./format.js";
import { palette } from "./palette.js";

const BAR = 3; // Pixels.

/** Moves the moment over all positions; at its right end the page is live. */
export class Scrubber {
  #counts = null;
  #version = -1;

  constructor({ history, moment }) {
    Object.assign(this, { history, moment });
    this.slider = byId("scrubber");
    this.canvas = byId("histogram");
    this.slider.addEventListener("input", () => this.#slid());
    byId("step-back").addEventListener("click", () => this.step(-1));
    byId("step-on").addEventListener("click", () => this.step(1));
    byId("go-live").addEventListener("click", () => moment.go(null));
    byId("banner-live").addEventListener("click", () => moment.go(null));
    new ResizeObserver(() => this.update()).observe(this.canvas.parentElement);
    moment.addEventListener("changed", () => this.update());
  }

  /** Go so many positions back or on; past the end is live. */
  step(by) {
    const { history, moment } = this;
    const next = (moment.position ?? history.last) + by;
    moment.go(next >= history.last ? null : Math.max(next, history.first));
  }

  /** Take what is new in the history, or the new moment. */
  update() {
    const { history, moment, slider } = this;
    const at = moment.position ?? history.position;
    slider.min = String(history.first);
    slider.max = String(history.last);
    slider.value = String(at);
    const when = time(history.timeAt(at));
    const text = moment.live ? `Live, ${position(at)}` : `${position(at)}${when ? `, ${when}` : ""}`;
    slider.setAttribute("aria-valuetext", text);
    byId("position").textContent = `${number(at)} / ${number(history.position)}`;
    byId("go-live").setAttribute("aria-pressed", String(moment.live));
    byId("banner").hidden = moment.live;
    if (!moment.live) byId("banner-text").textContent = `Viewing ${position(at)}${when ? ` (${when})` : ""}. Recall and Cypher answer as of here.`;
    document.documentElement.dataset.moment = moment.live ? "live" : "past";
    this.#draw(at);
  }

  #slid() {
    const value = Number(this.slider.value);
    this.moment.go(value >= this.history.last ? null : value);
  }

  /** Count what happened in each bar: beginnings, insights and ends. */
  #counted(bars) {
    const { history } = this;
    if (this.#counts?.length === bars && this.#version === history.version) return this.#counts;
    const counts = new Float64Array(bars);
    const span = history.last - history.first;
    const add = (at) => {
      counts[Math.min(Math.floor(((at - history.first) / span) * bars), bars - 1)] += 1;
    };
    for (const lane of history.order) {
      add(lane.opened);
      if (lane.ended !== null) add(lane.ended);
    }
    for (const mark of history.insights.values()) add(mark.position);
    [this.#counts, this.#version] = [counts, history.version];
    return counts;
  }

  #draw(at) {
    const { canvas, history } = this;
    const box = canvas.getBoundingClientRect();
    if (box.width < 10) return;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    [canvas.width, canvas.height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
    const ctx = canvas.getContext("2d");
    ctx.scale(scale, scale);
    const colours = palette();
    const counts = this.#counted(Math.max(Math.floor(box.width / BAR), 1));
    const most = Math.max(...counts, 1);
    const now = ((at - history.first) / (history.last - history.first)) * box.width;
    counts.forEach((count, index) => {
      const x = index * BAR;
      const height = count ? Math.max(Math.sqrt(count / most) * (box.height - 6), 1.5) : 0;
      ctx.fillStyle = x <= now ? colours.bar : colours.line;
      ctx.fillRect(x, box.height - height, BAR - 1, height);
    });
  }
}
