// The viewport: which positions and rows are seen, and where each of them is on the canvas.

const PAD = 28;
const ROW_MAX = 30;
const ROW_FIT_MAX = 26;
const STEP_MAX = 60;
const FOOT = 8;
const LABEL = 200; // Pixels after a point, for what is written there.
export const TOP = 30;

/** Turns positions and rows into points, and is moved by panning and zooming. */
export class Viewport {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.left = 0; // The position at the left edge.
    this.top = 0; // The row at the upper edge.
    this.perPosition = 1; // Pixels.
    this.perRow = ROW_FIT_MAX; // Pixels.
    this.fitted = true;
  }

  x(position) {
    return (position - this.left) * this.perPosition;
  }

  y(row) {
    return TOP + (row - this.top + 0.5) * this.perRow;
  }

  position(x) {
    return this.left + x / this.perPosition;
  }

  row(y) {
    return Math.floor((y - TOP) / this.perRow + this.top);
  }

  /** Show all positions and all rows. */
  fit({ first, last, rows }) {
    const span = Math.max(last - first, 1);
    this.perPosition = Math.min((this.width - 2 * PAD) / span, STEP_MAX);
    this.perRow = Math.min((this.height - TOP - PAD) / Math.max(rows, 1), ROW_FIT_MAX);
    this.left = first - PAD / this.perPosition;
    this.top = 0;
    this.fitted = true;
  }

  pan(dx, dy) {
    this.left -= dx / this.perPosition;
    this.top = Math.max(this.top - dy / this.perRow, -2);
    this.fitted = false;
  }

  /** Zoom about a point; `along` only along the positions. */
  zoom(factor, x, y, { along = false } = {}) {
    const [position, row] = [this.position(x), (y - TOP) / this.perRow + this.top];
    this.perPosition = clamp(this.perPosition * factor, 1e-6, STEP_MAX);
    if (!along) this.perRow = clamp(this.perRow * factor, 0.01, ROW_MAX);
    this.left = position - x / this.perPosition;
    this.top = Math.max(row - (y - TOP) / this.perRow, -2);
    this.fitted = false;
  }

  /** Move so that a point of the picture is seen, near enough to read. */
  reveal(position, row) {
    this.perRow = Math.max(this.perRow, 18);
    this.perPosition = Math.max(this.perPosition, 0.5);
    const [x, y] = [this.x(position), this.y(row)];
    if (x < 16 || x > this.width - Math.min(LABEL, this.width / 3)) this.left = position - (this.width * 0.6) / this.perPosition;
    if (y < TOP + 20 || y > this.height - 30) {
      this.top = Math.max(row - (this.height * 0.4) / this.perRow, -2);
    }
    this.fitted = false;
  }

  /** Show the positions between two. */
  show(from, to) {
    this.perPosition = clamp(this.width / Math.max(to - from, 1), 1e-6, STEP_MAX);
    this.left = from;
    this.fitted = false;
  }

  /** Move so that a point of the picture is in the middle. */
  centre(position, row) {
    this.left = position - this.width / 2 / this.perPosition;
    this.top = Math.max(row - (this.height - TOP) / 2 / this.perRow, -2);
    this.fitted = false;
  }

  /** Move back, where they are out of sight, until an edge of the positions is seen. */
  keepAlong(first, last) {
    const [least, most] = [first - (this.width - PAD) / this.perPosition, last - PAD / this.perPosition];
    this.left = clamp(this.left, least, most);
  }

  /** Move, where none of some rows is in sight, until the nearest one is seen. */
  keepDown(rows) {
    const inSight = (this.height - FOOT - TOP) / this.perRow;
    const tops = rows.map((row) => clamp(this.top, row + 0.5 - inSight, row + 0.5));
    const far = (top) => Math.abs(top - this.top);
    this.top = tops.reduce((best, top) => (far(top) < far(best) ? top : best), tops[0] ?? this.top);
  }

  /** Tell whether all positions and all rows are seen, with so many pixels after them. */
  holds({ first, last, rows }, edge = 0) {
    return this.sees(first, 0) && this.sees(last + edge / this.perPosition, rows - 1);
  }

  /** Tell whether a point of the picture is seen. */
  sees(position, row) {
    const [x, y] = [this.x(position), this.y(row)];
    return x >= 0 && x <= this.width && y >= TOP && y <= this.height;
  }

  /** Return what a picture depends on. */
  get state() {
    return { left: this.left, top: this.top, perPosition: this.perPosition, perRow: this.perRow };
  }
}

export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
