// The dialog that asks for an API key, once, however many requests need one.

import { byId } from "./elements.js";

/** Asks for a key when the service refuses a request without one. */
export class KeyDialog {
  #asking = null;

  constructor(connection) {
    this.connection = connection;
    this.dialog = byId("key-dialog");
    connection.onkey = (problem) => this.ask(problem);
    // No button of the form: Enter presses the first of those.
    byId("cancel-key").addEventListener("click", () => this.dialog.close());
    byId("forget-key").addEventListener("click", () => {
      connection.key = "";
      location.reload();
    });
    this.#note();
  }

  /** Ask for a key; return false where none is given. */
  ask(problem) {
    this.#asking ??= this.#asked(problem).finally(() => { this.#asking = null; });
    return this.#asking;
  }

  #asked(problem) {
    const input = byId("key");
    byId("key-why").textContent = this.connection.key ? problem.message : "This service asks for an API key.";
    input.value = "";
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.dialog.addEventListener("close", () => {
        const given = this.dialog.returnValue === "use" ? input.value.trim() : "";
        input.value = "";
        if (given) this.connection.key = given;
        this.dialog.returnValue = "";
        this.#note();
        resolve(Boolean(given));
      }, { once: true });
    });
  }

  #note() {
    byId("forget-key").hidden = !this.connection.key;
  }
}
