// The connection to the service: requests under /v1 with the key in a header, errors as problems.

const KEY = "anabranch.key";

/** An error that the service answered with: its message says what happened, `fix` what to do. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The service answered ${status}`);
    this.status = status;
    this.fix = document.fix || "";
    this.type = String(document.type || "").split(":").pop();
  }
}

async function problemOf(answer) {
  let document = {};
  try {
    document = await answer.json();
  } catch {
    // The answer is no problem document: its status says all there is.
  }
  return new Problem(answer.status, document);
}

/** Asks the service, in one namespace. The key stays in this tab. */
export class Connection {
  constructor() {
    this.namespace = "";
    this.onkey = null;
  }

  get key() {
    return sessionStorage.getItem(KEY) || "";
  }

  set key(value) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  }

  /** Return the answer to a GET; what is undefined or null in `query` is left out. */
  get(path, query = {}) {
    return this.#json("GET", path, query);
  }

  /** Return the answer to a POST. */
  post(path, body) {
    return this.#json("POST", path, {}, body);
  }

  /** Return the answer whose body is a stream. */
  async open(path, { query = {}, headers = {}, signal }) {
    return this.#answer("GET", path, query, { headers, signal });
  }

  async #json(method, path, query, body) {
    const answer = await this.#answer(method, path, query, {
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return answer.json();
  }

  async #answer(method, path, query, options) {
    const answer = await this.#fetched(method, path, query, options);
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.status === 401 && this.onkey && await this.onkey(problem)) {
      return this.#answer(method, path, query, options);
    }
    throw problem;
  }

  async #fetched(method, path, query, { headers, ...options }) {
    const asked = new URLSearchParams();
    if (this.namespace) asked.set("namespace", this.namespace);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null && value !== "") asked.set(name, value);
    }
    const search = asked.size ? `?${asked}` : "";
    const authorization = this.key ? { Authorization: `Bearer ${this.key}` } : {};
    try {
      return await fetch(`/v1${path}${search}`, {
        method, cache: "no-store", credentials: "omit", headers: { ...headers, ...authorization }, ...options,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, { detail: "The service cannot be reached", fix: "Is `anabranch serve` running?" });
    }
  }
}
