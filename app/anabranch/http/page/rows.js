// Rows for lanes: each session gets one when it begins, and never moves.

const GAP = 1;
const LONE_TASK = "Remember";
export const FORGOTTEN = "(forgotten)"; // The graph has it in place of a task, too.

/** Tell whether an open session holds no row: a lone `remember` opened it, or it was forgotten. */
export function isLone(lane) {
  return lane.parent === null && lane.status === "open" && [LONE_TASK, FORGOTTEN].includes(lane.task);
}

/** Return the position up to which a session needs its row. */
export function needs(lane) {
  if (lane.ended !== null) return lane.ended;
  return isLone(lane) ? lane.updated : Infinity;
}

/** Return the position up to which a session's bar is drawn: never into the next one's in its row. */
export function endOf(lane) {
  return Math.min(lane.ended ?? lane.updated, lane.room);
}

/** Gives each session the nearest free row: roots from the top, branches from below their parent. */
export class Rows {
  constructor() {
    this.until = [];
    this.lanes = [];
  }

  get count() {
    return this.lanes.length;
  }

  /** Place a session that began after all that were placed before; return the one before it in its row. */
  place(lane, parent) {
    let row = parent ? parent.row + 1 : 0;
    while (row < this.until.length && this.until[row] + GAP >= lane.opened) row += 1;
    Object.assign(lane, { row, room: Infinity });
    while (this.lanes.length <= row) {
      this.lanes.push([]);
      this.until.push(-Infinity);
    }
    const before = this.lanes[row].at(-1);
    if (before) before.room = lane.opened - GAP;
    this.lanes[row].push(lane);
    this.until[row] = needs(lane);
    return before;
  }

  /** Note that a session has ended, or goes on: its row may be given to others, or not. */
  note(lane) {
    if (this.lanes[lane.row].at(-1) === lane) this.until[lane.row] = needs(lane);
  }

  /** Return the rows in which there is a bar between two positions. */
  between(from, to) {
    const rows = this.lanes.map((lanes, row) => [row, lanes[this.at(row, to)]]);
    return rows.filter(([, lane]) => lane && endOf(lane) >= from).map(([row]) => row);
  }

  /** Return the index in a row of the last session that began at or before a position, or -1. */
  at(row, position) {
    const lanes = this.lanes[row] ?? [];
    let [low, high] = [0, lanes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lanes[middle].opened <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
