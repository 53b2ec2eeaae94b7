// Saved queries: texts with names, kept in this browser for this address. Results are never kept.

import { button, el } from "./elements.js";

const KEPT = "anabranch.queries";
const QUERIES_MAX = 50;
const NAME_MAX = 60;
const TEXT_MAX = 10_000;

/** Lists the saved queries, and saves the one that is written; `text` and `choose` reach its field. */
export class SavedQueries {
  constructor({ text, choose }) {
    Object.assign(this, { text, choose });
    this.name = el("input", { type: "text", "aria-label": "Name of the query", placeholder: "Name", maxlength: NAME_MAX, autocomplete: "off", required: true });
    this.said = el("span", { class: "aside", role: "status" });
    this.list = el("ul", { class: "saved", "aria-label": "Saved queries" });
    this.element = el("details", { class: "way" }, el("summary", {}, "Saved queries"),
      el("form", { class: "ask", onsubmit: (event) => this.#save(event) }, this.name, el("button", { type: "submit" }, "Save this one")),
      this.said, this.list);
    this.#show(kept());
  }

  #save(event) {
    event.preventDefault();
    const [name, text] = [this.name.value.trim(), this.text().trim()];
    const others = kept().filter((one) => one.name !== name);
    if (!name || !text) return;
    if (text.length > TEXT_MAX) this.said.textContent = `A saved query has at most ${TEXT_MAX} characters.`;
    else if (others.length >= QUERIES_MAX) this.said.textContent = `${QUERIES_MAX} queries are saved: let go of one first.`;
    else this.#keep([...others, { name, text }], `Saved in this browser: ${name}`);
  }

  #drop(name) {
    this.#keep(kept().filter((one) => one.name !== name), `Let go of ${name}`);
    this.name.focus();
  }

  #keep(queries, said) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(queries));
      this.said.textContent = said;
    } catch {
      this.said.textContent = "This browser keeps nothing for the page: its storage is full, or closed.";
    }
    this.#show(kept());
  }

  #show(queries) {
    this.list.replaceChildren(...queries.sort((a, b) => a.name.localeCompare(b.name)).map(({ name, text }) => el("li", {},
      button(name, () => this.choose(text), { class: "thing-link" }),
      button("✕", () => this.#drop(name), { class: "icon", "aria-label": `Delete ${name}` }))));
    if (!queries.length) this.list.append(el("li", { class: "aside" }, "None yet."));
  }
}

/** Return what is kept; what is none of ours is left out. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return found.filter((one) => typeof one?.name === "string" && typeof one?.text === "string").slice(0, QUERIES_MAX);
  } catch {
    return [];
  }
}
