// Histories that grow by chance, each drawn in parts as it grows, and drawn whole: where the two differ.

async ({ seeds, steps, limit, edge }) => {
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

  /** Return the first and last column, and row, in which something is drawn. */
  const extent = (data) => {
    const found = { left: WIDTH, right: -1, top: HEIGHT, bottom: -1 };
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] > 200) continue;
      const [x, y] = [(at / 4) % WIDTH, Math.floor(at / 4 / WIDTH)];
      Object.assign(found, { left: Math.min(found.left, x), right: Math.max(found.right, x),
        top: Math.min(found.top, y), bottom: Math.max(found.bottom, y) });
    }
    return found;
  };

  /** Return by how many pixels of the device a picture shows less at an edge than another one. */
  const short = (one, other) => {
    const [here, there] = [extent(one), extent(other)];
    if (there.right < 0) return 0;
    return Math.max(here.left - there.left, there.right - here.right, here.top - there.top, there.bottom - here.bottom);
  };

  const [wrong, levels, seen] = [[], new Set(), { past: 0, dim: 0, behind: 0, scaled: 0 }];
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
    const zoom = () => {
      slides = 3;
      view.zoom(0.55 + fleet.chance(), view.width * fleet.chance(), view.height * fleet.chance());
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
      const act = step % 5 ? slides && fleet.one([pan, zoom]) : fleet.one([fit, near, near, light, pan, slide, zoom, zoom, scrub]);
      const left = slides;
      if (act) act();
      if (step % 5) slides = left;
      const moving = slides > 0;
      grow(fleet.one([1, 1, 1, 4]));
      picture.grow();
      const shown = { history, view, scale, colours, at: past ?? history.position, lit, moving };
      const parts = pixels((ctx) => picture.draw(ctx, shown));
      const [{ detail }, { level }] = [picture, detailOf(shown)];
      if (picture.isScaled(view)) {
        seen.scaled += 1;
        const bars = { ...detail, labels: false, marks: false, curves: false, brackets: false };
        const lacking = short(parts, pixels((ctx) => whole(ctx, { ...shown, detail: bars })));
        if (!moving || lacking > edge * scale) wrong.push({ seed, step, scale, lacking, moving, ...detail });
        continue;
      }
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
