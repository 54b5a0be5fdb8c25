const GONE = Symbol("not there");

const isObject = value => typeof value === "object" && value !== null;
const same = (one, other) =>
  one === other || (isObject(one) && isObject(other) && JSON.stringify(one) === JSON.stringify(other));

/** Changes of one's own that stay together: they go in one message, and have one answer. */
export class Change {
  texts = new Map(); // JSON by key; undefined for one that is removed.
  version = undefined; // Its place in the order of the room, once the server has said so.
  tries = 0; // How often the server has said that it is too much.
  isClaim = false; // Whether it only says again what had been taken by the server before.
  #waiting = [];

  /** A promise of the version that it gets. */
  answer() {
    const waiting = {};
    waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** How many letters it takes on the way. */
  get size() {
    let size = 0;
    for (const [key, text = ""] of this.texts) size += key.length + text.length + 8;
    return size;
  }

  absorb(other) {
    for (const [key, text] of other.texts) this.texts.set(key, text);
    this.#waiting.push(...other.#waiting.splice(0));
  }

  resolve(version) {
    for (const { resolve } of this.#waiting.splice(0)) resolve(version);
  }

  /** Whether anybody was waiting, and is told so. */
  reject(error) {
    return this.#waiting.splice(0).map(({ reject }) => reject(error)).length > 0;
  }

  /** Nobody goes on; who does not wait for it is not to be disturbed. */
  abandon(error) {
    for (const { promise } of this.#waiting) promise.catch(() => {});
    this.reject(error);
  }
}

/**
 * What is seen here: what the server has told, and above it those of one's own changes that its
 * messages do not show yet. It knows nothing of connections.
 */
export class Content {
  seen = new Map();
  prefixes = null;
  #told = new Map();
  #pending = new Map(); // The newest change of one's own, by key.
  #own = new Map(); // JSON by key: what is in the room because of this client, and goes with it.
  #before = new Map(); // What was seen of the keys that have changed since the last flush.

  newest = key => this.#pending.get(key);
  #follows = key => this.prefixes?.some(prefix => key.startsWith(prefix)) ?? true;
  #seen = key => (this.seen.has(key) ? this.seen.get(key) : GONE);

  /** A change of one's own, which is seen at once. */
  put(key, change) {
    this.#pending.set(key, change);
    if (this.#follows(key)) this.#show(key);
  }

  /** The server has taken it: these keys are one's own, until somebody else changes them. */
  taken(change) {
    for (const [key, text] of change.texts) {
      if (text === undefined) this.#own.delete(key);
      else this.#own.set(key, text);
      if (!this.#follows(key) && this.newest(key) === change) this.#pending.delete(key);
    }
  }

  refused(change) {
    for (const key of change.texts.keys()) {
      if (change.isClaim) this.#own.delete(key);
      if (this.newest(key) === change) this.#unveil(key);
    }
  }

  /**
   * What the server tells; if it is complete, nothing else is there. Where its place in the order is
   * not known, it counts as later than what it has answered.
   */
  tell(updates, removals, isComplete, isOrdered) {
    if (isComplete) removals = [...this.#told.keys()].filter(key => !Object.hasOwn(updates, key));
    for (const key of Object.keys(updates)) {
      this.#told.set(key, updates[key]);
      if (this.#isHidden(key, isOrdered)) continue;
      this.#compare(key);
      if (isComplete) this.#show(key);
      else this.#see(key, updates[key]);
    }
    for (const key of removals) {
      this.#told.delete(key);
      if (this.#isHidden(key, isOrdered)) continue;
      this.#compare(key);
      this.#show(key);
    }
  }

  /** The server's messages show what one's own changes up to a version have led to. */
  settle(version) {
    for (const [key, change] of this.#pending) {
      if (!(change.version <= version)) continue;
      this.#compare(key);
      this.#unveil(key);
    }
  }

  /**
   * Before the first message of a new connection is told: one's own keys that have to be said again.
   * The server has let them go, or will when it notices the end of the old connection.
   */
  claims(updates) {
    for (const [key, change] of this.#pending) {
      if (change.version !== undefined) this.#pending.delete(key);
    }
    for (const [key, text] of this.#own) {
      if (Object.hasOwn(updates, key) && JSON.stringify(updates[key]) !== text) this.#own.delete(key);
    }
    return [...this.#own].filter(([key]) => !this.#pending.has(key));
  }

  /** The difference since the last time, if there is any. */
  flush() {
    const updates = new Map();
    const removals = new Set();
    for (const [key, before] of this.#before) {
      const value = this.#seen(key);
      if (value === before) continue;
      if (value === GONE) removals.add(key);
      else updates.set(key, value);
    }
    this.#before.clear();
    return updates.size + removals.size ? { updates, removals } : null;
  }

  /** Whether a change of one's own is seen in the place of what is told. */
  #isHidden(key, isOrdered) {
    const change = this.newest(key);
    if (change && !isOrdered && change.version !== undefined) return !this.#pending.delete(key);
    return change !== undefined;
  }

  #unveil(key) {
    this.#pending.delete(key);
    this.#show(key);
  }

  /** What is told to be different was changed by somebody else, and is not one's own any more. */
  #compare(key) {
    if (!this.#own.has(key) || !this.#follows(key)) return;
    if (JSON.stringify(this.#told.get(key)) !== this.#own.get(key)) this.#own.delete(key);
  }

  #show(key) {
    const change = this.newest(key);
    let value = GONE;
    if (!change && this.#told.has(key)) value = this.#told.get(key);
    const text = change?.texts.get(key);
    if (text !== undefined) value = JSON.parse(text);
    if (!same(value, this.#seen(key))) this.#see(key, value);
  }

  #see(key, value) {
    if (!this.#before.has(key)) this.#before.set(key, this.#seen(key));
    if (value === GONE) this.seen.delete(key);
    else this.seen.set(key, value);
  }
}
