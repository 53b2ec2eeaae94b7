// The picture of the lanes: what is in sight is drawn once, strips beside it as they come near, and what is
// new in the history over what has been drawn there. While one zooms it is scaled, and drawn anew at rest.

import { AROUND, LaneDrawing, OVERHANG, detailOf } from "./lane_drawing.js";
import { TOP, Viewport } from "./viewport.js";

const STRIP = 192; // Pixels of the device.
const MARGIN = 0.35; // Of the height, above and below, once one pans there.
const AHEAD = 0.2; // Of the width, on both sides, while one zooms.
const SCALED_MAX = 2; // A picture is shown so much larger or smaller than it was drawn.
const SPARE_MAX = 8;

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
    const scaled = this.isScaled(view);
    const fits = scaled ? this.#covers(left, top, width, height, shown) : this.#reaches(left, top, width, height, shown);
    if (!fits) this.#begin(left, top, width, height, shown);
    else {
      if (this.#grown) this.#renew(shown);
      if (!scaled) this.#extend(left, left + width, shown);
    }
    this.#grown = false;
    this.#place(ctx, left, top, shown);
  }

  /** Place the pieces in sight, larger or smaller where they were drawn at another scale; without gaps. */
  #place(ctx, left, top, { view, scale }) {
    const { perPosition, perRow, top: drawnTop, height } = this.#drawn;
    const x = (drawn) => Math.round((drawn * view.perPosition) / perPosition) - left;
    const y = (drawn) => Math.round(((drawn - TOP * scale) * view.perRow) / perRow + TOP * scale) - top;
    const [from, to] = [y(drawnTop), y(drawnTop + height)];
    for (const piece of this.#pieces) {
      ctx.drawImage(piece.canvas, x(piece.left), from, x(endOf(piece)) - x(piece.left), to - from);
    }
  }

  /** Tell whether there is a picture, and it was drawn at another scale. */
  isScaled({ perPosition, perRow }) {
    const drawn = this.#drawn;
    return drawn !== null && (drawn.perPosition !== perPosition || drawn.perRow !== perRow);
  }

  /** Tell whether the pieces, scaled, show all that is in sight while one zooms. */
  #covers(left, top, width, height, shown) {
    const { view, scale, history, at, moving } = shown;
    const [across, down] = [view.perPosition / this.#drawn.perPosition, view.perRow / this.#drawn.perRow];
    if (!moving || [across, down].some((by) => by > SCALED_MAX || by < 1 / SCALED_MAX)) return false;
    const x = (position) => position * view.perPosition * scale;
    const from = Math.max(left, x(history.first) - AROUND * scale);
    const to = Math.min(left + width, x(at) + AROUND * scale);
    const inside = from >= this.#pieces[0].left * across - 1 && to <= endOf(this.#pieces.at(-1)) * across + 1;
    return (from >= to || inside) && this.#holdsRows(top, height, shown, down);
  }

  /** Tell whether the pieces can be moved and extended to show what is in sight. */
  #reaches(left, top, width, height, shown) {
    const drawn = this.#drawn;
    if (!drawn) return false;
    // More are in sight than there is time for in such detail; or fewer, which waits for a rest.
    const { level } = detailOf(shown);
    if (level < drawn.detail.level || (level > drawn.detail.level && !shown.moving)) return false;
    if (!this.#holdsRows(top, height, shown, 1)) return false;
    return left < endOf(this.#pieces.at(-1)) && left + width > this.#pieces[0].left;
  }

  /** Tell whether the pieces, so many times as high, have all rows in sight. */
  #holdsRows(top, height, { view, scale, history }, down) {
    const { top: drawnTop, height: drawnHeight } = this.#drawn;
    const y = (drawn) => (drawn - TOP * scale) * down + TOP * scale;
    const [above, hair] = down === 1 ? [OVERHANG, 0] : [0, 1];
    const from = Math.max(top, (TOP - above) * scale);
    const to = Math.min(top + height, (TOP + history.rows.count * view.perRow) * scale);
    return from >= y(drawnTop) - hair && to <= y(drawnTop + drawnHeight) + hair;
  }

  /** Draw what is in sight anew; with a margin above and below once one has panned there, all around in a zoom. */
  #begin(left, top, width, height, shown) {
    const { moving, history, view: { perPosition, perRow } } = shown;
    const zoomed = this.isScaled(shown.view);
    const margin = this.#drawn && (moving || !zoomed) ? Math.round(height * MARGIN) : 0;
    const ahead = zoomed && moving ? Math.round(width * AHEAD) : 0;
    history.changes(); // All of them are drawn.
    this.#drawn = { perPosition, perRow, top: top - margin, height: height + 2 * margin };
    const piece = [left - ahead, width + 2 * ahead];
    // What is around a zoom counts too: there may be many times as many sessions as in sight.
    this.#drawn.detail = detailOf(ahead ? { ...shown, view: this.#viewOf(...piece, shown) } : shown);
    this.#release(this.#pieces.splice(0));
    this.#pieces.push(this.#piece(...piece, shown));
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

  /** Return the view of a piece, at the scale at which pieces are drawn. */
  #viewOf(left, width, { scale }) {
    const { top, height, perPosition, perRow } = this.#drawn;
    return Object.assign(new Viewport(), {
      perPosition, perRow, left: left / (perPosition * scale), top: top / (perRow * scale),
      width: width / scale, height: height / scale,
    });
  }

  /** Draw a piece, or what it shows from a position on. */
  #paint({ canvas, left }, shown, position = -Infinity) {
    const { scale } = shown;
    const { height, detail } = this.#drawn;
    const { width } = canvas;
    const seen = this.#viewOf(left, width, shown);
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
