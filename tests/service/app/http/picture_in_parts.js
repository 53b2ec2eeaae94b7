// Histories that grow by chance, each drawn in parts as it grows, and drawn whole: where the two differ.

async ({ seeds, steps, limit }) => {
  const [{ History }, { Picture }, { Viewport }, { palette }] = await Promise.all(
    ["history", "picture", "viewport", "palette"].map((name) => import(`/page/${name}.js`)));
  const STATUSES = ["completed", "failed", "cancelled", "dead_lettered"];
  const colours = { ...palette(), line: "black", bar: "black", "ink-3": "black" }; // So that nothing is faint.
  const partial = { count: 0 };
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function clearRect(x, ...rest) {
    partial.count += x > 0 ? 1 : 0;
    return clear.call(this, x, ...rest);
  };

  /** Events as a namespace has them: sessions begin, branch, find, end, are joined; insights end. */
  class Fleet {
    constructor(chance) {
      Object.assign(this, { chance, crowd: 4 + Math.floor(chance() * 12), position: 0, made: 0, going: [], ended: [], insights: [] });
    }

    below(count) {
      return Math.floor(this.chance() * count);
    }

    one(list) {
      return list[this.below(list.length)];
    }

    next() {
      const kind = this.below(this.going.length < this.crowd ? 9 : 20);
      if (!this.going.length || kind < 2) return this.opens();
      const session = this.one(this.going);
      if (kind < 5) return this.branches(session);
      if (kind < 7) return this.finds(session);
      if (kind === 7 && this.insights.length) {
        return this.event(`insight.${this.one(["retracted", "expired", "forgotten"])}`, session.id, { insight_id: this.one(this.insights) });
      }
      if (kind === 8 && session.children.length) return this.joins(session);
      if (kind === 9) return this.event("session.forgotten", this.one([...this.going, ...this.ended]).id);
      if (kind === 10) return this.event("session.noted", this.one([...this.going, ...this.ended]).id);
      if (kind === 11 && session.parent) return this.event("branch.failed", session.id, { will_retry: true });
      if (kind === 12 && session.parent) return this.event("branch.started", session.id);
      return this.ends(session);
    }

    event(type, subject, data = {}) {
      this.position += 1 + (this.below(5) ? 0 : this.below(4));
      return { type: `anabranch.${type}.v1`, subject, data, position: this.position, time: "2026-01-02T03:04:05Z" };
    }

    begins(parent) {
      const session = { id: `s${(this.made += 1)}`, parent, children: [] };
      this.going.push(session);
      return session;
    }

    task() {
      return this.below(4) ? "Look at the lower gate ".repeat(1 + this.below(5)) : "Remember";
    }

    opens() {
      return this.event("session.opened", this.begins(null).id, { task: this.task() });
    }

    branches(parent) {
      const session = this.begins(parent);
      parent.children.push(session);
      return this.event("branch.created", session.id, {
        parent_id: parent.id, task: this.task(), role: "surveyor", forked_at: this.position - this.below(3) });
    }

    finds(session) {
      const id = `i${this.insights.length}`;
      this.insights.push(id);
      return this.event("insight.recorded", session.id, { insight_id: id, text: "It sticks" });
    }

    joins(session) {
      return this.event("consolidation.recorded", session.id, {
        consolidation_id: `c${this.position}`, root_id: session.id, text: "It is mapped", sources: [],
        sessions: session.children.filter(() => this.below(3)).map((child) => child.id) });
    }

    ends(session) {
      if (session === this.going[0]) return this.branches(session); // The first one lasts.
      this.going.splice(this.going.indexOf(session), 1);
      this.ended.push(session);
      if (!session.parent) return this.event(this.one(["session.closed", "session.handed_off"]), session.id);
      return this.event(`branch.${this.one(STATUSES)}`, session.id);
    }
  }

  const randomOf = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const canvas = () => Object.assign(document.createElement("canvas"), { width: 640, height: 330 });
  const pixels = (picture, shown) => {
    const ctx = canvas().getContext("2d", { willReadFrequently: true });
    ctx.fillStyle = colours.surface;
    ctx.fillRect(0, 0, 640, 330);
    picture.draw(ctx, shown);
    return ctx.getImageData(0, 0, 640, 330).data;
  };

  /** Return how far means of 4 by 4 pixels are apart at most: edges are smoothed a little otherwise in a longer path. */
  const apart = (one, other) => {
    const blocks = new Int32Array(160 * 83 * 3);
    for (let at = 0; at < one.length; at += 1) {
      const block = (Math.floor(at / 10240) * 160 + ((at >> 4) % 160)) * 3;
      if (at % 4 < 3) blocks[block + (at % 4)] += one[at] - other[at];
    }
    return blocks.reduce((most, sum) => Math.max(most, Math.abs(sum) / 16), 0);
  };

  const [wrong, levels] = [[], new Set()];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const fleet = new Fleet(randomOf(seed));
    const [history, view, picture] = [new History(), new Viewport(), new Picture()];
    const scale = fleet.one([1, 1.5, 2]);
    [view.width, view.height] = [640 / scale, 330 / scale];
    const grow = (count) => {
      for (let at = 0; at < count; at += 1) history.apply(fleet.next());
    };
    grow(fleet.one([20, 200, 2000, 20000]));
    let lit = null;
    const fit = () => {
      picture.clear();
      view.fit({ first: history.first, last: history.position * 1.05, rows: history.rows.count * 1.2 });
    };
    const near = () => {
      picture.clear();
      view.zoom(1.5 + fleet.below(20), view.x(history.position), view.height * fleet.chance());
      view.pan(-view.width * 0.3, 0);
    };
    const light = () => {
      picture.clear();
      lit = lit ? null : history.kin(fleet.one(history.order));
    };
    const pan = () => view.pan(fleet.below(400) - 200, fleet.below(20) - 10);
    fit();
    for (let step = 0; step < steps; step += 1) {
      const act = step % 5 ? null : fleet.one([fit, near, near, light, pan, pan]);
      act?.();
      grow(fleet.one([1, 1, 1, 4]));
      picture.grow();
      const shown = { history, view, scale, colours, at: history.position, lit, moving: false };
      const [parts, whole] = [pixels(picture, shown), pixels(new Picture(), shown)];
      levels.add(picture.detail.level);
      const most = apart(parts, whole);
      if (most > limit) wrong.push({ seed, step, scale, most, ...picture.detail });
    }
  }
  return { wrong, levels: [...levels].sort(), partial: partial.count };
}
