/** What went wrong: what the server has refused, or what ended a connection. */
export class RoomError extends Error {
  name = "RoomError";

  constructor(kind, message, where = "") {
    super(message);
    this.kind = kind;
    this.where = where;
  }
}

const show = value => (typeof value === "string" ? JSON.stringify(value) : String(value));

export function checkKey(key) {
  if (typeof key !== "string") throw new TypeError(`a key must be a string, not ${show(key)}`);
  return key;
}

const DAY = 24 * 60 * 60; // Timers of browsers don't go on for ever.
const MAY_BE_0 = ["interval", "sendInterval"]; // As often as the server allows; at once.

function check(name, value) {
  if (name === "name") {
    if (typeof value !== "string") throw new TypeError(`name must be a string, not ${show(value)}`);
  } else if (name === "prefixes") {
    if (value !== null && !(Array.isArray(value) && value.length && value.every(prefix => typeof prefix === "string"))) {
      throw new TypeError(`prefixes must be an array of at least one string, or null for all, not ${show(value)}`);
    }
  } else if (!(value <= DAY && (value > 0 || (value === 0 && MAY_BE_0.includes(name)))) || typeof value !== "number") {
    throw new TypeError(`${name} must be a number of seconds above 0, up to ${DAY}, not ${show(value)}`);
  }
}

/** Give the options that were not left out; one that is wrong or unknown is an error that names it. */
export function checkOptions(options, known) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!known.includes(name)) throw new TypeError(`there is no option ${name}, but ${known.join(", ")}`);
    check(name, value);
  }
  return Object.fromEntries(given);
}

/** Give a value as JSON; what JSON would change or drop without a word is an error that names the key. */
export function encode(key, value) {
  const refuse = part => {
    throw new TypeError(`the value of ${show(key)} must be JSON, which has no ${show(part)}`);
  };
  const text = JSON.stringify(value, (_, part) => {
    const isNoNumber = typeof part === "number" && !Number.isFinite(part);
    if (isNoNumber || ["bigint", "function", "symbol"].includes(typeof part)) refuse(part);
    if (part instanceof Map || part instanceof Set || ArrayBuffer.isView(part)) refuse(part);
    return part;
  });
  return text ?? refuse(value);
}
