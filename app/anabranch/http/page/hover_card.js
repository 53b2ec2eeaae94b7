// The card beside the pointer: what is under it.

import { byId, el } from "./elements.js";
import { count, position, status } from "./format.js";
import { labelOf } from "./lane_drawing.js";

/** Shows a few words on the session or the insight under the pointer. */
export class HoverCard {
  constructor(page) {
    this.page = page;
    this.element = byId("hover-card");
  }

  /** Show what was found under the pointer; nothing hides the card. */
  show(found, event) {
    byId("lanes").classList.toggle("over", Boolean(found));
    this.element.hidden = !found;
    if (!found) return;
    const { lane, mark } = found;
    const { history, moment } = this.page;
    const at = moment.position ?? history.position;
    const marks = lane.marks.filter((one) => one.position <= at).length;
    this.element.replaceChildren(...(mark
      ? [el("b", {}, mark.text || `${mark.kind} of “${lane.task}”`), el("span", {}, `${mark.kind} · ${position(mark.position)}`)]
      : [el("b", {}, labelOf(lane)), el("span", {}, `${status(history.statusAt(lane, at))} · ${position(lane.opened)}${marks ? ` · ${count(marks, "insight")}` : ""}${lane.children.length ? ` · ${count(lane.children.length, "branch", "branches")}` : ""}`)]));
    const box = byId("lanes").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    this.element.style.left = `${Math.min(x + 14, box.width - this.element.offsetWidth - 8)}px`;
    this.element.style.top = `${y + 18 + this.element.offsetHeight > box.height ? y - this.element.offsetHeight - 10 : y + 18}px`;
  }
}
