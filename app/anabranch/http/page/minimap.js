// The minimap: all lanes in small, and the part of them that is in sight as a frame one can move.

import { byId, drag } from "./elements.js";
import { endOf } from "./rows.js";
import { TOP } from "./viewport.js";

const [WIDTH, HEIGHT] = [176, 96];
const ROOM = 3; // Times its size: on less it would hide what it shows.
const LINE_MIN = 0.6; // Pixels.
const AGAIN_MS = 1000; // While a history grows it is drawn anew so often.

/** Shows where in the history one is, once not all of it is in sight; a press or a drag goes there. */
export class Minimap {
  #lanes = document.createElement("canvas");
  #drawn = "";
  #colour = "";
  #waiting = 0;

  constructor({ history, view, onmove }) {
    Object.assign(this, { history, view, onmove });
    this.canvas = byId("minimap");
    this.scale = Math.min(window.devicePixelRatio || 1, 2);
    for (const one of [this.canvas, this.#lanes]) [one.width, one.height] = [WIDTH * this.scale, HEIGHT * this.scale];
    this.ctx = this.canvas.getContext("2d");
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event));
  }

  /** Draw the frame over the lanes, which are drawn again where they have changed. */
  draw(colours, at) {
    const { view, history, ctx, canvas, scale } = this;
    const span = { first: history.first, last: history.last, rows: Math.max(history.rows.count, 1) };
    const tight = view.width < ROOM * WIDTH || view.height < ROOM * HEIGHT;
    canvas.hidden = tight || !history.order.length || view.holds(span);
    if (canvas.hidden) return;
    this.#refresh(colours, at, span);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(this.#lanes, 0, 0);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    const [left, right] = [view.position(0), view.position(view.width)].map((one) => inside(xOf(one, span), WIDTH));
    const [top, bottom] = [view.row(TOP), view.row(view.height) + 1].map((one) => inside(yOf(one, span), HEIGHT));
    ctx.strokeStyle = colours.accent;
    ctx.lineWidth = 1.5;
    ctx.strokeRect(left + 0.75, top + 0.75, Math.max(right - left - 1.5, 3), Math.max(bottom - top - 1.5, 3));
  }

  #refresh(colours, at, span) {
    const state = [this.history.version, at, span.last, span.rows].join();
    if (colours.bar === this.#colour && (this.#waiting || state === this.#drawn)) return;
    [this.#drawn, this.#colour] = [state, colours.bar];
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => {
      this.#waiting = 0;
      this.onmove();
    }, AGAIN_MS);
    const ctx = this.#lanes.getContext("2d");
    ctx.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    ctx.clearRect(0, 0, WIDTH, HEIGHT);
    ctx.fillStyle = colours.bar;
    ctx.beginPath();
    const thick = Math.max((HEIGHT / span.rows) * 0.6, LINE_MIN);
    for (const lane of this.history.order) {
      if (lane.opened > at) break;
      const left = xOf(lane.opened, span);
      const right = xOf(Math.min(endOf(lane), at), span);
      ctx.rect(left, yOf(lane.row + 0.2, span), Math.max(right - left, LINE_MIN), Math.min(thick, 4));
    }
    ctx.fill();
  }

  #press(down) {
    const { canvas, history, view } = this;
    const go = (event) => {
      const box = canvas.getBoundingClientRect();
      const span = history.last - history.first;
      view.centre(history.first + ((event.clientX - box.left) / box.width) * span,
        ((event.clientY - box.top) / box.height) * Math.max(history.rows.count, 1));
      this.onmove();
    };
    canvas.setPointerCapture(down.pointerId);
    drag(canvas, go, () => {});
    go(down);
  }
}

function xOf(position, { first, last }) {
  return ((position - first) / (last - first)) * WIDTH;
}

function yOf(row, { rows }) {
  return (row / rows) * HEIGHT;
}

function inside(value, most) {
  return Math.min(Math.max(value, 0), most);
}
