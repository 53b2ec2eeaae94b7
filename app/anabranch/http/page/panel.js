// The panel beside the lanes: one view at a time, chosen by tabs.

import { byId, el } from "./elements.js";

/** Shows views by name; a view has a `title`, an `element`, and `refresh`, called when it is shown. */
export class Panel extends EventTarget {
  constructor(views) {
    super();
    this.views = views;
    this.tabs = byId("tabs");
    this.body = byId("panel");
    this.buttons = Object.entries(views).map(([name, view]) => el("button", {
      type: "button", id: `tab-${name}`, role: "tab", "aria-controls": "panel", onclick: () => this.show(name),
    }, view.title));
    this.tabs.append(...this.buttons);
    this.tabs.addEventListener("keydown", (event) => this.#key(event));
    this.name = null;
  }

  /** Show a view. */
  show(name, { focus = false } = {}) {
    const changed = this.name !== name;
    this.name = name;
    for (const one of this.buttons) {
      const chosen = one.id === `tab-${name}`;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
    }
    this.body.setAttribute("aria-labelledby", `tab-${name}`);
    if (changed) {
      this.body.replaceChildren(this.views[name].element);
      this.body.scrollTop = 0;
      this.dispatchEvent(new Event("shown"));
    }
    this.refresh();
    if (focus) (this.views[name].first ?? this.body).focus();
  }

  /** Have the view that is shown take the moment, and what is new. */
  refresh() {
    this.views[this.name]?.refresh();
  }

  /** Have all views let go of what may hold words that were just forgotten; `refresh` asks anew. */
  forget() {
    for (const view of Object.values(this.views)) (view.forget ?? view.clear).call(view);
  }

  /** Tell whether an event changes what the view shows. */
  concerns(event) {
    return this.views[this.name]?.concerns?.(event) ?? false;
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const names = Object.keys(this.views);
    const next = names[(names.indexOf(this.name) + step + names.length) % names.length];
    this.show(next);
    byId(`tab-${next}`).focus();
  }
}
