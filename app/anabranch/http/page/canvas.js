// The canvas: a picture of the lanes, which is moved while one pans, and what stands out of them.

import { drag } from "./elements.js";
import { Minimap } from "./minimap.js";
import { Overlay } from "./overlay.js";
import { palette } from "./palette.js";
import { Picture } from "./picture.js";
import { endOf } from "./rows.js";
import { TOP, Viewport } from "./viewport.js";

const ROOM = 1 / 16; // Of all there is: room to grow before it is fitted anew.
const EDGE = 14; // Pixels.
const REST_MS = 150;

/** Shows a history as lanes; `onpick` hears which session or insight was chosen. */
export class LaneCanvas {
  #picture = new Picture();
  #asked = false;
  #moving = 0;

  constructor(canvas, { history, moment, focus, onpick, onhover }) {
    Object.assign(this, { canvas, history, moment, focus, onpick, onhover });
    this.view = new Viewport();
    this.ctx = canvas.getContext("2d");
    this.colours = palette();
    this.minimap = new Minimap({ history, view: this.view, onmove: () => this.#move() });
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement);
    this.#listen();
    this.#resize();
  }

  /** The position that is shown. */
  get at() {
    return this.moment.position ?? this.history.position;
  }

  /** Show all there is, and room for some more. */
  fit({ room = 0 } = {}) {
    const { first, last, rows } = this.#all;
    this.view.fit({ first, last: last + (last - first) * room, rows: rows * (1 + room) });
    this.redraw();
  }

  get #all() {
    const { history } = this;
    return { first: history.first, last: history.last, rows: history.rows.count };
  }

  /** Draw in the next frame; the history, the theme or the selection has changed. */
  redraw() {
    this.#picture.clear();
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
    const { view, history } = this;
    if (view.fitted && history.anew) this.fit();
    else if (view.fitted && !view.holds(this.#all, EDGE)) this.fit({ room: ROOM });
    else {
      this.#picture.grow();
      this.draw();
    }
  }

  /** Pan by pixels. */
  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.#keep();
    this.#move();
  }

  /** Zoom about a point, or about the middle. */
  zoom(factor, x = this.view.width / 2, y = this.view.height / 2, options = {}) {
    this.view.zoom(factor, x, y, options);
    this.#keep();
    this.#move();
  }

  /** Move to a session, or to an insight on it. */
  reveal(lane, position = lane.opened) {
    this.view.reveal(position, lane.row);
    this.redraw();
  }

  /** Move back to where some lane is in sight. */
  #keep() {
    const { view, history, at } = this;
    view.keepAlong(history.first, at);
    view.keepDown(history.rows.between(view.position(EDGE), Math.min(view.position(view.width - EDGE), at)));
  }

  /** Draw what has moved; once it rests, in the detail that there is time for. */
  #move() {
    clearTimeout(this.#moving);
    this.#moving = setTimeout(() => {
      this.#moving = 0;
      this.draw();
    }, REST_MS);
    this.draw();
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
    const { ctx, view, scale, colours, history, at, focus } = this;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colours.surface;
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.#picture.draw(ctx, { history, view, scale, colours, at, lit: focus.lit, moving: this.#moving !== 0 });
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    const { detail } = this.#picture;
    new Overlay(ctx, { history, view, colours, at, live: this.moment.live, focus, detail }).draw();
    this.minimap.draw(colours, at);
    this.#mark();
  }

  /** Mark the first picture of a history that is whole: benchmarks measure it. */
  #mark() {
    if (!this.history.complete || document.documentElement.dataset.pictured) return;
    document.documentElement.dataset.pictured = "whole";
    performance.mark("anabranch-first-picture");
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
    canvas.setPointerCapture(down.pointerId);
    if (down.shiftKey) {
      this.#span(down);
      return;
    }
    let [x, y, moved] = [down.clientX, down.clientY, 0];
    canvas.classList.add("grabbed");
    const move = (event) => {
      moved += Math.abs(event.clientX - x) + Math.abs(event.clientY - y);
      this.pan(event.clientX - x, event.clientY - y);
      [x, y] = [event.clientX, event.clientY];
    };
    drag(canvas, move, (event) => {
      canvas.classList.remove("grabbed");
      if (event.type === "pointerup" && moved < 4) this.onpick(this.#under(event));
    });
  }

  /** Mark the positions that the pointer is drawn over, and show them alone at its end. */
  #span(down) {
    const { canvas, focus, view } = this;
    const move = (event) => {
      focus.span = [down.offsetX, event.offsetX].sort((a, b) => a - b);
      this.draw();
    };
    drag(canvas, move, (event) => {
      const [left, right] = focus.span ?? [0, 0];
      focus.span = null;
      if (event.type === "pointerup" && right - left > 4) {
        view.show(view.position(left), view.position(right));
        this.#keep();
      }
      this.redraw();
    });
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
    const end = view.x(Math.min(endOf(lane), this.at));
    return mark || x <= Math.max(end, view.x(lane.opened) + 220) + 8 ? { lane, mark } : null;
  }
}
