// The drawing of lanes: bars, the curves where they branch and merge, insights, and tasks.

import { barColour } from "./palette.js";

const LABEL_FROM = 17; // Pixels a row.
const CURVE_FROM = 4;
const MARK_FROM = 7;
const CURVES_MAX = 1500; // Sessions in sight; of more, only where they branch is shown.
const LABELS_MAX = 500;
const FONT = "11px system-ui, sans-serif";

/** What is drawn: a history at a position, with the sessions that are lit (null: all of them). */
export class LaneDrawing {
  constructor(ctx, { history, view, colours, at, lit }) {
    Object.assign(this, { ctx, history, view, colours, at, lit });
    const rows = history.rows.count;
    this.rows = [Math.max(view.row(0), 0), Math.min(view.row(view.height) + 1, rows)];
    this.span = [view.position(0), Math.min(view.position(view.width), at)];
    this.count = this.#counted();
  }

  /** Draw everything, the lit above the others. */
  draw() {
    const { perRow } = this.view;
    if (this.count > CURVES_MAX) this.#brackets();
    else if (perRow >= CURVE_FROM) {
      this.#forks();
      this.#joins();
    }
    this.#bars();
    if (perRow >= MARK_FROM && this.count <= CURVES_MAX) this.#marks();
    if (perRow >= LABEL_FROM && this.count <= LABELS_MAX) this.#labels();
  }

  /** Return how many sessions are in sight. */
  #counted() {
    const { rows } = this.history;
    let count = 0;
    for (let row = this.rows[0]; row < this.rows[1]; row += 1) {
      count += rows.at(row, this.span[1]) - Math.max(rows.at(row, this.span[0]), 0) + 1;
    }
    return count;
  }

  /** Show from far where sessions branch: a line from each down to its lowest branch. */
  #brackets() {
    const { ctx, view } = this;
    ctx.fillStyle = this.colours.line;
    ctx.beginPath();
    for (const lane of this.lanes()) {
      const [first] = lane.children;
      if (!first || first.opened > this.at) continue;
      ctx.rect(Math.round(view.x(first.opened)), view.y(lane.row), 1, (lane.lowest - lane.row) * view.perRow);
    }
    ctx.fill();
  }

  /** Call `each` with the sessions in sight, row by row. */
  *lanes() {
    for (let row = this.rows[0]; row < this.rows[1]; row += 1) {
      const lanes = this.history.rows.lanes[row];
      const from = Math.max(this.history.rows.at(row, this.span[0]), 0);
      for (let at = from; at < lanes.length && lanes[at].opened <= this.span[1]; at += 1) yield lanes[at];
    }
  }

  /** Return the position up to which a bar is drawn. */
  end(lane) {
    return Math.min(lane.ended ?? lane.updated, this.at);
  }

  #isLit(lane) {
    return this.lit === null || this.lit.has(lane.id);
  }

  #bars() {
    const { ctx, view } = this;
    const thick = view.perRow >= LABEL_FROM ? 5 : Math.max(Math.min(view.perRow * 0.6, 6), 0.6);
    const groups = new Map();
    const waiting = new Path2D();
    let [lastRow, lastRight, lastGroup] = [-1, 0, null];
    for (const lane of this.lanes()) {
      const status = this.history.statusAt(lane, this.at);
      const left = view.x(lane.opened);
      const right = Math.max(view.x(this.end(lane)), left + 2);
      if (right < 0) continue;
      const key = `${barColour(this.colours, status)}|${this.#isLit(lane)}`;
      // What falls into the pixels of its neighbour is seen already.
      if (lane.row === lastRow && right <= lastRight + 1 && key === lastGroup) continue;
      [lastRow, lastRight, lastGroup] = [lane.row, right, key];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(left, view.y(lane.row) - thick / 2, right - left);
      if (view.perRow >= CURVE_FROM && (status === "running" || status === "pending")) {
        waiting.moveTo(right, view.y(lane.row));
        waiting.lineTo(Math.max(view.x(this.at), right + 6), view.y(lane.row));
      }
    }
    for (const [key, boxes] of groups) this.#fill(key, boxes, thick);
    ctx.strokeStyle = this.colours["ink-3"];
    ctx.lineWidth = 1;
    ctx.setLineDash([2, 4]);
    ctx.stroke(waiting);
    ctx.setLineDash([]);
  }

  #fill(key, boxes, thick) {
    const { ctx } = this;
    const [colour, lit] = key.split("|");
    ctx.fillStyle = colour;
    ctx.globalAlpha = lit === "true" ? 1 : 0.22;
    ctx.beginPath();
    const round = thick >= 4 && boxes.length < 9000;
    for (let at = 0; at < boxes.length; at += 3) {
      if (round) ctx.roundRect(boxes[at], boxes[at + 1], boxes[at + 2], thick, thick / 2);
      else ctx.rect(boxes[at], boxes[at + 1], boxes[at + 2], thick);
    }
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  #forks() {
    const [lit, others] = [new Path2D(), new Path2D()];
    for (const lane of this.lanes()) {
      const parent = this.history.sessions.get(lane.parent);
      if (!parent) continue;
      const x = this.view.x(lane.opened);
      if (x < -50) continue;
      const from = Math.min(this.view.x(lane.forked ?? lane.opened), x - 8);
      bend(this.#isLit(lane) ? lit : others, Math.max(from, x - 26), this.view.y(parent.row), x, this.view.y(lane.row));
    }
    this.#stroke(lit, others, this.colours.bar, []);
  }

  #joins() {
    const [lit, others] = [new Path2D(), new Path2D()];
    for (const join of this.history.joins) {
      if (join.position > this.span[1] || join.position < this.span[0]) continue;
      const root = this.history.sessions.get(join.root);
      if (!root) continue;
      const x = this.view.x(join.position);
      for (const id of join.sessions) {
        const lane = this.history.sessions.get(id);
        if (!lane || lane === root) continue;
        const path = this.#isLit(lane) ? lit : others;
        const [from, y] = [Math.max(this.view.x(this.end(lane)), this.view.x(lane.opened) + 2), this.view.y(lane.row)];
        const turn = Math.max(from, x - 26);
        path.moveTo(from, y);
        path.lineTo(turn, y);
        bend(path, turn, y, Math.max(x, turn + 6), this.view.y(root.row));
      }
    }
    this.#stroke(lit, others, this.colours.bar, [3, 3]);
  }

  #stroke(lit, others, colour, dash) {
    const { ctx } = this;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.25;
    ctx.setLineDash(dash);
    ctx.globalAlpha = 0.18;
    ctx.stroke(others);
    ctx.globalAlpha = 0.8;
    ctx.stroke(lit);
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
  }

  #marks() {
    const { ctx, view, colours } = this;
    const size = view.perRow >= LABEL_FROM ? 4.5 : 3;
    const [held, retired, joined] = [new Path2D(), new Path2D(), new Path2D()];
    for (const lane of this.lanes()) {
      if (!this.#isLit(lane)) continue;
      let last = -Infinity;
      for (const mark of lane.marks) {
        const x = view.x(mark.position);
        if (mark.position > this.at || x - last < size) continue;
        last = x;
        diamond(mark.retired !== null && mark.retired <= this.at ? retired : held, x, view.y(lane.row), size);
      }
    }
    for (const join of this.history.joins) {
      const root = this.history.sessions.get(join.root);
      if (!root || join.position > this.span[1] || join.position < this.span[0] || !this.#isLit(root)) continue;
      joined.moveTo(view.x(join.position) + size + 1, view.y(root.row));
      joined.arc(view.x(join.position), view.y(root.row), size + 1, 0, 2 * Math.PI);
    }
    ctx.lineWidth = 1.25;
    ctx.fillStyle = colours.surface;
    ctx.strokeStyle = colours.ink;
    ctx.fill(joined);
    ctx.stroke(joined);
    ctx.strokeStyle = colours["ink-3"];
    ctx.fill(retired);
    ctx.stroke(retired);
    ctx.fillStyle = colours.ink;
    ctx.strokeStyle = colours.surface;
    ctx.stroke(held);
    ctx.fill(held);
  }

  #labels() {
    const { ctx, view } = this;
    ctx.font = FONT;
    ctx.textBaseline = "alphabetic";
    for (const lane of this.lanes()) {
      const next = this.history.rows.lanes[lane.row][this.history.rows.at(lane.row, lane.opened) + 1];
      const left = Math.max(view.x(lane.opened), 6);
      const right = Math.min(next && next.opened <= this.at ? view.x(next.opened) - 26 : view.width, view.width);
      const room = Math.floor((right - left) / 5.6);
      if (room < 6 || view.x(this.end(lane)) < left - 400) continue;
      ctx.fillStyle = this.#isLit(lane) ? this.colours["ink-2"] : this.colours["ink-3"];
      ctx.fillText(cut(labelOf(lane), room), left, view.y(lane.row) - 5);
      this.#sign(lane);
    }
  }

  /** Say by a sign, and not by colour alone, that a session ended badly, or elsewhere. */
  #sign(lane) {
    const status = this.history.statusAt(lane, this.at);
    const sign = { failed: "✕", dead_lettered: "✕", cancelled: "–", handed_off: "→" }[status];
    if (!sign) return;
    this.ctx.fillStyle = barColour(this.colours, status);
    this.ctx.fillText(sign, this.view.x(this.end(lane)) + 5, this.view.y(lane.row) + 4);
  }
}

export function labelOf(lane) {
  return lane.role ? `${lane.role}: ${lane.task}` : lane.task;
}

export function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, Math.max(most - 1, 1))}…`;
}

function bend(path, x0, y0, x1, y1) {
  const middle = (x0 + x1) / 2;
  path.moveTo(x0, y0);
  path.bezierCurveTo(middle, y0, middle, y1, x1, y1);
}

export function diamond(path, x, y, size) {
  path.moveTo(x, y - size);
  path.lineTo(x + size, y);
  path.lineTo(x, y + size);
  path.lineTo(x - size, y);
  path.closePath();
}
