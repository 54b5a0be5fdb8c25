/**
 * A client of a room of change-buffers: a Map that everybody in the room shares.
 *
 * `change-buffers.d.ts` beside this file says how it is used; here stands how it works. There is no
 * build step, and nothing is needed but what stands in `change-buffers/`.
 */

import { RoomError, checkKey, checkOptions, encode } from "./change-buffers/checks.js";
import { Content } from "./change-buffers/content.js";
import { Line } from "./change-buffers/line.js";
import { Outgoing } from "./change-buffers/outgoing.js";

const FOLLOWING = { interval: undefined, prefixes: undefined };
const OPTIONS = { ...FOLLOWING, name: undefined, sendInterval: 1 / 30, timeout: 10, minRetry: 0.5, maxRetry: 15 };
const NOT_WELCOME = 1008; // With this code the server says that one is not to come back.
const NO_CHANGE = '"state":{"updates":{},"removals":[]}';

/** Enter a room. */
export function connect(url, options = {}) {
  return new Room(url, options);
}

export { RoomError };

class RoomEvent extends Event {
  constructor(type, fields, options) {
    super(type, options);
    Object.assign(this, fields);
  }
}

class Room extends EventTarget {
  #address;
  #options;
  #content = new Content();
  #line;
  #outgoing;
  #status = "connecting";
  #ready = {};
  #handlers = {};
  #isEmitting = false;
  #welcome = {};
  #version = undefined;
  #token = ""; // Where the server can go on from, if it is known.
  #followed = ""; // The settings that the server has been told.
  #awaited = 0; // How many complete messages are to come because of them.

  constructor(url, options) {
    super();
    this.#options = { ...OPTIONS, ...checkOptions(options, Object.keys(OPTIONS)) };
    this.#content.prefixes = this.#options.prefixes ?? null;
    this.#address = new URL(url, globalThis.location?.href);
    this.#address.hash = "";
    this.#address.protocol = this.#address.protocol.replace(/^http/, "ws");
    this.#ready.promise = new Promise((resolve, reject) => Object.assign(this.#ready, { resolve, reject }));
    this.#ready.promise.catch(() => {}); // Nobody has to wait for it.
    this.#line = new Line(() => this.#query(), this.#options, {
      received: data => this.#receive(data),
      lost: (reason, retryIn, code) => this.#lost(reason, retryIn, code),
      probe: () => this.ping().catch(() => {}),
    });
    this.#outgoing = new Outgoing(this.#content, this.#line, this.#options.sendInterval, error => this.#fail(error));
    this.#line.open();
  }

  get status() { return this.#status; }
  get ready() { return this.#ready.promise; }
  get session() { return this.#welcome.session; }
  get interval() { return this.#welcome.interval; }
  get limits() { return this.#outgoing.limits; }
  get version() { return this.#version; }
  get delay() { return this.#outgoing.delay; }

  get size() { return this.#content.seen.size; }
  get(key) { return this.#content.seen.get(key); }
  has(key) { return this.#content.seen.has(key); }
  keys() { return this.#content.seen.keys(); }
  values() { return this.#content.seen.values(); }
  entries() { return this.#content.seen.entries(); }
  [Symbol.iterator]() { return this.entries(); }
  forEach(call, self) { for (const [key, value] of this) call.call(self, value, key, this); }

  set(key, value) { return this.update([[key, value]]); }
  delete(key) { return this.update([], [key]); }

  update(updates = {}, removals = []) {
    // All of it is looked at before any of it is done.
    const texts = new Map();
    const entries = typeof updates?.[Symbol.iterator] === "function" ? updates : Object.entries(updates);
    for (const [key, value] of entries) texts.set(checkKey(key), encode(key, value));
    if (typeof removals === "string") throw new TypeError("removals must be keys, not one string");
    for (const key of removals) {
      if (texts.get(checkKey(key)) !== undefined) throw new TypeError(`${JSON.stringify(key)} is both set and removed`);
      texts.set(key, undefined);
    }
    if (this.#status === "closed") return Promise.reject(new RoomError("closed", "the room has been left"));
    const answer = this.#outgoing.add(texts);
    this.#emitSoon();
    return answer;
  }

  async ping() {
    if (this.#status !== "open") throw new RoomError("lost", "there is no connection");
    const start = performance.now();
    await this.#outgoing.ask(NO_CHANGE);
    return (performance.now() - start) / 1000;
  }

  async follow(settings) {
    const { interval, prefixes } = this.#options;
    this.#setFollowing({ interval, prefixes, ...checkOptions(settings, Object.keys(FOLLOWING)) });
    if (this.#status !== "open") return;
    try {
      await this.#tellFollowing();
    } catch (error) {
      this.#setFollowing({ interval, prefixes });
      throw error;
    }
  }

  close() {
    if (this.#status !== "closed") this.#end(new RoomError("closed", "the room has been left"));
  }

  #setFollowing(following) {
    Object.assign(this.#options, following);
    this.#content.prefixes = following.prefixes ?? null;
    this.#token = "";
  }

  get #following() {
    const { interval, prefixes = null } = this.#options;
    return JSON.stringify({ interval, prefixes });
  }

  async #tellFollowing() {
    const before = this.#followed;
    this.#followed = this.#following;
    this.#awaited += 1;
    try {
      await this.#outgoing.ask(`"follow":${this.#followed}`);
    } catch (error) {
      if (error.kind === "lost") return; // The next connection begins with it.
      this.#awaited -= 1;
      this.#followed = before;
      throw error;
    }
  }

  #query() {
    const { name, interval, prefixes } = this.#options;
    const url = new URL(this.#address);
    if (name !== undefined) url.searchParams.set("name", name);
    if (interval !== undefined) url.searchParams.set("interval", interval);
    for (const prefix of prefixes ?? []) url.searchParams.append("prefix", prefix);
    if (this.#token) url.searchParams.set("resume", this.#token);
    this.#followed = this.#following;
    this.#awaited = 0;
    return url;
  }

  #receive(data) {
    let isFirst = false;
    try {
      const message = JSON.parse(data);
      if (message.welcome) this.#welcome = message.welcome;
      if (message.state) {
        isFirst = this.#status !== "open";
        this.#tell(message, isFirst);
      }
      if (message.done !== undefined) this.#outgoing.answered(message.done, message.version);
      if (message.error) {
        const { kind, message: text, where } = message.error;
        this.#outgoing.refused(message.id, new RoomError(kind, text, where));
      }
      this.#content.settle(this.#version);
    } catch (error) {
      this.#token = ""; // Nobody knows what has been missed.
      this.#fail(new RoomError("protocol", `a message of the server makes no sense: ${error.message}`));
      this.#line.lose("a message of the server made no sense");
      return;
    }
    this.#emit();
    if (isFirst && this.#status !== "closed") this.#opened();
  }

  #tell({ state: { updates = {}, removals = [] }, version, complete = false }, isFirst) {
    const isComplete = complete || (isFirst && !this.#welcome.resumed);
    if (isFirst) {
      for (const [key, text] of this.#content.claims(updates)) this.#outgoing.claim(key, text);
    }
    this.#content.tell(updates, removals, isComplete, version !== null);
    this.#version = version ?? this.#version;
    if (!Number.isSafeInteger(this.#version)) throw new TypeError("there is no version");
    if (complete && !isFirst) this.#awaited -= 1;
    const isAll = this.#awaited === 0 && this.#followed === this.#following;
    this.#token = isAll ? `${this.#welcome.epoch}.${this.#version}` : "";
  }

  #opened() {
    this.#setStatus("open");
    this.#ready.resolve(this);
    if (this.#status !== "open") return; // Left by who was told.
    if (this.#followed !== this.#following) this.#tellFollowing().catch(error => this.#fail(error));
    this.#outgoing.open(this.#welcome.limits ?? {});
  }

  #lost(reason, retryIn, code) {
    if (code === NOT_WELCOME) {
      this.#end(new RoomError("refused", reason), reason);
      return;
    }
    this.#outgoing.lost(new RoomError("lost", reason), code);
    this.#emitSoon();
    this.#setStatus("connecting", { reason, retryIn });
  }

  #end(error, reason) {
    this.#line.close();
    this.#outgoing.close(error);
    this.#ready.reject(error);
    this.#setStatus("closed", { reason });
  }

  #setStatus(status, { reason = "", retryIn = 0 } = {}) {
    this.#status = status;
    this.dispatchEvent(new RoomEvent("status", { status, reason, retryIn }));
  }

  /** Tell of what has changed, of all that the present piece of code changes at once. */
  #emitSoon() {
    if (this.#isEmitting) return;
    this.#isEmitting = true;
    queueMicrotask(() => this.#emit());
  }

  #emit() {
    this.#isEmitting = false;
    const change = this.#content.flush();
    if (change) this.dispatchEvent(new RoomEvent("change", change));
  }

  /** Tell of an error that no promise tells of. */
  #fail(error) {
    this.#emitSoon();
    if (this.dispatchEvent(new RoomEvent("error", { error }, { cancelable: true }))) console.error(error);
  }

  static {
    for (const type of ["change", "status", "error"]) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get() { return this.#handlers[type] ?? null; },
        set(handler) {
          this.removeEventListener(type, this.#handlers[type]);
          this.#handlers[type] = typeof handler === "function" ? handler : null;
          this.addEventListener(type, this.#handlers[type]);
        },
      });
    }
  }
}
