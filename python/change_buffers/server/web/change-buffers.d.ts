/** What can be a value: what JSON can say. Values are shared; take them as they are, and set a new one instead of changing one. */
export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

/** All times are in seconds. */
export interface FollowOptions {
  /** How long the server gathers changes before it sends them; 0 for as short as it allows. Without it, its own pace. */
  interval?: number;
  /** Follow only the keys that begin with one of these; null for all keys. */
  prefixes?: string[] | null;
}

export interface ConnectOptions extends FollowOptions {
  /** A name for the server's log and statistics. */
  name?: string;
  /** How long to gather one's own changes before they are sent, of each key the last. Default: 1/30. */
  sendInterval?: number;
  /** After this long without a sign of the server the connection is taken to be lost. Default: 10. */
  timeout?: number;
  /** How long to wait at most before the first attempt to reconnect; it doubles from one attempt to the next. Default: 0.5. */
  minRetry?: number;
  /** The longest time to wait between two attempts. Default: 15. */
  maxRetry?: number;
}

/** The keys that were set and those that are gone, since the last such event. */
export interface ChangeEvent<V = Value> extends Event {
  readonly updates: Map<string, V>;
  readonly removals: Set<string>;
}

/**
 * "connecting", at first and after a connection is lost; "open" when everything is there; "closed" after `close()`, and when
 * the server has said that this client is not to come back.
 */
export type Status = "connecting" | "open" | "closed";

export interface StatusEvent extends Event {
  readonly status: Status;
  /** Why a connection was lost, or could not be made; else empty. */
  readonly reason: string;
  /** In how many seconds another one is tried; else 0. */
  readonly retryIn: number;
}

/** An error that no promise tells of. It is logged to the console unless `preventDefault()` is called. */
export interface RoomErrorEvent extends Event {
  readonly error: RoomError;
}

/** What the server allows; what is not named has no limit. */
export interface Limits {
  readonly message_bytes?: number;
  /** How many keys a client may have. */
  readonly keys?: number;
  /** How much memory they may take. */
  readonly state_bytes?: number;
  /** How many keys a client may name in a second, over some time. */
  readonly updates_per_second?: number;
}

export interface RoomEvents<V = Value> {
  change: ChangeEvent<V>;
  status: StatusEvent;
  error: RoomErrorEvent;
}

/**
 * A room, as far as it is followed: a Map that everybody in it shares.
 *
 * What is set here is seen here at once, and sent at the pace of `sendInterval`. If the connection is
 * lost, the content stays as it was, own changes are kept, and another connection is made, again and
 * again. Then the content is brought up to date, and what this client has set and nobody has changed
 * since is set again: the server removes the keys of a client that is gone.
 */
export interface Room<V = Value> extends EventTarget {
  readonly status: Status;
  /** Fulfilled when the content is there for the first time; rejected if the room is closed before. */
  readonly ready: Promise<Room<V>>;
  /** The server's name for this connection; another one after a reconnect. */
  readonly session: string | undefined;
  /** The pace that the server sends at, in seconds. */
  readonly interval: number | undefined;
  readonly limits: Limits;
  /** How many changes of the room the content takes into account. */
  readonly version: number | undefined;
  /** How long the last answer of the server took, in seconds; NaN before there was one. */
  readonly delay: number;

  readonly size: number;
  get(key: string): V | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[string, V]>;
  [Symbol.iterator](): IterableIterator<[string, V]>;
  forEach(call: (value: V, key: string, room: Room<V>) => void, self?: unknown): void;

  /** As `update()` with this key alone. */
  set(key: string, value: V): Promise<number>;
  /** As `update()` with this removal alone. */
  delete(key: string): Promise<number>;
  /**
   * Set and remove keys, all at once or not at all.
   *
   * The promise is fulfilled with the version of the room, when the server has taken it or something
   * newer of this client that replaces it, also if that is on another connection. It is rejected with
   * a `RoomError` if the server refuses it (then the content is as if nothing had been set), or if
   * the room is closed before.
   *
   * Throws a `TypeError` for a key that is no string, a value that is not JSON, a key that is both
   * set and removed.
   */
  update(
    updates?: { readonly [key: string]: V } | Iterable<readonly [string, V]>,
    removals?: Iterable<string>,
  ): Promise<number>;

  /** Follow at another pace, or other keys. What comes and goes with it comes as a change. */
  follow(options: FollowOptions): Promise<void>;
  /** How long a message takes to the server and back, in seconds. Rejected while there is no connection. */
  ping(): Promise<number>;
  /** Leave for good. What was not sent is not sent any more; the content can still be read. */
  close(): void;

  onchange: ((event: ChangeEvent<V>) => void) | null;
  onstatus: ((event: StatusEvent) => void) | null;
  onerror: ((event: RoomErrorEvent) => void) | null;
  addEventListener<T extends keyof RoomEvents<V>>(
    type: T,
    listener: (event: RoomEvents<V>[T]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<T extends keyof RoomEvents<V>>(
    type: T,
    listener: (event: RoomEvents<V>[T]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** What went wrong. */
export class RoomError extends Error {
  constructor(kind: string, message: string, where?: string);
  /**
   * What the server says, as "not_allowed" or "too_large"; or "lost", a connection ended; "closed",
   * by `close()`; "refused", the server does not want this client; "protocol", a message of the
   * server made no sense.
   */
  readonly kind: string;
  /** Which part of a message, as "state.updates['x']"; empty if it is about none. */
  readonly where: string;
}

/**
 * Enter a room. The room comes at once, empty, and tells when it has content: `await room.ready`.
 *
 * Throws a `TypeError` for an option that is unknown or wrong, and what `new URL()` and
 * `new WebSocket()` throw for a bad address. It may be relative to the page, and http(s) or ws(s).
 */
export function connect<V = Value>(url: string | URL, options?: ConnectOptions): Room<V>;
