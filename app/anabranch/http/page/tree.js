// The tree of sessions beside the canvas: the same lanes for keys and for screen readers.

import { byId, el, empty } from "./elements.js";
import { status } from "./format.js";
import { labelOf } from "./lane_drawing.js";

const ROW = 28; // Pixels; as in the style sheet.
const AROUND = 8;

/** Shows the sessions as of the moment; only the items in sight are in the document. */
export class SessionTree {
  #items = [];
  #asked = false;

  constructor({ history, moment, onpick, onopen }) {
    Object.assign(this, { history, moment, onpick, onopen });
    this.scroller = byId("tree");
    this.list = el("div", { class: "tree-items", role: "presentation" });
    this.scroller.append(this.list);
    this.collapsed = new Set();
    this.wanted = "";
    this.active = null;
    this.scroller.addEventListener("scroll", () => this.#ask());
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    byId("filter").addEventListener("input", (event) => {
      this.wanted = event.target.value.trim().toLowerCase();
      this.update();
    });
    new ResizeObserver(() => this.#ask()).observe(this.scroller);
  }

  get at() {
    return this.moment.position ?? this.history.position;
  }

  /** Take what is new, or the new moment. */
  update() {
    this.#items = this.wanted ? this.#matching() : this.#flattened();
    byId("tree-count").textContent = this.#items.length ? String(this.#items.length) : "";
    this.#ask();
  }

  /** Make a session the active one, and see to it that it is in sight. */
  choose(lane) {
    for (let one = this.history.sessions.get(lane.parent); one; one = this.history.sessions.get(one.parent)) {
      this.collapsed.delete(one.id);
    }
    this.active = lane.id;
    this.update();
    const index = this.#items.findIndex((item) => item.lane === lane);
    if (index < 0) return;
    const top = index * ROW;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    const over = top + ROW - this.scroller.clientHeight;
    if (over > this.scroller.scrollTop) this.scroller.scrollTop = over;
  }

  /** Move the active session by so many items, and pick it. */
  move(by) {
    const index = this.#items.findIndex((item) => item.lane.id === this.active);
    const next = this.#items[Math.min(Math.max(index + by, 0), this.#items.length - 1)];
    if (next) this.onpick(next.lane);
  }

  /** Fold the active session's branches away, or show them again. */
  fold() {
    const lane = this.history.sessions.get(this.active);
    if (!lane?.children.length) return;
    if (!this.collapsed.delete(lane.id)) this.collapsed.add(lane.id);
    this.update();
  }

  #flattened() {
    const items = [];
    const add = (lanes, level) => lanes.forEach((lane, at) => {
      items.push({ lane, level, at, of: lanes.length });
      if (!this.collapsed.has(lane.id)) add(this.#begun(lane.children), level + 1);
    });
    add(this.#begun(this.history.roots).reverse(), 1);
    return items;
  }

  #matching() {
    const found = this.#begun(this.history.order).reverse().filter((lane) =>
      `${labelOf(lane)} ${lane.agent ?? ""} ${lane.status} ${lane.id}`.toLowerCase().includes(this.wanted));
    return found.map((lane, at) => ({ lane, level: 1, at, of: found.length }));
  }

  #begun(lanes) {
    return lanes.filter((lane) => lane.opened <= this.at);
  }

  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw() {
    const from = Math.max(Math.floor(this.scroller.scrollTop / ROW) - AROUND, 0);
    const to = Math.min(Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / ROW) + AROUND, this.#items.length);
    this.list.style.height = `${this.#items.length * ROW}px`;
    const shown = [];
    for (let at = from; at < to; at += 1) shown.push(this.#item(this.#items[at], at));
    if (!this.#items.length && this.history.complete) shown.push(this.#nothing());
    this.list.replaceChildren(...shown);
    const active = this.#items.findIndex((item) => item.lane.id === this.active);
    if (active >= from && active < to) this.scroller.setAttribute("aria-activedescendant", `session-${this.active}`);
    else this.scroller.removeAttribute("aria-activedescendant");
    this.scroller.setAttribute("role", this.#items.length ? "tree" : "group");
  }

  #item({ lane, level, at, of }, index) {
    const shown = this.history.statusAt(lane, this.at);
    const branches = this.wanted ? [] : this.#begun(lane.children);
    const open = branches.length ? !this.collapsed.has(lane.id) : undefined;
    const found = lane.marks.filter((mark) => mark.position <= this.at).length;
    const item = el("div", {
      id: `session-${lane.id}`, class: "tree-item", role: "treeitem", "aria-level": level, "aria-posinset": at + 1,
      "aria-setsize": of, "aria-expanded": open, "aria-selected": String(lane.id === this.active),
      "data-status": shown, onclick: () => this.onpick(lane),
    },
    el("span", { class: "twist", "aria-hidden": "true", onclick: (event) => this.#twist(event, lane) }, open === undefined ? "" : open ? "▾" : "▸"),
    el("span", { class: "dot", "aria-hidden": "true" }),
    el("span", { class: "tree-task" }, labelOf(lane)),
    found ? el("span", { class: "tree-found", "aria-label": `${found} insights` }, `◆${found}`) : null,
    el("span", { class: "tree-status" }, status(shown)));
    item.style.top = `${index * ROW}px`;
    item.style.paddingInlineStart = `${8 + Math.min(level - 1, 8) * 14}px`;
    return item;
  }

  #nothing() {
    if (this.wanted) return empty("No session matches", "The filter looks at tasks, roles, agents, statuses and ids.");
    if (!this.moment.live) return empty("Nothing had begun yet", "Move the scrubber to the right.");
    const { namespace } = this.history;
    return empty("No sessions yet",
      `They appear here as they begin, in the namespace ${namespace}; another one can be named above. From a terminal, from Python, and by an agent:`,
      `anabranch remember "The lock sticks" -N ${namespace}`,
      `await memory.remember("The lock sticks")`,
      "anabranch mcp install claude");
  }

  #twist(event, lane) {
    event.stopPropagation();
    if (!this.collapsed.delete(lane.id)) this.collapsed.add(lane.id);
    this.update();
  }

  #key(event) {
    const lane = this.history.sessions.get(this.active);
    const parent = lane && this.history.sessions.get(lane.parent);
    const acts = {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      PageDown: () => this.move(20),
      PageUp: () => this.move(-20),
      Home: () => this.move(-Infinity),
      End: () => this.move(Infinity),
      ArrowRight: () => (lane && this.collapsed.delete(lane.id) ? this.update() : this.move(1)),
      ArrowLeft: () => {
        if (lane?.children.length && !this.collapsed.has(lane.id)) {
          this.collapsed.add(lane.id);
          this.update();
        } else if (parent) this.onpick(parent);
      },
      Enter: () => lane && this.onopen(lane),
    };
    if (!acts[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }
}
