import { RoomError } from "./checks.js";
import { Change } from "./content.js";

const ENVELOPE = 100; // Bytes around the changes of a message, at most.
const BACKLOG = 64 * 1024; // Bytes that wait in the socket, above which it is given nothing more.
const MOST_UNANSWERED = 60; // Messages; a server need not wait for those who do not take its answers.
const LOOK_AGAIN = 0.01; // Seconds, while nothing can be sent.
const PAUSE = 1; // Seconds, after the server has said that it is too much.
const TRIES = 2; // So often it is tried again.

const now = () => performance.now() / 1000;

/** One's own changes on their way to the server: at a pace, of each key the last, until they are answered. */
export class Outgoing {
  limits = {};
  delay = NaN;
  #content;
  #line;
  #interval;
  #fail;
  #isOpen = false;
  #unsent = new Set(); // Changes of which no two have a key in common.
  #sent = new Map(); // By id: what has not been answered.
  #lastId = 0;
  #sendAt = 0;
  #pause = PAUSE;
  #isScheduled = false;

  constructor(content, line, interval, fail) {
    this.#content = content;
    this.#line = line;
    this.#interval = interval;
    this.#fail = fail;
  }

  /** Have changes sent, all in one message; the promise is of their version. */
  add(texts) {
    const change = this.#gather(texts.keys());
    this.#unsent.add(change);
    for (const [key, text] of texts) {
      change.texts.set(key, text);
      this.#content.put(key, change);
    }
    this.#schedule();
    return change.answer();
  }

  /** Say again what the server has let go. */
  claim(key, text) {
    const change = new Change();
    change.isClaim = true;
    change.texts.set(key, text);
    this.#content.put(key, change);
    this.#unsent.add(change);
  }

  /** Send something else at once; the promise is of an answer. */
  ask(body) {
    return new Promise((resolve, reject) => this.#send({ changes: [], resolve, reject }, body));
  }

  open(limits) {
    this.limits = limits;
    this.#isOpen = true;
    this.#sendAt = 0;
    this.#pause = PAUSE;
    this.#schedule();
  }

  lost(error, code) {
    this.#isOpen = false;
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    const changes = sent.flatMap(message => message.changes);
    if (code === 1009 && changes.length) {
      // Too large: the server would end the next connection for it, too.
      const largest = changes.reduce((one, other) => (other.size > one.size ? other : one));
      changes.splice(changes.indexOf(largest), 1);
      this.#giveUp(largest, new RoomError("too_large", error.message));
    }
    for (const { reject } of sent) reject?.(error);
    for (const change of changes) this.#restore(change);
  }

  close(error) {
    this.lost(error);
    for (const change of this.#unsent) change.abandon(error);
    this.#unsent.clear();
  }

  answered(id, version) {
    const sent = this.#sent.get(id);
    if (!sent) return;
    this.#sent.delete(id);
    this.delay = now() - sent.at;
    this.#pause = PAUSE;
    sent.resolve?.();
    for (const change of sent.changes) {
      change.version = version;
      this.#content.taken(change);
      change.resolve(version);
    }
  }

  refused(id, error) {
    const sent = this.#sent.get(id);
    this.#sent.delete(id);
    if (!sent) this.#fail(error);
    else if (sent.reject) sent.reject(error);
    else if (error.kind === "rate") {
      this.#sendAt = now() + this.#pause;
      this.#pause *= 2;
      for (const change of sent.changes) {
        change.tries += 1;
        if (change.tries > TRIES) this.#giveUp(change, error);
        else this.#restore(change);
      }
    } else if (sent.changes.length === 1) this.#giveUp(sent.changes[0], error);
    else {
      // One of them is to blame: each is tried by itself.
      for (const change of sent.changes) {
        this.#restore(change);
        if (this.#unsent.delete(change)) this.#post([change]);
      }
    }
  }

  /** Give the one change that is to have these keys: what is still to be sent of them goes with it. */
  #gather(keys) {
    let change = null;
    for (const key of keys) {
      const other = this.#content.newest(key);
      if (other === change || !this.#unsent.has(other)) continue;
      if (change) {
        this.#unsent.delete(other);
        change.absorb(other);
        for (const shared of other.texts.keys()) this.#content.put(shared, change);
      }
      change ??= other;
    }
    return change ?? new Change();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = this.#sendAt - now();
    if (wait > 0) setTimeout(() => this.#flush(), wait * 1000);
    else queueMicrotask(() => this.#flush());
  }

  #flush() {
    this.#isScheduled = false;
    if (!this.#isOpen || this.#unsent.size === 0) return;
    if (now() < this.#sendAt) {
      this.#schedule();
      return;
    }
    let seconds = Math.max(this.#interval, LOOK_AGAIN);
    if (this.#line.backlog <= BACKLOG && this.#sent.size < MOST_UNANSWERED) {
      const { message_bytes: most = Infinity, updates_per_second: rate = Infinity } = this.limits;
      const batch = this.#batch(most, rate);
      const keys = batch.reduce((sum, change) => sum + change.texts.size, 0);
      seconds = Math.max(this.#interval, keys / rate);
      this.#post(batch);
    }
    this.#sendAt = now() + seconds;
    if (this.#unsent.size) this.#schedule();
  }

  /** Take changes for one message, which may have so many bytes and name so many keys. */
  #batch(mostBytes, mostKeys) {
    const batch = [];
    let [bytes, keys] = [ENVELOPE, 0];
    for (const change of this.#unsent) {
      bytes += change.size;
      keys += change.texts.size;
      if (batch.length && (bytes > mostBytes || keys > mostKeys)) break;
      batch.push(change);
      this.#unsent.delete(change);
    }
    return batch;
  }

  #post(changes) {
    const texts = changes.flatMap(change => [...change.texts]);
    const updates = texts.filter(([, text]) => text !== undefined);
    const removals = texts.filter(([, text]) => text === undefined);
    const pairs = updates.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join();
    const body = `"state":{"updates":{${pairs}},"removals":${JSON.stringify(removals.map(([key]) => key))}}`;
    const most = (this.limits.message_bytes ?? Infinity) - ENVELOPE;
    if (3 * body.length <= most || new TextEncoder().encode(body).length <= most) {
      this.#send({ changes }, body);
    } else if (changes.length > 1) {
      for (const change of changes) this.#post([change]);
    } else {
      const [key] = changes[0].texts.keys();
      const message = `a message may have ${this.limits.message_bytes} bytes at most`;
      this.#giveUp(changes[0], new RoomError("too_large", message, `state.updates[${JSON.stringify(key)}]`));
    }
  }

  #send(message, body) {
    this.#lastId += 1;
    this.#sent.set(this.#lastId, { ...message, at: now() });
    this.#line.send(`{${body},"id":${this.#lastId}}`);
  }

  /** Have it sent once more, without what has been changed again since. */
  #restore(change) {
    let newer;
    for (const key of change.texts.keys()) {
      const newest = this.#content.newest(key);
      if (newest === change) continue;
      newer = newest ?? newer;
      change.texts.delete(key);
    }
    if (change.texts.size) {
      this.#unsent.add(change);
      this.#schedule();
    } else if (newer && newer.version === undefined) newer.absorb(change);
    else change.resolve(newer?.version);
  }

  #giveUp(change, error) {
    this.#content.refused(change);
    if (!change.reject(error)) this.#fail(error);
  }
}
