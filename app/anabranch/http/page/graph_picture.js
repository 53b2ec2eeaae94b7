// A small picture of the nodes and relationships in the rows of a query.

import { el, empty, svg } from "./elements.js";
import { cut } from "./lane_drawing.js";

const NODES_MAX = 120;
const LABELS_MAX = 24; // Beyond, a name stands in the tip of its node.
const LETTER = 6.4; // The width of a letter, about, in units of the picture.
const STEPS = 220;
const PULL = 0.6; // Towards the middle, so that parts without a link stay near.
const [WIDTH, HEIGHT] = [480, 460];

/** Return the graph that rows hold: nodes, relationships and paths, or columns `from_node` and `to_node`. */
export function graphIn(rows) {
  const nodes = new Map();
  const edges = [];
  const node = (id, label, kind = "") => {
    if (!nodes.has(id) && nodes.size < NODES_MAX) nodes.set(id, { id, label: label ?? id, kind });
    return nodes.has(id);
  };
  const link = (from, to, label) => {
    if (node(from, from) && node(to, to)) edges.push({ from, to, label });
  };
  const read = (value) => {
    if (Array.isArray(value)) return value.forEach(read);
    if (value === null || typeof value !== "object") return;
    const labels = value.labels ?? value._labels;
    const properties = value.properties ?? value;
    if (Array.isArray(labels)) node(keyOf(value), nameOf(properties) ?? labels.join(":"), labels.join(":"));
    else Object.values(value).forEach(read);
  };
  for (const row of rows) {
    if (row.from_node !== undefined && row.to_node !== undefined) link(String(row.from_node), String(row.to_node), String(row.rel ?? ""));
    else read(Object.values(row));
  }
  const known = [...nodes.values()];
  return { nodes: known, edges, more: rows.length > 0 && nodes.size === NODES_MAX };
}

/** Return what a node is called: what it says, or the like. */
function nameOf({ text, task, name, title, key, id }) {
  const found = text ?? task ?? name ?? title ?? key ?? id;
  return found === undefined ? undefined : String(found);
}

function keyOf(value) {
  return String(value.element_id ?? value.id ?? value.properties?.id ?? JSON.stringify(value));
}

/** Return the picture of a graph. */
export function graphPicture({ nodes, edges, more }) {
  if (!nodes.length) {
    return empty("No graph is in these rows", "Return nodes, or name two columns from_node and to_node (and rel), as the examples do.");
  }
  const places = arranged(nodes, edges);
  const at = new Map(nodes.map((one, index) => [one.id, places[index]]));
  const lines = edges.map(({ from, to, label }) => {
    const [a, b] = [at.get(from), at.get(to)];
    return svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: "edge" }, svg("title", {}, label));
  });
  const taken = nodes.map(({ id }) => boxAt(at.get(id).x - 6, at.get(id).y, 12));
  const points = nodes.map((one) => {
    const { x, y } = at.get(one.id);
    return svg("g", { class: "node" }, svg("circle", { cx: x, cy: y, r: 5 }), svg("title", {}, one.kind ? `${one.kind}: ${one.label}` : one.label),
      nodes.length > LABELS_MAX ? null : labelBeside(x, y, cut(one.label, 30), taken));
  });
  return el("figure", { class: "graph" },
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${nodes.length} nodes, ${edges.length} relationships` }, lines, points),
    more ? el("figcaption", { class: "aside" }, `The first ${NODES_MAX} nodes.`) : null);
}

/** Return a label beside a node, above it or below, where it hides no other; else its tip says it. */
function labelBeside(x, y, text, taken) {
  const width = text.length * LETTER;
  const middle = Math.min(Math.max(x - width / 2, 2), WIDTH - width - 2);
  const sides = [[x + 9, y], [x - 9 - width, y]];
  if (x > WIDTH / 2) sides.reverse();
  for (const [left, at] of [...sides, [middle, y - 15], [middle, y + 15]]) {
    const box = boxAt(left, at, width);
    if (left < 0 || box.right > WIDTH || box.top < 0 || box.bottom > HEIGHT || taken.some((one) => meet(one, box))) continue;
    taken.push(box);
    const ends = left < x - width / 2 && at === y;
    return svg("text", { x: ends ? x - 9 : left, y: at + 4, "text-anchor": ends ? "end" : undefined }, text);
  }
  return null;
}

function boxAt(left, y, width) {
  return { left, right: left + width, top: y - 7, bottom: y + 7 };
}

function meet(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

/** Return a place for each node: near what it is linked to, apart from the others. */
function arranged(nodes, edges) {
  const index = new Map(nodes.map((one, at) => [one.id, at]));
  const places = nodes.map((_, at) => {
    const angle = at * 2.399963; // The golden angle: even, and the same each time.
    const out = Math.sqrt((at + 0.5) / nodes.length);
    return { x: WIDTH / 2 + out * Math.cos(angle) * WIDTH * 0.4, y: HEIGHT / 2 + out * Math.sin(angle) * HEIGHT * 0.4 };
  });
  const apart = Math.sqrt((WIDTH * HEIGHT) / nodes.length) * 0.5;
  for (let step = 0; step < STEPS; step += 1) relax(places, edges, index, apart, 1 - step / STEPS);
  return framed(places);
}

function relax(places, edges, index, apart, heat) {
  const moves = places.map(({ x, y }) => ({ x: (WIDTH / 2 - x) * PULL, y: (HEIGHT / 2 - y) * PULL }));
  const push = (one, other, force) => {
    const [dx, dy] = [places[other].x - places[one].x || 0.1, places[other].y - places[one].y || 0.1];
    const far = Math.hypot(dx, dy);
    const by = force(far) / far;
    moves[one].x -= dx * by;
    moves[one].y -= dy * by;
    moves[other].x += dx * by;
    moves[other].y += dy * by;
  };
  for (let one = 0; one < places.length; one += 1) {
    for (let other = one + 1; other < places.length; other += 1) push(one, other, (far) => (apart * apart) / far);
  }
  for (const { from, to } of edges) push(index.get(from), index.get(to), (far) => -(far * far) / apart);
  places.forEach((place, at) => {
    const far = Math.hypot(moves[at].x, moves[at].y) || 1;
    const by = Math.min(far, 40 * heat) / far;
    place.x += moves[at].x * by;
    place.y += moves[at].y * by;
  });
}

/** Return places stretched to the frame of the picture. */
function framed(places) {
  const stretched = (values, least, most) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return values.map((value) => (high - low < 1 ? (least + most) / 2 : least + ((value - low) / (high - low)) * (most - least)));
  };
  const xs = stretched(places.map((one) => one.x), 16, WIDTH - 16);
  const ys = stretched(places.map((one) => one.y), 16, HEIGHT - 16);
  return xs.map((x, at) => ({ x, y: ys[at] }));
}
