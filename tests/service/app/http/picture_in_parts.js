// Histories that grow by chance, each drawn in parts as it grows, and drawn whole: where the two differ.

async ({ seeds, steps, limit }) => {
  const [{ History }, { Picture }, { LaneDrawing, detailOf }, { Viewport }, { palette }] = await Promise.all(
    ["history", "picture", "lane_drawing", "viewport", "palette"].map((name) => import(`/page/${name}.js`)));
  const [WIDTH, HEIGHT] = [640, 330];
  // So that nothing is faint: what is not lit is seen as well.
  const colours = { ...palette(), surface: "white", line: "black", bar: "black", "ink-3": "black" };
  const { prototype } = CanvasRenderingContext2D;
  const alpha = Object.getOwnPropertyDescriptor(prototype, "globalAlpha");
  Object.defineProperty(prototype, "globalAlpha", { ...alpha, set(value) { alpha.set.call(this, Math.max(value, 0.7)); } });
  const partial = { count: 0 };
  const clear = prototype.clearRect;
  prototype.clearRect = function clearRect(x, ...rest) {
    partial.count += x > 0 ? 1 : 0;
    return clear.call(this, x, ...rest);
  };

  const pixels = (draw) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const ctx = canvas.getContext("2d", { willReadFrequently: true });
    ctx.fillStyle = colours.surface;
    ctx.fillRect(0, 0, WIDTH, HEIGHT);
    draw(ctx);
    return ctx.getImageData(0, 0, WIDTH, HEIGHT).data;
  };

  /** Draw all that is in sight at once, where the picture has it: at whole pixels. */
  const whole = (ctx, shown) => {
    const { view, scale } = shown;
    const [across, down] = [view.perPosition * scale, view.perRow * scale];
    const seen = Object.assign(new Viewport(), view, {
      left: Math.round(view.left * across) / across, top: Math.round(view.top * down) / down });
    ctx.scale(scale, scale);
    new LaneDrawing(ctx, { ...shown, view: seen }).draw();
  };

  const [wrong, levels, seen] = [[], new Set(), { past: 0, dim: 0, behind: 0 }];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const fleet = window.fleetOf(seed);
    const [history, view, picture] = [new History(), new Viewport(), new Picture()];
    const scale = fleet.one([1, 1.5, 2]);
    [view.width, view.height] = [WIDTH / scale, HEIGHT / scale];
    const grow = (count) => {
      for (let at = 0; at < count; at += 1) history.apply(fleet.next());
    };
    grow(fleet.one([20, 200, 2000, 8000, 20000]));
    let [lit, past, slides] = [null, null, 0];
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
    const scrub = () => {
      picture.clear();
      const back = Math.floor((fleet.chance() * view.width) / view.perPosition);
      past = past === null ? Math.max(history.position - back, history.first) : null;
    };
    const pan = () => view.pan(fleet.below(400) - 200, fleet.below(20) - 10);
    const slide = () => {
      slides = 3; // Steps: then it rests, and has its detail.
      pan();
    };
    fit();
    for (let step = 0; step < steps; step += 1) {
      slides = Math.max(slides - 1, 0);
      const act = step % 5 ? slides && pan : fleet.one([fit, near, near, light, pan, slide, slide, scrub]);
      if (act) act();
      const moving = slides > 0;
      grow(fleet.one([1, 1, 1, 4]));
      picture.grow();
      const shown = { history, view, scale, colours, at: past ?? history.position, lit, moving };
      const parts = pixels((ctx) => picture.draw(ctx, shown));
      const [{ detail }, { level }] = [picture, detailOf(shown)];
      const most = window.apart(parts, pixels((ctx) => whole(ctx, { ...shown, detail })));
      levels.add(detail.level);
      seen.past += past === null ? 0 : 1;
      seen.dim += lit === null ? 0 : 1;
      seen.behind += detail.level < level ? 1 : 0;
      const right = moving ? detail.level <= level : detail.level === level;
      if (most > limit || !right) wrong.push({ seed, step, scale, most, past, moving, lit: lit !== null, ...detail });
    }
  }
  return { wrong, levels: [...levels].sort(), partial: partial.count, seen };
}
