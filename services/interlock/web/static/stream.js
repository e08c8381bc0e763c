// One stream of a project: it says that something is new, and how it stands. Used by the worker, and by a tab without one.
//
// A listener gets { state, since, position, now, testClock, streams }: `state` is connecting, live, away or over;
// `since` is when it was last live (this machine's clock, in ms); `position` is the last one that was heard of.

// The server shows a sign of life each 15 s. A connection can be dead and not say so.
const SILENT_MS = 40_000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 15_000;

export class Stream {
  #source = null;
  #timer = null;
  #wait = RETRY_MS;
  #listeners = new Set();

  constructor(address, after) {
    this.address = address;
    this.told = { state: "connecting", since: Date.now(), position: after, now: null, testClock: false, streams: null };
    this.#open();
  }

  listen(listener) {
    this.#listeners.add(listener);
    listener(this.told);
  }

  forget(listener) {
    this.#listeners.delete(listener);
  }

  // Ask at once, where it waits to try again: a tab was looked at, or the machine is back from its sleep.
  wake() {
    if (this.told.state === "away") {
      this.#wait = RETRY_MS;
      this.#open();
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #tell(news) {
    this.told = { ...this.told, ...news };
    for (const listener of this.#listeners) listener(this.told);
  }

  #open() {
    this.close();
    // The browser sends Last-Event-ID only where it connects again by itself; here the address says it.
    const source = new EventSource(`${this.address}?after=${this.told.position}`);
    this.#source = source;
    source.addEventListener("happened", (event) => {
      const { position } = JSON.parse(event.data);
      this.#alive({ position: Math.max(this.told.position, position) });
    });
    source.addEventListener("clock", (event) => {
      const said = JSON.parse(event.data);
      const streams = said.streams ?? this.told.streams;
      this.#alive({ now: said.now, heardAt: Date.now(), testClock: said.test_clock, streams });
    });
    source.addEventListener("over", () => {
      source.close();
      clearTimeout(this.#timer);
      this.#tell({ state: "over" });
    });
    source.addEventListener("error", () => this.#lost(source));
    this.#expect();
  }

  #alive(news) {
    this.#wait = RETRY_MS;
    this.#expect();
    this.#tell({ ...news, state: "live", since: Date.now() });
  }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(this.#source), SILENT_MS);
  }

  #lost(source) {
    if (source !== this.#source) return;
    source.close();
    clearTimeout(this.#timer);
    if (this.told.state !== "away") this.#tell({ state: "away" });
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, RETRY_MAX_MS);
  }
}
