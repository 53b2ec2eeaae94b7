// The history of a namespace: its sessions as lanes, the insights on them, and what joined them.

import { FOLDS } from "./event_folds.js";
import { endOf, FORGOTTEN, Rows } from "./rows.js";

/** All that the page knows of a namespace; it grows with the events, and is told at any position. */
export class History {
  #changed = { lanes: Infinity, labels: Infinity };
  #reached = 0; // Up to where something is known to have happened in this namespace.

  constructor() {
    this.clear();
  }

  /** Forget everything. */
  clear() {
    this.namespace = "";
    this.position = 0;
    this.#reached = 0;
    this.sessions = new Map();
    this.insights = new Map();
    this.joins = [];
    this.joined = new Set();
    this.rows = new Rows();
    this.order = [];
    this.roots = [];
    this.complete = false;
    this.marksLeftOut = false;
    this.version = 0;
    this.#renew();
  }

  /** The position of the first session. */
  get first() {
    return this.order[0]?.opened ?? 0;
  }

  /** The position at which the picture ends: the log's last, unless most up to there is of other namespaces. */
  get last() {
    const [shown, empty] = [this.#reached - this.first, this.position - this.#reached];
    return Math.max(empty > shown ? this.#reached : this.position, this.first + 1);
  }

  /** Tell whether all of it has been arranged anew since `changes` was asked. */
  get anew() {
    return this.#changed.lanes === -Infinity;
  }

  /** Return from which position on the lanes, and labels, look otherwise than when this was asked before. */
  changes() {
    const changed = this.#changed;
    this.#changed = { lanes: Infinity, labels: Infinity };
    return changed;
  }

  /** Add a page of columns, as /v1/lanes gives them: older than all before. */
  addPage({ namespace, position, lanes, marks, marks_left_out: leftOut }) {
    this.namespace = namespace;
    this.position = Math.max(this.position, position);
    this.marksLeftOut ||= leftOut;
    lanes.session_id.forEach((id, at) => this.#addLane(id, lanes, at));
    marks.insight_id.forEach((id, at) => this.#addMark(id, marks, at));
    this.#arrange();
  }

  /** Add consolidations, as /v1/consolidations gives them. */
  addJoins(consolidations) {
    for (const one of consolidations) {
      this.join({ id: one.consolidation_id, root: one.root_id, method: one.method,
        sessions: one.sessions, sources: one.sources, position: one.position });
    }
    this.#renew();
  }

  /** Fold one event into the history; return false for one that was folded before. */
  apply(event) {
    if (event.position <= this.position) return false;
    this.#change(this.position); // Up to now: what waits is drawn up to there.
    this.position = this.#reached = event.position;
    const fold = FOLDS[event.type.replace(/^anabranch\./, "").replace(/\.v\d+$/, "")];
    const lane = this.sessions.get(event.subject);
    if (lane) this.#lengthen(lane, event.position);
    if (fold) {
      fold(this, event, event.data, lane);
      this.version += 1;
    }
    return true;
  }

  /** Begin a session. */
  open(lane) {
    if (this.sessions.has(lane.id)) return;
    this.sessions.set(lane.id, { ...lane, children: [], marks: [], row: 0 });
    this.#place(this.sessions.get(lane.id));
  }

  /** End a session, or let it go on where `ended` is null. */
  end(lane, status, ended) {
    if (!lane) return;
    this.#change(lane.opened);
    lane.status = status;
    lane.ended = ended;
    this.rows.note(lane);
  }

  /** Put an insight on its session's lane. */
  mark({ id, session, kind, position, text }) {
    if (this.insights.has(id)) return;
    const mark = { id, session, kind, position, text, retired: null };
    this.insights.set(id, mark);
    const lane = this.sessions.get(session);
    lane?.marks.push(mark);
    if (lane && lane.ended === null) this.rows.note(lane);
  }

  /** End an insight at a position. */
  retire(mark, position) {
    if (!mark || mark.retired !== null) return;
    this.#change(mark.position);
    mark.retired = position;
  }

  /** Forget what a session was for; alone at work, it holds its row no longer. */
  forget(lane) {
    if (!lane) return;
    this.#change(lane.opened);
    lane.task = FORGOTTEN;
    this.rows.note(lane);
  }

  /** Join sessions into their root. */
  join(join) {
    if (this.joined.has(join.id)) return;
    this.joined.add(join.id);
    this.#reached = Math.max(this.#reached, join.position);
    const lanes = join.sessions.map((id) => this.sessions.get(id)).filter(Boolean);
    this.joins.push({ ...join, first: Math.min(join.position, ...lanes.map((lane) => lane.opened)) });
    this.#change(Math.min(join.position, ...lanes.map(endOf)));
    const root = this.sessions.get(join.root);
    if (root) this.#lengthen(root, join.position);
    this.version += 1;
  }

  /** Return a session's status at a position: null before it began. */
  statusAt(lane, position) {
    if (lane.opened > position) return null;
    if (lane.ended !== null && lane.ended > position) return lane.parent === null ? "open" : "running";
    return lane.status;
  }

  /** Return a session with all above and below it. */
  kin(lane) {
    const found = new Set();
    for (let one = lane; one; one = this.sessions.get(one.parent)) found.add(one.id);
    const below = [lane];
    while (below.length) {
      const one = below.pop();
      found.add(one.id);
      below.push(...one.children);
    }
    return found;
  }

  /** Tell whether a session is another one, or below it. */
  isWithin(id, other) {
    let one = id;
    while (one && one !== other) one = this.sessions.get(one)?.parent;
    return one === other;
  }

  /** Return the time at a position: that of the last session that began up to there. */
  timeAt(position) {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.order[middle].opened <= position) low = middle + 1;
      else high = middle;
    }
    return this.order[low - 1]?.openedAt ?? null;
  }

  /** Note that what is drawn looks otherwise from a position on. */
  #change(position, kinds = ["lanes", "labels"]) {
    for (const kind of kinds) this.#changed[kind] = Math.min(this.#changed[kind], position);
  }

  #renew() {
    this.#change(-Infinity);
  }

  /** Draw a session's bar on to a position. */
  #lengthen(lane, position) {
    this.#change(endOf(lane));
    lane.updated = Math.max(lane.updated, position);
  }

  #addLane(id, columns, at) {
    if (this.sessions.has(id)) return;
    this.#reached = Math.max(this.#reached, columns.updated[at], columns.ended[at] ?? 0);
    this.sessions.set(id, {
      id, parent: columns.parent_id[at], task: columns.task[at], role: columns.role[at],
      agent: columns.agent[at], status: columns.status[at], forked: columns.forked_at[at],
      opened: columns.opened[at], openedAt: Date.parse(columns.opened_at[at]) || null,
      ended: columns.ended[at], updated: columns.updated[at], children: [], marks: [], row: 0,
    });
  }

  #addMark(id, columns, at) {
    if (this.insights.has(id)) return;
    this.#reached = Math.max(this.#reached, columns.position[at], columns.retired[at] ?? 0);
    this.insights.set(id, { id, session: columns.session_id[at], kind: columns.kind[at],
      position: columns.position[at], retired: columns.retired[at], text: undefined });
  }

  /** Give all sessions their rows anew: pages come newest first, rows are given oldest first. */
  #arrange() {
    this.rows = new Rows();
    this.order = [];
    this.roots = [];
    for (const lane of this.sessions.values()) {
      lane.children = [];
      lane.marks = [];
    }
    for (const mark of [...this.insights.values()].sort((a, b) => a.position - b.position)) {
      const lane = this.sessions.get(mark.session);
      lane?.marks.push(mark);
      if (lane) lane.updated = Math.max(lane.updated, mark.position); // Its bar holds its insights.
    }
    for (const lane of [...this.sessions.values()].sort((a, b) => a.opened - b.opened)) this.#place(lane);
    this.version += 1;
    this.#renew();
  }

  #place(lane) {
    const parent = this.sessions.get(lane.parent);
    this.order.push(lane);
    (parent ? parent.children : this.roots).push(lane);
    const before = this.rows.place(lane, parent);
    if (before) this.#change(before.opened, ["labels"]); // Its label has less room.
    lane.lowest = lane.row;
    if (!parent || parent.lowest >= lane.row) return;
    parent.lowest = lane.row;
    this.#change(parent.children[0].opened);
  }
}
