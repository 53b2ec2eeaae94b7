// The call that the page has just made, as one makes it from elsewhere: terminal, HTTP, agent.

import { button, el } from "./elements.js";

/** Return the forms of a call; `ways` are texts by their names. */
export function sameCall(ways) {
  return el("details", { class: "way" }, el("summary", {}, "The same from elsewhere"),
    Object.entries(ways).map(([name, text]) => el("div", { class: "call" },
      el("span", { class: "aside" }, name),
      button("Copy", (event) => copy(event.target, text), { class: "quiet", "aria-label": `Copy for ${name}` }),
      el("pre", {}, el("code", {}, text)))));
}

/** Return a request under /v1 as curl sends it; the key is left to the one who sends it. */
export function curl(connection, path, body) {
  const asked = connection.namespace ? `?${new URLSearchParams({ namespace: connection.namespace })}` : "";
  const key = connection.key ? ' -H "Authorization: Bearer $ANABRANCH_KEY"' : "";
  return `curl${key} -H "Content-Type: application/json" ${quoted(`${location.origin}/v1${path}${asked}`)} -d ${quoted(JSON.stringify(body))}`;
}

/** Return a command of the terminal; `options` with no value are left out. The text may begin with `-`. */
export function command(name, text, options) {
  const said = Object.entries(options).filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "");
  const given = said.map(([option, value]) => (value === true ? option : `${option} ${quoted(String(value))}`));
  return [`anabranch ${name}`, ...given, "--", quoted(text)].join(" ");
}

/** Return a text as a shell reads it: whole, whatever it holds. */
export function quoted(text) {
  return /^[\w.,:/@-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function copy(pressed, text) {
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
  } catch {
    pressed.textContent = "Copy by hand"; // A page without TLS may not write there.
  }
}
