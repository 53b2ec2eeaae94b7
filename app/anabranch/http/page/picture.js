// The picture of the lanes: what is in sight is drawn once, strips beside it as they come near, and what is
// new in the history over what has been drawn there.

import { AROUND, LaneDrawing, detailOf } from "./lane_drawing.js";
import { TOP, Viewport } from "./viewport.js";

const STRIP = 192; // Pixels of the device.
const MARGIN = 0.35; // Of the height, above and below, once one pans there.
const SPARE_MAX = 8;
const OVERHANG = 16; // Pixels that a label rises above its row.

/** Pieces beside one another, each a canvas; while one pans they are moved, and new ones are added. */
export class Picture {
  #pieces = [];
  #spare = [];
  #drawn = null;
  #grown = false;

  /** Forget what was drawn: the history, the theme or the selection has changed. */
  clear() {
    this.#release(this.#pieces.splice(0));
    this.#drawn = null;
  }

  /** Draw what is new in the history with the next picture. */
  grow() {
    this.#grown = true;
  }

  /** What the picture shows of the lanes: curves, marks, labels. */
  get detail() {
    return this.#drawn.detail;
  }

  /** Draw all that is in sight; `shown` is what a LaneDrawing takes, and whether the view is `moving`. */
  draw(ctx, shown) {
    const { view, scale } = shown;
    const { width, height } = ctx.canvas;
    const left = Math.round(view.left * view.perPosition * scale);
    const top = Math.round(view.top * view.perRow * scale);
    if (!this.#reaches(left, top, width, height, shown)) this.#begin(left, top, width, height, shown);
    else {
      if (this.#grown) this.#renew(shown);
      this.#extend(left, left + width, shown);
    }
    this.#grown = false;
    for (const piece of this.#pieces) ctx.drawImage(piece.canvas, piece.left - left, this.#drawn.top - top);
  }

  /** Tell whether the pieces can be moved and extended to show what is in sight. */
  #reaches(left, top, width, height, shown) {
    const { view, scale, history, moving } = shown;
    const drawn = this.#drawn;
    if (!drawn || drawn.perPosition !== view.perPosition || drawn.perRow !== view.perRow) return false;
    // More are in sight than there is time for in such detail; or fewer, which waits for a rest.
    const { level } = detailOf(shown);
    if (level < drawn.detail.level || (level > drawn.detail.level && !moving)) return false;
    const from = Math.max(top, (TOP - OVERHANG) * scale);
    const to = Math.min(top + height, (TOP + history.rows.count * view.perRow) * scale);
    if (from < drawn.top || to > drawn.top + drawn.height) return false;
    return left < endOf(this.#pieces.at(-1)) && left + width > this.#pieces[0].left;
  }

  /** Draw what is in sight anew; a margin above and below is worth its time once one has panned there. */
  #begin(left, top, width, height, shown) {
    const margin = this.#drawn ? Math.round(height * MARGIN) : 0;
    const { perPosition, perRow } = shown.view;
    shown.history.changes(); // All of them are drawn.
    this.#drawn = { perPosition, perRow, top: top - margin, height: height + 2 * margin, detail: detailOf(shown) };
    this.#release(this.#pieces.splice(0));
    this.#pieces.push(this.#piece(left, width, shown));
  }

  /** Draw the strips that have come into sight, or else one that is about to. */
  #extend(left, right, shown) {
    const pieces = this.#pieces;
    const start = () => pieces[0].left;
    const end = () => endOf(pieces.at(-1));
    const count = pieces.length;
    while (start() > left) pieces.unshift(this.#piece(start() - STRIP, STRIP, shown));
    while (end() < right) pieces.push(this.#piece(end(), STRIP, shown));
    if (pieces.length === count) {
      if (end() < right + STRIP) pieces.push(this.#piece(end(), STRIP, shown));
      else if (start() > left - STRIP) pieces.unshift(this.#piece(start() - STRIP, STRIP, shown));
    }
    while (endOf(pieces[0]) < left - 2 * STRIP) this.#release([pieces.shift()]);
    while (pieces.at(-1).left > right + 2 * STRIP) this.#release([pieces.pop()]);
  }

  /** Draw what has changed in the history over what there is of it. */
  #renew(shown) {
    const { lanes, labels } = shown.history.changes();
    const from = this.#drawn.detail.labels ? Math.min(lanes, labels) : lanes;
    for (const piece of this.#pieces) this.#paint(piece, shown, from);
  }

  /** Draw a piece that begins so many pixels of the device along. */
  #piece(left, width, shown) {
    const piece = { canvas: this.#canvas(width, this.#drawn.height), left };
    this.#paint(piece, shown);
    return piece;
  }

  /** Draw a piece, or what it shows from a position on. */
  #paint({ canvas, left }, shown, position = -Infinity) {
    const { scale, view } = shown;
    const { top, height, detail } = this.#drawn;
    const { width } = canvas;
    const seen = Object.assign(new Viewport(), view, {
      left: left / (view.perPosition * scale), top: top / (view.perRow * scale),
      width: width / scale, height: height / scale,
    });
    const from = Math.max(Math.floor((seen.x(position) - AROUND) * scale), 0);
    if (from >= width) return;
    const ctx = canvas.getContext("2d");
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, 0, width - from, height);
    ctx.clip();
    ctx.clearRect(from, 0, width - from, height);
    ctx.scale(scale, scale);
    new LaneDrawing(ctx, { ...shown, view: seen, detail, left: from / scale }).draw();
    ctx.restore();
  }

  /** Return a canvas: one of this size that is used no more, or a new one. */
  #canvas(width, height) {
    const at = this.#spare.findIndex((one) => one.width === width && one.height === height);
    if (at >= 0) return this.#spare.splice(at, 1)[0];
    return Object.assign(document.createElement("canvas"), { width, height });
  }

  /** Keep the canvases of pieces that are used no more. */
  #release(pieces) {
    this.#spare = [...this.#spare, ...pieces.map((piece) => piece.canvas)].slice(-SPARE_MAX);
  }
}

function endOf(piece) {
  return piece.left + piece.canvas.width;
}
