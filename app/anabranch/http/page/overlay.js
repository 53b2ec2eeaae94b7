// What is drawn over the lanes in each frame: the axis, the moment, the selection, recall's path.

import { number, time } from "./format.js";
import { diamond, FONT, labelEnd, labelWithin, writeLabel } from "./lane_drawing.js";
import { endOf, needs } from "./rows.js";
import { TOP } from "./viewport.js";

const TICK_APART = 130; // Pixels.
const EDGE = 6; // Pixels.
const BADGE = 7.5; // Pixels.
const NAMED_FROM = 80; // Pixels: names of shorter links would hide one another.

/** Draws above the picture of the lanes; `focus` says what stands out. */
export class Overlay {
  constructor(ctx, { history, view, colours, at, live, focus, detail }) {
    Object.assign(this, { ctx, history, view, colours, at, live, focus, detail, lit: focus.lit });
  }

  draw() {
    if (this.detail.labels) this.#labels();
    this.#links();
    this.#selection();
    this.#hits();
    this.#now();
    this.#span();
    this.#axis();
  }

  /** Mark the positions that are being chosen. */
  #span() {
    const { ctx, view, colours, focus } = this;
    if (!focus.span) return;
    const [left, right] = focus.span;
    ctx.fillStyle = colours.accent;
    ctx.globalAlpha = 0.16;
    ctx.fillRect(left, TOP - 6, right - left, view.height);
    ctx.globalAlpha = 1;
  }

  #point(insightId) {
    const mark = this.history.insights.get(insightId);
    const lane = mark && this.history.sessions.get(mark.session);
    return lane && mark.position <= this.at ? [this.view.x(mark.position), this.view.y(lane.row)] : null;
  }

  /** Say at the left edge what goes on in each row whose label is out of sight. */
  #labels() {
    const { ctx, history, view, at } = this;
    ctx.font = FONT;
    ctx.textBaseline = "alphabetic";
    const rows = Math.min(view.row(view.height) + 1, history.rows.count);
    for (let row = Math.max(view.row(0), 0); row < rows; row += 1) {
      const lane = history.rows.lanes[row][history.rows.at(row, Math.min(view.position(EDGE), at))];
      if (!lane || view.x(Math.min(needs(lane), at)) < EDGE) continue;
      const left = view.x(lane.opened);
      if (labelEnd(labelWithin(this, lane, left), left) > EDGE) continue;
      writeLabel(ctx, this, lane, EDGE);
    }
  }

  #axis() {
    const { ctx, view, colours } = this;
    ctx.fillStyle = colours.surface;
    ctx.fillRect(0, 0, view.width, TOP - 6);
    ctx.fillStyle = colours["ink-3"];
    ctx.strokeStyle = colours.line;
    ctx.lineWidth = 1;
    ctx.font = "10.5px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    const step = niceStep(TICK_APART / view.perPosition);
    const from = Math.max(Math.ceil(view.position(0) / step) * step, step);
    for (let position = from; view.x(position) < view.width; position += step) {
      const x = Math.round(view.x(position)) + 0.5;
      const when = position <= this.history.position ? this.history.timeAt(position) : null;
      const shown = when === null ? "" : `  ${time(when).slice(-8)}`;
      ctx.fillText(`#${number(position)}${shown}`, x + 5, 12);
      ctx.beginPath();
      ctx.moveTo(x, 4);
      ctx.lineTo(x, TOP - 6);
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.moveTo(0, TOP - 6.5);
    ctx.lineTo(view.width, TOP - 6.5);
    ctx.stroke();
  }

  #now() {
    const { ctx, view, colours } = this;
    const x = Math.round(view.x(this.at)) + 0.5;
    ctx.strokeStyle = this.live ? colours.line : colours.warn;
    ctx.lineWidth = this.live ? 1 : 1.5;
    ctx.beginPath();
    ctx.moveTo(x, TOP - 6);
    ctx.lineTo(x, view.height);
    ctx.stroke();
  }

  #selection() {
    const { ctx, view, colours, focus } = this;
    const lane = this.history.sessions.get(focus.session);
    if (lane && lane.opened <= this.at) {
      const end = Math.min(endOf(lane), this.at);
      const [left, y] = [view.x(lane.opened), view.y(lane.row)];
      ctx.strokeStyle = colours.accent;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      ctx.roundRect(left - 4, y - 6, Math.max(view.x(end) - left, 2) + 8, 12, 6);
      ctx.stroke();
    }
    if (focus.insight) this.#ring(focus.insight, colours.accent, 9);
    if (focus.hover && focus.hover !== focus.insight) this.#ring(focus.hover, colours["ink-2"], 8);
  }

  #ring(insightId, colour, size) {
    const point = this.#point(insightId);
    if (!point) return;
    const path = new Path2D();
    diamond(path, ...point, size);
    this.ctx.strokeStyle = colour;
    this.ctx.lineWidth = 1.75;
    this.ctx.stroke(path);
  }

  /** Draw the associations of the selected insight, and the hops of a recall. */
  #links() {
    const { ctx, colours, focus } = this;
    for (const link of focus.links) {
      const [from, to] = [this.#point(link.from), this.#point(link.to)];
      if (!from || !to) continue;
      const lift = Math.min(80, 18 + Math.abs(to[0] - from[0]) / 6);
      ctx.lineWidth = 1 + Math.min(link.weight ?? 0.3, 1);
      // The hops of a whole recall are many: those of one hit stand out when it is pointed at.
      ctx.globalAlpha = !focus.hits.length || link.to === focus.hover ? 1 : focus.hover ? 0.1 : 0.35;
      ctx.strokeStyle = link.against ? colours.bad : colours.accent;
      ctx.setLineDash(link.path ? [1, 4] : [6, 3]);
      ctx.beginPath();
      ctx.moveTo(...from);
      ctx.bezierCurveTo(from[0], from[1] - lift, to[0], to[1] - lift, ...to);
      ctx.stroke();
      const named = link.kind && ctx.globalAlpha === 1 && Math.abs(to[0] - from[0]) > NAMED_FROM;
      if (named) this.#name(link, (from[0] + to[0]) / 2, (from[1] + to[1]) / 2 - lift * 0.75);
    }
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  /** Write the kind of a link at its middle. */
  #name({ kind, against }, x, y) {
    const { ctx, colours } = this;
    ctx.font = "10.5px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.setLineDash([]);
    ctx.lineWidth = 4;
    ctx.strokeStyle = colours.surface;
    ctx.strokeText(kind.replaceAll("_", " "), x, y);
    ctx.fillStyle = against ? colours.bad : colours.accent;
    ctx.fillText(kind.replaceAll("_", " "), x, y);
    ctx.textAlign = "start";
  }

  /** Draw the hits of a recall with their ranks. */
  #hits() {
    const { ctx, colours, focus, view } = this;
    // Between its own row's label and the next one's, where there is room.
    const lift = this.detail.labels ? Math.min(Math.max(view.perRow - 20, 0), BADGE - 1) : 0;
    ctx.font = "600 10px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    [...focus.hits].reverse().forEach((id, back) => {
      const rank = focus.hits.length - back;
      const point = this.#point(id);
      if (!point) return;
      const y = point[1] + lift;
      ctx.beginPath();
      ctx.arc(point[0], y, BADGE, 0, 2 * Math.PI);
      ctx.fillStyle = colours.accent;
      ctx.fill();
      ctx.fillStyle = colours.surface;
      ctx.fillText(String(rank), point[0], y + 0.5);
    });
    ctx.textAlign = "start";
  }
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? 10 * power;
}
