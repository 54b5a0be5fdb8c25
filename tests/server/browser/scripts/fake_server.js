/** In the place of WebSocket: what the client sends is kept, and the test says what a server would. */

import { connect } from "/web/change-buffers.js";

export const pause = (seconds = 0) => new Promise(resolve => setTimeout(resolve, seconds * 1000));

export async function until(condition, seconds = 5) {
  const end = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`in vain: ${condition}`);
    await pause(0.005);
  }
}

const text = value => JSON.stringify(value, (_, part) => {
  if (part instanceof Map) return Object.fromEntries(part);
  if (part instanceof Set) return [...part];
  return part === undefined ? "undefined" : part;
});

export function equal(value, expected) {
  if (text(value) !== text(expected)) throw new Error(`${text(value)} is not ${text(expected)}`);
}

export async function rejected(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was not rejected");
}

export function thrown(call) {
  try {
    call();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
  throw new Error("nothing was thrown");
}

export class FakeSocket {
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  isClosed = false;

  constructor(url, protocol) {
    this.url = new URL(url);
    this.protocol = protocol;
    FakeSocket.all.push(this);
  }

  send(message) { this.sent.push(JSON.parse(message)); }
  close() { this.isClosed = true; }

  say(message) { this.onmessage?.({ data: JSON.stringify(message) }); }
  state(updates, removals, version, more = {}) { this.say({ state: { updates, removals }, version, ...more }); }
  done(version, message = this.sent.at(-1)) { this.say({ done: message.id, version }); }
  refuse(kind, message = this.sent.at(-1)) {
    this.say({ error: { kind, where: "state", message: "no" }, id: message.id });
  }
  drop(code = 1006, reason = "") { this.onclose?.({ code, reason }); }

  welcome({ resumed = false, epoch = "e", ...more } = {}) {
    this.onopen?.({});
    this.say({ welcome: { session: "s", epoch, interval: 0.03, resumed, limits: {}, ...more } });
  }

  /** Accept the connection and tell all there is. */
  accept(updates = {}, version = 1, more = {}) {
    this.welcome(more);
    this.state(updates, [], version, { complete: true });
  }

  /** The message number `index`, once it has been sent. */
  async message(index) {
    await until(() => this.sent.length > index);
    return this.sent[index];
  }
}

/** Run a test with a client of the fake server; it has a list of what the room has told. */
export async function withRoom(options, test) {
  const { WebSocket } = globalThis;
  globalThis.WebSocket = FakeSocket;
  FakeSocket.all = [];
  const room = connect("http://room.example/ws?key=1#there", { minRetry: 0.02, sendInterval: 0.01, ...options });
  const told = [];
  room.onchange = ({ updates, removals }) => told.push({ updates: new Map(updates), removals: new Set(removals) });
  const errors = [];
  room.onerror = event => {
    event.preventDefault();
    errors.push(event.error);
  };
  const socket = async (index = 0) => {
    await until(() => FakeSocket.all.length > index);
    return FakeSocket.all[index];
  };
  try {
    await test({ room, told, errors, socket });
  } finally {
    room.close();
    globalThis.WebSocket = WebSocket;
  }
}
