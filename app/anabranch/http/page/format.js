// Numbers, times and ids as they are shown.

const NUMBER = new Intl.NumberFormat("en");
const TIME = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** Return a number with its thousands apart. */
export function number(value) {
  return NUMBER.format(value);
}

/** Return a position. */
export function position(value) {
  return `#${NUMBER.format(value)}`;
}

/** Return a time, of milliseconds or of an ISO text. */
export function time(value) {
  const date = typeof value === "string" ? new Date(value) : value === null ? null : new Date(value);
  return date && !Number.isNaN(date.getTime()) ? TIME.format(date) : "";
}

/** Return the end of an id, which tells it from others. */
export function shortId(id) {
  return id.length > 12 ? `…${id.slice(-8)}` : id;
}

/** Return a status in words; one that has not begun at the moment shown has none. */
export function status(value) {
  return (value ?? "").replaceAll("_", " ");
}

/** Return a count with its noun. */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** Return a score with three places. */
export function score(value) {
  return value.toFixed(3);
}
