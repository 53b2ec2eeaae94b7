// The stream of events: server-sent events read by fetch, since an EventSource sends no key.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const SILENT_MS = 40_000; // The service says something every 15 s.

/** Yield the frames of a body of server-sent events: an id, a kind, and data. */
export async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) yield frameOf(part);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function frameOf(part) {
  const frame = { id: null, kind: "message", data: null };
  for (const line of part.split("\n")) {
    const [name, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()];
    if (name === "id") frame.id = Number(value);
    else if (name === "event") frame.kind = value;
    else if (name === "data") frame.data = value;
  }
  return frame;
}

/** Follows the events after a position, and comes again after every break, without a gap. */
export class EventStream {
  #ending = null;

  constructor(connection, { onevents, onerased, onstate }) {
    this.connection = connection;
    this.onevents = onevents;
    this.onerased = onerased;
    this.onstate = onstate;
    this.position = 0;
  }

  /** Follow what comes after a position, instead of what was followed before. */
  start(position) {
    this.stop();
    this.position = position;
    this.#ending = new AbortController();
    this.#follow(this.#ending.signal);
  }

  /** Follow nothing. */
  stop() {
    this.#ending?.abort();
    this.#ending = null;
  }

  async #follow(signal) {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#read(signal, () => { pause = FIRST_PAUSE_MS; });
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401 || error.status === 403) {
          this.onstate("refused", error);
          return;
        }
      }
      if (signal.aborted) return;
      this.onstate("lost");
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Read until the stream ends; one that is silent for too long, or goes offline, is cut off. */
  async #read(signal, came) {
    const cut = new AbortController();
    const cutOff = () => cut.abort();
    let timer = setTimeout(cutOff, SILENT_MS);
    window.addEventListener("offline", cutOff);
    try {
      await this.#frames(AbortSignal.any([signal, cut.signal]), () => {
        clearTimeout(timer);
        timer = setTimeout(cutOff, SILENT_MS);
        came();
      });
    } finally {
      clearTimeout(timer);
      window.removeEventListener("offline", cutOff);
    }
  }

  async #frames(signal, came) {
    const headers = { "Last-Event-ID": String(this.position) };
    const answer = await this.connection.open("/events/stream", { headers, signal });
    this.onstate("live");
    for await (const frame of frames(answer.body)) {
      if (signal.aborted) return;
      came();
      if (frame.kind === "problem") return;
      if (frame.kind === "erased") this.onerased(JSON.parse(frame.data).position);
      else if (frame.data) this.onevents(JSON.parse(frame.data));
      if (frame.id !== null) this.position = frame.id;
    }
  }
}
