// The keys of the page: single letters, as long as nothing is being written.

const WRITING = "input:not([type=checkbox]):not([type=range]), textarea, select, dialog[open] *";

/** Have keys act on the page. */
export function keyboard(page) {
  const { canvas, panel, player, scrubber, tree, moment } = page;
  const acts = {
    j: () => tree.move(1),
    k: () => tree.move(-1),
    h: () => page.pickKin("parent"),
    l: () => page.pickKin("child"),
    x: () => tree.fold(),
    Enter: () => panel.show("inspect", { focus: true }),
    "/": () => page.filter.focus(),
    r: () => panel.show("recall", { focus: true }),
    q: () => panel.show("query", { focus: true }),
    w: () => panel.show("work", { focus: true }),
    c: () => panel.show("conflicts", { focus: true }),
    e: () => panel.show("events", { focus: true }),
    f: () => canvas.fit(),
    "+": () => canvas.zoom(1.25),
    "=": () => canvas.zoom(1.25),
    "-": () => canvas.zoom(0.8),
    ",": () => scrubber.step(-1),
    ".": () => scrubber.step(1),
    "<": () => scrubber.step(-100),
    ">": () => scrubber.step(100),
    " ": () => player.toggle(),
    L: () => moment.go(null),
    "?": () => page.help(),
    Escape: () => page.unpick(),
    ArrowLeft: () => canvas.pan(60, 0),
    ArrowRight: () => canvas.pan(-60, 0),
    ArrowUp: () => canvas.pan(0, 60),
    ArrowDown: () => canvas.pan(0, -60),
  };
  document.addEventListener("keydown", (event) => {
    const act = acts[event.key];
    if (!act || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches(WRITING)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const pressed = event.target.closest("button, a, summary, [role=tab], input, .table-scroll, .json");
    if (pressed && (event.key === "Enter" || event.key.startsWith("Arrow"))) return;
    if (pressed && event.key === " " && !pressed.matches("[type=range]")) return;
    event.preventDefault();
    act();
  });
}
