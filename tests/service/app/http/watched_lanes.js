// The canvas of a page that is watched, and panned: how often it is fitted, and what is in sight.

async ({ batches, pans }) => {
  const [{ History }, { LaneCanvas }, { LaneDrawing, detailOf }, { TOP }] = await Promise.all(
    ["history", "canvas", "lane_drawing", "viewport"].map((name) => import(`/page/${name}.js`)));
  const [WIDTH, HEIGHT] = [640, 330];
  const written = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function write(text, ...rest) {
    written.push({ text, ctx: this });
    return fillText.call(this, text, ...rest);
  };
  const frame = () => new Promise(requestAnimationFrame);

  /** Return a canvas of a history, drawn as it is when the page is opened. */
  const opened = async (history) => {
    const box = document.createElement("div");
    box.style.cssText = `position:fixed;width:${WIDTH}px;height:${HEIGHT}px`;
    const canvas = box.appendChild(document.createElement("canvas"));
    document.body.append(box);
    const moment = { position: null, live: true };
    const focus = { session: null, insight: null, hover: null, links: [], hits: [], lit: null };
    const lanes = new LaneCanvas(canvas, { history, moment, focus, onpick: () => {}, onhover: () => {} });
    Object.assign(lanes.colours, { surface: "white", line: "black", bar: "black", "ink-3": "black" });
    lanes.grow();
    await frame();
    await frame(); // What was asked for in the first one.
    return lanes;
  };
  const historyOf = (seed, events) => {
    const [fleet, history] = [window.fleetOf(seed), new History()];
    for (let at = 0; at < events; at += 1) history.apply(fleet.next());
    return [fleet, history];
  };

  /** Return how often the view is fitted, and all is drawn, while batches of events come and nobody pans. */
  const rest = async () => {
    const [fleet, history] = historyOf(1, 2000);
    const lanes = await opened(history);
    const count = { fits: 0, whole: 0 };
    const [fit, clear] = [lanes.view.fit, CanvasRenderingContext2D.prototype.clearRect];
    lanes.view.fit = (all) => {
      count.fits += 1;
      fit.call(lanes.view, all);
    };
    CanvasRenderingContext2D.prototype.clearRect = function clearRect(x, ...rest_) {
      if (x === 0 && this.canvas.width === lanes.canvas.width) count.whole += 1;
      return clear.call(this, x, ...rest_);
    };
    for (let batch = 0; batch < batches; batch += 1) {
      history.apply(fleet.next());
      lanes.grow();
      await frame();
    }
    CanvasRenderingContext2D.prototype.clearRect = clear;
    const sight = () => lanes.ctx.getImageData(0, 0, lanes.canvas.width, lanes.canvas.height).data;
    await frame();
    const grown = sight();
    lanes.redraw();
    await frame();
    await frame();
    return { ...count, apart: window.apart(grown, sight()) };
  };

  /** Return after which pans and zooms no lane was in sight. */
  const panned = async () => {
    const lost = [];
    for (const events of [3, 200, 5000]) {
      const [fleet, history] = historyOf(events, events);
      const lanes = await opened(history);
      const { view } = lanes;
      for (let pan = 0; pan < pans; pan += 1) {
        if (pan % 20 === 0) lanes.moment.position = fleet.below(2) ? null : history.order[fleet.below(history.order.length)].opened;
        const way = [fleet.below(400) - 200, fleet.below(400) - 200].map((by) => by * (1 + (pan % 3) * 20));
        if (pan % 7 === 0) lanes.zoom(fleet.one([0.5, 2, 4]), WIDTH * fleet.chance(), HEIGHT * fleet.chance());
        else lanes.pan(...way);
        const shown = { history, view, scale: 1, colours: lanes.colours, at: lanes.at, lit: null };
        const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
        const ctx = canvas.getContext("2d", { willReadFrequently: true });
        new LaneDrawing(ctx, { ...shown, detail: { ...detailOf(shown), brackets: false, curves: false, marks: false, labels: false } }).draw();
        const below = ctx.getImageData(0, TOP - 6, WIDTH, HEIGHT - TOP + 6).data;
        if (!below.some((value) => value > 0)) lost.push({ events, pan, at: lanes.at, ...view });
      }
    }
    return lost;
  };

  /** Return the tasks that stand at the left edge, far after all began. */
  const named = async () => {
    const history = new History();
    const event = (position, type, subject, data = {}) => history.apply(
      { type: `anabranch.${type}.v1`, subject, data, position, time: "2026-01-02T03:04:05Z" });
    event(1, "session.opened", "lasts", { task: "Map the canal" });
    event(2, "session.opened", "lone", { task: "Remember" });
    event(3, "insight.recorded", "lone", { insight_id: "i", text: "It sticks" });
    event(4, "session.opened", "closed", { task: "Look at charts" });
    event(5, "session.closed", "closed");
    event(6, "session.opened", "gone", { task: "Remember" });
    event(7, "insight.recorded", "gone", { insight_id: "g", text: "It leaks" });
    event(8, "session.forgotten", "gone");
    for (let position = 9; position < 2000; position += 1) event(position, "session.noted", "lasts");
    const lanes = await opened(history);
    lanes.view.show(1500, 1600);
    lanes.view.perRow = 26;
    written.length = 0;
    lanes.redraw();
    await frame();
    await frame();
    const texts = written.filter(({ ctx }) => ctx === lanes.ctx).map(({ text }) => text);
    return texts.filter((text) => !text.startsWith("#")); // The axis.
  };

  return { ...(await rest()), lost: await panned(), named: await named() };
}
