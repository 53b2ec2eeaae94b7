// Fleets of sessions, whose events come by chance of a seed; and how far two pictures of 640 by 330 are apart.

() => {
  const STATUSES = ["completed", "failed", "cancelled", "dead_lettered"];

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
      if (kind === 9) return this.event("session.forgotten", this.one(this.late()).id);
      if (kind === 10) return this.event("session.noted", this.one(this.late()).id);
      if (kind === 11 && session.parent) return this.event("branch.failed", session.id, { will_retry: true });
      if (kind === 12 && session.parent) return this.event("branch.started", session.id);
      return this.ends(session);
    }

    event(type, subject, data = {}) {
      this.position += 1 + (this.below(5) ? 0 : this.below(4));
      return { type: `anabranch.${type}.v1`, subject, data, position: this.position, time: "2026-01-02T03:04:05Z" };
    }

    /** Sessions that go on, or ended not long ago: they may be in sight from near. */
    late() {
      return [...this.going, ...this.ended.slice(-10)];
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

  /** Return how far means of 4 by 4 pixels are apart at most: edges are smoothed a little otherwise in a longer path. */
  window.apart = (one, other) => {
    const blocks = new Int32Array(160 * 83 * 3);
    for (let at = 0; at < one.length; at += 1) {
      const block = (Math.floor(at / 10240) * 160 + ((at >> 4) % 160)) * 3;
      if (at % 4 < 3) blocks[block + (at % 4)] += one[at] - other[at];
    }
    return blocks.reduce((most, sum) => Math.max(most, Math.abs(sum) / 16), 0);
  };

  window.fleetOf = (seed) => new Fleet(randomOf(seed));
}
