// The canvas: it draws the lanes into a picture, and moves a picture with a margin while one pans.

import { LaneDrawing } from "./lane_drawing.js";
import { Overlay } from "./overlay.js";
import { palette } from "./palette.js";
import { TOP, Viewport } from "./viewport.js";

const MARGIN = 0.35; // Of the size, on each side.

/** Shows a history as lanes; `onpick` hears which session or insight was chosen. */
export class LaneCanvas {
  #picture = document.createElement("canvas");
  #drawn = null;
  #asked = false;

  constructor(canvas, { history, moment, focus, onpick, onhover }) {
    Object.assign(this, { canvas, history, moment, focus, onpick, onhover });
    this.view = new Viewport();
    this.ctx = canvas.getContext("2d");
    this.colours = palette();
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement);
    this.#listen();
    this.#resize();
  }

  /** The position that is shown. */
  get at() {
    return this.moment.position ?? this.history.position;
  }

  /** Show all there is. */
  fit() {
    const { history } = this;
    this.view.fit({ first: history.first, last: Math.max(history.position, history.first + 1), rows: history.rows.count });
    this.redraw();
  }

  /** Draw in the next frame; the history, the theme or the selection has changed. */
  redraw() {
    this.#drawn = null;
    this.draw();
  }

  /** Draw in the next frame what stands out of the lanes, which are as they were. */
  draw() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  /** Take the colours of the theme. */
  recolour() {
    this.colours = palette();
    this.redraw();
  }

  /** Take what is new in the history. */
  grow() {
    if (this.view.fitted) this.fit();
    else this.redraw();
  }

  /** Pan by pixels. */
  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.draw();
  }

  /** Zoom about a point, or about the middle. */
  zoom(factor, x = this.view.width / 2, y = this.view.height / 2, options = {}) {
    this.view.zoom(factor, x, y, options);
    this.redraw();
  }

  /** Move to a session, or to an insight on it. */
  reveal(lane, position = lane.opened) {
    this.view.reveal(position, lane.row);
    this.redraw();
  }

  #resize() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    this.scale = Math.min(window.devicePixelRatio || 1, 2);
    [this.view.width, this.view.height] = [Math.max(box.width, 1), Math.max(box.height, 1)];
    this.canvas.width = Math.round(this.view.width * this.scale);
    this.canvas.height = Math.round(this.view.height * this.scale);
    if (this.view.fitted) this.fit();
    this.redraw();
  }

  #draw() {
    const { ctx, view, scale, colours } = this;
    const shift = this.#shift();
    // What has changed is drawn as far as it is seen; a margin is worth its time once one pans.
    if (shift === null) this.#paint(this.#drawn === null ? 0 : MARGIN);
    const [dx, dy] = shift ?? [0, 0];
    const { margin } = this.#drawn;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colours.surface;
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.drawImage(this.#picture, Math.round((dx - margin * view.width) * scale), Math.round((dy - margin * view.height) * scale));
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    new Overlay(ctx, { history: this.history, view, colours, at: this.at, live: this.moment.live, focus: this.focus }).draw();
    this.#mark();
  }

  /** Mark the first picture of a history that is whole: benchmarks measure it. */
  #mark() {
    if (!this.history.complete || document.documentElement.dataset.pictured) return;
    document.documentElement.dataset.pictured = "whole";
    performance.mark("anabranch-first-picture");
  }

  /** Return how far the picture is to be moved; null where it must be painted anew. */
  #shift() {
    const { view } = this;
    const drawn = this.#drawn;
    if (!drawn || drawn.perPosition !== view.perPosition || drawn.perRow !== view.perRow) return null;
    const dx = (drawn.left - view.left) * view.perPosition;
    const dy = (drawn.top - view.top) * view.perRow;
    const within = Math.abs(dx) <= drawn.margin * view.width && Math.abs(dy) <= drawn.margin * view.height;
    return within ? [dx, dy] : null;
  }

  #paint(margin) {
    const { view, scale } = this;
    const wide = { width: view.width * (1 + 2 * margin), height: view.height * (1 + 2 * margin) };
    const [width, height] = [Math.round(wide.width * scale), Math.round(wide.height * scale)];
    if (this.#picture.width !== width || this.#picture.height !== height) {
      [this.#picture.width, this.#picture.height] = [width, height];
    }
    const ctx = this.#picture.getContext("2d");
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, wide.width, wide.height);
    const seen = Object.assign(new Viewport(), view, wide, {
      left: view.position(-margin * view.width),
      top: view.top - (margin * view.height) / view.perRow,
    });
    const { history, colours, at } = this;
    new LaneDrawing(ctx, { history, view: seen, colours, at, lit: this.focus.lit }).draw();
    this.#drawn = { ...view.state, margin };
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons === 0) this.onhover(this.#under(event), event);
    });
    canvas.addEventListener("pointerleave", () => this.onhover(null));
  }

  #wheel(event) {
    event.preventDefault();
    if (event.shiftKey) this.pan(-event.deltaY - event.deltaX, 0);
    else if (event.altKey) this.pan(0, -event.deltaY);
    else this.zoom(Math.exp(-event.deltaY * 0.0016), event.offsetX, event.offsetY, { along: event.ctrlKey });
  }

  #press(down) {
    const { canvas } = this;
    let [x, y, moved] = [down.clientX, down.clientY, 0];
    canvas.setPointerCapture(down.pointerId);
    canvas.classList.add("grabbed");
    const move = (event) => {
      moved += Math.abs(event.clientX - x) + Math.abs(event.clientY - y);
      this.pan(event.clientX - x, event.clientY - y);
      [x, y] = [event.clientX, event.clientY];
    };
    const up = (event) => {
      canvas.removeEventListener("pointermove", move);
      canvas.classList.remove("grabbed");
      if (moved < 4) this.onpick(this.#under(event));
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", up, { once: true });
  }

  /** Return the session, and the insight or consolidation, under a pointer. */
  #under(event) {
    const { view, history } = this;
    const [x, y] = [event.offsetX, event.offsetY];
    const row = view.row(y);
    const at = Math.min(view.position(x + 6), this.at);
    if (y < TOP || row < 0 || row >= history.rows.count) return null;
    const lane = history.rows.lanes[row][history.rows.at(row, at)];
    if (!lane) return null;
    const marks = lane.marks.filter((one) => one.position <= this.at && Math.abs(view.x(one.position) - x) <= 7);
    const near = (one) => Math.abs(view.x(one.position) - x);
    const [mark = null] = marks.sort((a, b) => near(a) - near(b));
    const end = view.x(Math.min(lane.ended ?? lane.updated, this.at));
    return mark || x <= Math.max(end, view.x(lane.opened) + 220) + 8 ? { lane, mark } : null;
  }
}
