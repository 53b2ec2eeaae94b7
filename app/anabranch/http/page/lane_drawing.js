// The drawing of lanes: bars, the curves where they branch and merge, insights, and tasks.
//
// A piece of the lanes is drawn as it would be within a larger one, so that pieces fit together, and a
// part of a piece as it would be within the whole: nothing drawn depends on what was left out.

import { barColour } from "./palette.js";
import { endOf } from "./rows.js";

const LABEL_FROM = 17; // Pixels a row.
const CURVE_FROM = 4;
const MARK_FROM = 7;
// Sessions in sight: round bars, curves (of more, only where they branch is shown), labels, and dashes
// along curves, which take ten times as long as the curve itself.
const LEVELS = [3000, 1500, 500, 150];
const [ROUND, CURVES, LABELS, DASHES_ON] = [1, 2, 3, 4];
const LABEL_LENGTH_MAX = 160;
const LETTER = 5.6; // Pixels.
const LABEL_MAX = 2000; // Pixels.
const HAIR = 1e-6; // Pixels: reckoned from another left, a whole number of them is a hair more or less.
export const AROUND = 32; // Pixels: so far a bend, a mark or a sign stands from its position.
export const OVERHANG = 16; // Pixels that a label rises above its row.
const DASHES = { waiting: [2, 4], joins: [3, 3] };
export const FONT = "11px system-ui, sans-serif";

/** Return what is shown of the lanes in a view: the fewer are in sight, the more of each, and the higher its level. */
export function detailOf({ history, view, at }) {
  const [rows, span] = [rowsOf(history, view), spanOf(view, at)];
  let count = 0;
  for (let row = rows[0]; row < rows[1]; row += 1) {
    count += history.rows.at(row, span[1]) - Math.max(history.rows.at(row, span[0]), 0) + 1;
  }
  const { perRow } = view;
  const level = LEVELS.filter((most) => count <= most).length;
  const few = level >= CURVES;
  return { level, brackets: !few, curves: few && perRow >= CURVE_FROM, dashes: level >= DASHES_ON, round: level >= ROUND,
    marks: few && perRow >= MARK_FROM, labels: level >= LABELS && perRow >= LABEL_FROM };
}

function rowsOf(history, view) {
  return [Math.max(view.row(0), 0), Math.min(view.row(view.height + OVERHANG) + 1, history.rows.count)];
}

/** Return the positions between two points, none after a moment: what began before it may reach beyond. */
function spanOf(view, at, left = 0, right = view.width) {
  return [left, right].map((x) => Math.min(view.position(x), at));
}

/** What is drawn: a history at a position, with the sessions that are lit (null: all), from `left` in the view on. */
export class LaneDrawing {
  constructor(ctx, { history, view, scale, colours, at, lit, detail, left = 0 }) {
    Object.assign(this, { ctx, history, view, scale, colours, at, lit, detail, left });
    this.rows = rowsOf(history, view);
    this.all = [0, history.rows.count]; // Lines between rows are seen where neither of these is.
    const around = detail.brackets ? 4 : AROUND; // From far there are bars alone.
    this.span = spanOf(view, at, left - around, view.width + around);
  }

  /** Draw everything, the lit above the others. */
  draw() {
    const { detail } = this;
    if (detail.brackets) this.#brackets();
    if (detail.curves) {
      this.#forks();
      this.#joins();
    }
    this.#bars();
    if (detail.marks) this.#marks();
    if (detail.labels) this.#labels();
  }

  /** Show from far where sessions branch: a line from each down to its lowest branch. */
  #brackets() {
    const { ctx, view, scale } = this;
    ctx.fillStyle = this.colours.line;
    ctx.beginPath();
    for (const lane of this.lanes(this.all)) {
      const parent = this.history.sessions.get(lane.parent);
      if (parent?.children[0] !== lane) continue;
      ctx.rect(Math.round(view.x(lane.opened) * scale) / scale, view.y(parent.row), 1, (parent.lowest - parent.row) * view.perRow);
    }
    ctx.fill();
  }

  /** Yield the sessions that are to be drawn, row by row. */
  *lanes(rows = this.rows) {
    for (let row = rows[0]; row < rows[1]; row += 1) {
      const lanes = this.history.rows.lanes[row];
      const from = Math.max(this.history.rows.at(row, this.span[0]), 0);
      for (let at = from; at < lanes.length && lanes[at].opened <= this.span[1]; at += 1) yield lanes[at];
    }
  }

  /** Return the position up to which a bar is drawn. */
  end(lane) {
    return Math.min(endOf(lane), this.at);
  }

  #isLit(lane) {
    return this.lit === null || this.lit.has(lane.id);
  }

  #bars() {
    const { ctx, view } = this;
    const thick = view.perRow >= LABEL_FROM ? 5 : Math.max(Math.min(view.perRow * 0.6, 6), 0.6);
    const round = thick >= 4 && this.detail.round;
    const groups = new Map();
    const waiting = new Path2D();
    let [lastRow, lastRight, lastGroup] = [-1, 0, null];
    for (const lane of this.lanes()) {
      const status = this.history.statusAt(lane, this.at);
      const left = view.x(lane.opened);
      const right = this.#right(lane, left, round);
      if (view.perRow >= CURVE_FROM && (status === "running" || status === "pending")) {
        const y = view.y(lane.row);
        waiting.moveTo(this.#dashed(right, "waiting"), y);
        waiting.lineTo(Math.min(Math.max(view.x(this.at), right + 6), view.width + AROUND), y);
      }
      if (right < this.left - AROUND) continue;
      const key = `${this.#isLit(lane)}|${barColour(this.colours, status)}`;
      // What falls into the pixels of its neighbour is seen already.
      if (lane.row === lastRow && right <= lastRight && key === lastGroup) continue;
      [lastRow, lastRight, lastGroup] = [lane.row, right, key];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(left, view.y(lane.row) - thick / 2, right - left);
    }
    for (const key of [...groups.keys()].sort()) this.#fill(key, groups.get(key), thick, round);
    ctx.strokeStyle = this.colours["ink-3"];
    ctx.lineWidth = 1;
    ctx.setLineDash(DASHES.waiting);
    ctx.stroke(waiting);
    ctx.setLineDash([]);
  }

  /** Return where a bar ends; of what is not round, at the end of a pixel, so that many fall into their neighbours. */
  #right(lane, left, round) {
    const right = Math.max(this.view.x(this.end(lane)), left + 2);
    return round ? right : Math.ceil(right * this.scale - HAIR) / this.scale;
  }

  /** Return where a dashed line that begins at `x` is to be begun: no dash is made far out of sight. */
  #dashed(x, kind) {
    const period = DASHES[kind][0] + DASHES[kind][1];
    return x + Math.max(Math.floor((this.left - AROUND - x) / period), 0) * period;
  }

  #fill(key, boxes, thick, round) {
    const { ctx } = this;
    const [lit, colour] = key.split("|");
    ctx.fillStyle = colour;
    ctx.globalAlpha = lit === "true" ? 1 : 0.22;
    ctx.beginPath();
    for (let at = 0; at < boxes.length; at += 3) {
      if (round) ctx.roundRect(boxes[at], boxes[at + 1], boxes[at + 2], thick, thick / 2);
      else ctx.rect(boxes[at], boxes[at + 1], boxes[at + 2], thick);
    }
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  #forks() {
    const [lit, others] = [new Path2D(), new Path2D()];
    for (const lane of this.lanes(this.all)) {
      const parent = this.history.sessions.get(lane.parent);
      if (!parent) continue;
      const x = this.view.x(lane.opened);
      if (x < this.left - AROUND) continue;
      const from = Math.min(this.view.x(lane.forked ?? lane.opened), x - 8);
      bend(this.#isLit(lane) ? lit : others, Math.max(from, x - 26), this.view.y(parent.row), x, this.view.y(lane.row));
    }
    this.#stroke(lit, others, this.colours.bar, []);
  }

  #joins() {
    const [lit, others] = [new Path2D(), new Path2D()];
    for (const join of this.history.joins) {
      if (join.position > this.at || join.position < this.span[0] || join.first > this.span[1]) continue;
      const root = this.history.sessions.get(join.root);
      if (!root) continue;
      for (const id of join.sessions) {
        const lane = this.history.sessions.get(id);
        if (lane && lane !== root) this.#join(this.#isLit(lane) ? lit : others, lane, root, join.position);
      }
    }
    this.#stroke(lit, others, this.colours.bar, this.detail.dashes ? DASHES.joins : []);
  }

  #join(path, lane, root, position) {
    const { view } = this;
    const [x, y] = [view.x(position), view.y(lane.row)];
    const from = Math.max(view.x(Math.min(this.end(lane), position)), view.x(lane.opened) + 2);
    const turn = Math.max(from, x - 26);
    if (from > view.width + AROUND) return;
    path.moveTo(Math.min(this.#dashed(from, "joins"), turn), y);
    path.lineTo(turn, y);
    if (turn <= view.width + AROUND) bend(path, turn, y, Math.max(x, turn + 6), view.y(root.row));
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
        if (mark.position > Math.min(this.at, lane.room) || x - last < size) continue;
        last = x;
        if (x < this.left - AROUND || x > view.width + AROUND) continue;
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
      writeLabel(ctx, this, lane, view.x(lane.opened));
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

/** Return what there is room for of a label that begins at `left`. */
export function labelWithin(shown, lane, left) {
  const room = Math.min(Math.floor(roomFor(shown, lane, left) / LETTER), LABEL_LENGTH_MAX);
  return room < 6 ? "" : cut(labelOf(lane), room);
}

/** Write what there is room for of a label, narrower where its letters are wide. */
export function writeLabel(ctx, shown, lane, left) {
  const label = labelWithin(shown, lane, left);
  if (!label) return;
  ctx.fillStyle = labelColour(shown, lane);
  ctx.fillText(label, left, shown.view.y(lane.row) - 5, Math.min(roomFor(shown, lane, left), LABEL_MAX));
}

/** Return the pixels from `left` to the next session in a row. */
function roomFor({ history, view, at }, lane, left) {
  const next = history.rows.lanes[lane.row][history.rows.at(lane.row, lane.opened) + 1];
  return next && next.opened <= at ? view.x(next.opened) - 26 - left : Infinity;
}

/** Return about where a label ends that begins at `left`. */
export function labelEnd(label, left) {
  return left + label.length * LETTER;
}

function labelColour({ colours, lit }, lane) {
  return lit === null || lit.has(lane.id) ? colours["ink-2"] : colours["ink-3"];
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
