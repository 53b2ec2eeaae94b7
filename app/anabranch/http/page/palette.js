// The colours of the canvas: those of the style sheet, read again when the theme changes.

const NAMES = ["surface", "surface-2", "ink", "ink-2", "ink-3", "line", "accent", "accent-soft", "bad", "bar", "warn"];

/** Return the colours by name. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Return the colour of a bar by its session's status. */
export function barColour(colours, status) {
  switch (status) {
    case "running": return colours.accent;
    case "open": return colours["accent-soft"];
    case "pending": return colours["ink-3"];
    case "failed":
    case "dead_lettered": return colours.bad;
    default: return colours.bar;
  }
}
