const PROTOCOL = "change-buffers.json";

const now = () => performance.now() / 1000;

/** A connection that comes back. It knows nothing of what is said over it. */
export class Line {
  #socket = null;
  #openedAt = Infinity;
  #attempts = 0;
  #silence = 0; // In quarters of the time-out.
  #timers = {};

  constructor(address, options, { received, lost, probe }) {
    Object.assign(this, { address, options, received, lost, probe });
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#hurry);
  }

  open() {
    clearTimeout(this.#timers.retry);
    this.#timers = { watch: setInterval(this.#watch, this.options.timeout * 250) };
    this.#silence = 0;
    this.#openedAt = Infinity;
    this.#socket = new WebSocket(this.address(), PROTOCOL);
    this.#socket.onopen = () => { this.#openedAt = now(); };
    this.#socket.onmessage = event => {
      this.#silence = 0;
      this.received(event.data);
    };
    this.#socket.onclose = ({ code, reason }) => this.lose(reason || `the connection ended (${code})`, code);
  }

  get backlog() {
    return this.#socket.bufferedAmount;
  }

  send(text) {
    this.#socket.send(text);
  }

  /** Give this connection up, and try another one after a while. */
  lose(reason, code = 0) {
    this.#drop();
    const { minRetry, maxRetry } = this.options;
    if (now() - this.#openedAt > maxRetry) this.#attempts = 0; // It was a good one.
    const longest = Math.min(maxRetry, minRetry * 2 ** this.#attempts++);
    const retryIn = longest * (0.5 + Math.random() / 2); // So that not all come back at once.
    this.#timers.retry = setTimeout(() => this.open(), retryIn * 1000);
    this.lost(reason, retryIn, code);
  }

  close() {
    this.#drop();
    clearTimeout(this.#timers.retry);
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#hurry);
  }

  #drop() {
    clearInterval(this.#timers.watch);
    // One whose other side is gone takes long to close: nobody waits for it.
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket?.close();
    this.#socket = null;
  }

  #watch = () => {
    this.#silence += 1;
    if (this.#silence === 2) this.probe();
    if (this.#silence >= 4) this.lose(`nothing came for ${this.options.timeout} seconds`);
  };

  /** There is a network again, or somebody looks at the page again. */
  #hurry = () => {
    if (globalThis.document?.hidden) return;
    if (!this.#socket) this.open();
    else if (this.#silence < 2) {
      this.#silence = 1;
      this.#watch();
    }
  };
}
