// The moment that the whole page shows: now, or a position in the past.

/** The moment; `changed` listeners hear of each change, `settled` ones when it has come to rest. */
export class Moment extends EventTarget {
  #timer = 0;

  constructor() {
    super();
    this.position = null;
  }

  get live() {
    return this.position === null;
  }

  /** What requests send as `as_of`: nothing while live. */
  get asOf() {
    return this.position ?? undefined;
  }

  /** Go to a position; null is now. */
  go(position) {
    if (position === this.position) return;
    this.position = position;
    this.dispatchEvent(new Event("changed"));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.dispatchEvent(new Event("settled")), 200);
  }
}
