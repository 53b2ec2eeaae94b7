// The page: it loads a namespace's history, follows its events, and ties the parts together.

import { LaneCanvas } from "./canvas.js";
import { ConflictsView } from "./conflicts.js";
import { Connection } from "./connection.js";
import { announce, byId, refusal } from "./elements.js";
import { EventStream } from "./event_stream.js";
import { FeedView } from "./feed.js";
import { forgets } from "./event_folds.js";
import { count, position } from "./format.js";
import { History } from "./history.js";
import { HoverCard } from "./hover_card.js";
import { Inspector } from "./inspector.js";
import { KeyDialog } from "./key_dialog.js";
import { keyboard } from "./keyboard.js";
import { Moment } from "./moment.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { QueryView } from "./query.js";
import { RecallView } from "./recall.js";
import { Scrubber } from "./scrubber.js";
import { StatusLine } from "./status_line.js";
import { theme } from "./theme.js";
import { SessionTree } from "./tree.js";
import { WorkView } from "./work.js";

const SPOKEN_MS = 5000;
const PAUSE_MS = 16;
const MANY = 2000; // Sessions; of more, what is new is shown a few times a second.
const MANY_PAUSE_MS = 250;

class Page {
  #dirty = false;
  #stale = false;
  #forgot = false;
  #spoken = 0;
  #begun = 0;
  #erased = 0; // Up to which forgetting: words of it have left the log.
  #entered = false;

  constructor() {
    this.connection = new Connection();
    this.history = new History();
    this.moment = new Moment();
    this.focus = { session: null, insight: null, hover: null, links: [], hits: [], lit: null };
    this.filter = byId("filter");
    this.after = null; // What changed what is shown: the graph may not have it yet.
    const { history, moment } = this;
    this.card = new HoverCard(this);
    this.canvas = new LaneCanvas(byId("lanes"), { history, moment, focus: this.focus,
      onpick: (found) => this.#picked(found), onhover: (found, event) => this.card.show(found, event) });
    this.tree = new SessionTree({ history, moment, onpick: (lane) => this.inspect("session", lane.id),
      onopen: () => this.panel.show("inspect", { focus: true }) });
    this.scrubber = new Scrubber({ history, moment });
    this.player = new Player({ history, moment });
    this.inspector = new Inspector(this);
    this.feed = new FeedView(this);
    this.panel = new Panel({ inspect: this.inspector, recall: new RecallView(this), query: new QueryView(this),
      work: new WorkView(this), conflicts: new ConflictsView(this), events: this.feed });
    this.status = new StatusLine(this);
    this.stream = new EventStream(this.connection, {
      onevents: (event) => this.#came(event), onerased: (position) => this.#erasedTo(position), onstate: (state) => this.status.state(state) });
    this.keys = new KeyDialog(this.connection);
    this.panel.addEventListener("shown", () => this.#remember());
  }

  /** Begin: take what the address says, and load. */
  async start() {
    theme(byId("theme"), () => { this.canvas.recolour(); this.scrubber.update(); });
    const said = new URLSearchParams(location.hash.slice(1));
    this.connection.namespace = said.get("namespace") ?? "";
    byId("namespace").addEventListener("change", (event) => this.#enter(event.target.value.trim()));
    byId("help").addEventListener("click", () => this.help());
    this.moment.addEventListener("changed", () => this.#moved());
    this.moment.addEventListener("settled", () => { this.panel.refresh(); this.#remember(); this.#say(); });
    keyboard(this);
    this.panel.show(said.get("view") in this.panel.views ? said.get("view") : "inspect");
    await this.#load();
    this.#begin(said.get("at"), said.get("session"));
    this.#entered = true;
    this.#remember();
  }

  /** Go to the position and the session that the address names; say so where there is none. */
  #begin(at, session) {
    const { history } = this;
    const lacking = [];
    if (at !== null && /^\d+$/.test(at) && Number(at) <= history.position) this.moment.go(Number(at));
    else if (at !== null) lacking.push(`at: ${at} is no position up to ${position(history.position)}; this is live`);
    if (history.sessions.has(session)) this.inspect("session", session);
    else if (session !== null) lacking.push(`session: ${session} is none of the namespace ${history.namespace}`);
    if (lacking.length && history.namespace) {
      byId("failure").append(refusal({ message: lacking.join(". "), fix: "Correct the address, or choose here." }));
    }
  }

  /** Show one thing in the inspector, and where it is on the lanes. */
  inspect(kind, id) {
    Object.assign(this.focus, { links: [], hits: [] });
    const mark = kind === "insight" ? this.history.insights.get(id) : null;
    const lane = this.history.sessions.get(kind === "session" ? id : mark?.session);
    this.focus.insight = kind === "insight" ? id : null;
    if (kind === "session" || lane) this.#select(lane, mark?.position);
    else this.canvas.redraw();
    this.inspector.show(kind, id);
    this.panel.show("inspect");
  }

  /** Return up to where the graph must be read for what stands at a position: it may not be there yet. */
  upTo(position = 0) {
    return Math.max(this.after ?? 0, position) || null;
  }

  /** Draw links between insights on the lanes. */
  drawLinks(links) {
    this.focus.links = links;
    this.canvas.redraw();
  }

  /** Draw the hits of a recall on the lanes, with their ranks and the links to them. */
  drawHits(hits, links) {
    Object.assign(this.focus, { hits, links, lit: null, session: null, insight: null });
    const seen = hits.map((id) => this.history.insights.get(id)).every((mark) => {
      const lane = mark && this.history.sessions.get(mark.session);
      return !lane || this.canvas.view.sees(mark.position, lane.row);
    });
    if (seen) this.canvas.redraw();
    else this.canvas.fit();
  }

  /** Have an insight stand out. */
  hover(insight) {
    this.focus.hover = insight;
    this.canvas.draw();
  }

  /** Pick the parent, or the first branch, of what is picked. */
  pickKin(which) {
    const lane = this.history.sessions.get(this.focus.session);
    const next = which === "parent" ? this.history.sessions.get(lane?.parent) : lane?.children[0];
    if (next) this.inspect("session", next.id);
  }

  /** Let go of all that is picked. */
  unpick() {
    Object.assign(this.focus, { session: null, insight: null, hover: null, links: [], hits: [], lit: null });
    this.tree.active = null;
    this.inspector.clear();
    this.#remember();
    this.panel.refresh();
    this.tree.update();
    this.canvas.redraw();
  }

  /** Show the keys. */
  help() {
    byId("help-dialog").showModal();
  }

  #picked(found) {
    if (!found) this.unpick();
    else if (found.mark) this.inspect("insight", found.mark.id);
    else this.inspect("session", found.lane.id);
  }

  #select(lane, at) {
    this.focus.session = lane?.id ?? null;
    this.focus.lit = lane ? this.history.kin(lane) : null;
    if (!lane) return;
    this.tree.choose(lane);
    this.canvas.reveal(lane, at);
    this.#remember();
  }

  /** Have a session stand out that is below the one that is picked: it may have begun since. */
  #light(id) {
    const { lit, session } = this.focus;
    if (lit && this.history.isWithin(id, session)) lit.add(id);
  }

  #enter(namespace) {
    this.connection.namespace = namespace;
    this.moment.go(null);
    this.unpick();
    for (const view of Object.values(this.panel.views)) view.clear();
    this.#load();
  }

  /** Load the namespace: its newest sessions first, the older ones behind them. */
  async #load() {
    const begun = (this.#begun += 1);
    this.stream.stop();
    this.#erased = 0;
    this.history.clear();
    this.status.state("loading");
    byId("failure").replaceChildren();
    try {
      let cursor = null;
      do {
        const page = await this.connection.get("/lanes", { cursor });
        if (begun !== this.#begun) return;
        this.history.addPage(page);
        if (cursor === null) this.#first(page);
        cursor = page.next;
        this.history.complete = cursor === null;
        this.#grown();
      } while (cursor !== null);
      await this.#loadJoins(begun);
    } catch (error) {
      this.status.state("refused");
      byId("failure").replaceChildren(refusal(error));
    }
    this.#grown();
    this.panel.refresh();
  }

  #first(page) {
    byId("namespace").value = page.namespace;
    this.stream.start(page.position);
    this.canvas.view.fitted = true;
  }

  async #loadJoins(begun) {
    let cursor = null;
    do {
      const { consolidations, next } = await this.connection.get("/consolidations", { cursor, limit: 1000 });
      if (begun !== this.#begun) return;
      this.history.addJoins(consolidations);
      cursor = next;
    } while (cursor !== null);
  }

  #came(event) {
    if (!this.history.apply(event)) return;
    this.#light(event.subject);
    this.status.came();
    this.feed.push(event);
    this.#concern(event);
    if (this.#dirty) return;
    this.#dirty = true;
    setTimeout(() => {
      this.#dirty = false;
      this.#grown();
      this.#renew();
    }, this.history.order.length > MANY ? MANY_PAUSE_MS : PAUSE_MS);
  }

  /** Note that an event changes what the panel shows. */
  #concern(event) {
    if (forgets(event)) this.#forgot = true;
    else if (this.panel.concerns(event)) this.#stale = true;
    else return;
    this.after = event.position;
  }

  /** Show what has changed in the panel; what was forgotten goes from a past moment, too. */
  #renew() {
    if (this.#forgot) this.#forget();
    if (this.#forgot || (this.moment.live && this.#stale)) this.panel.refresh();
    this.#stale = this.#forgot = false;
  }

  /** What the log gave before it was erased is let go of, and asked for again. */
  #erasedTo(position) {
    if (position <= this.#erased) return;
    this.#erased = position;
    this.#forget();
    this.panel.refresh();
  }

  #forget() {
    this.panel.forget();
    this.card.show(null);
  }

  #grown() {
    this.tree.update(); // At a past moment as well: what is forgotten goes from there too.
    this.canvas.grow();
    this.scrubber.update();
    this.status.update();
    this.#say();
  }

  #moved() {
    this.tree.update();
    this.canvas.redraw();
    this.status.update();
  }

  /** Tell a screen reader how things are, seldom enough to be listened to. */
  #say() {
    if (Date.now() - this.#spoken < SPOKEN_MS) return;
    this.#spoken = Date.now();
    const { history, moment } = this;
    announce(moment.live ? `${count(history.sessions.size, "session")}, ${count(history.insights.size, "insight")}`
      : `Viewing ${position(moment.position)}`);
  }

  /** Keep the view in the address, so that it can be shared; keys are never in it. */
  #remember() {
    if (!this.#entered) return; // What it says is still to be read.
    const said = new URLSearchParams();
    if (this.connection.namespace) said.set("namespace", this.connection.namespace);
    if (!this.moment.live) said.set("at", this.moment.position);
    if (this.focus.session) said.set("session", this.focus.session);
    if (this.panel.name !== "inspect") said.set("view", this.panel.name);
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname);
  }
}

const page = new Page();
page.start();
