/** Who one is: the key of this tab, and what the others are told of it. */

import { showError } from "./status.js";

export const PREFIX = "cursor.";

const random = crypto.getRandomValues(new Uint32Array(2));
const id = [...random].map(number => number.toString(36)).join("");

/** The key of this tab. It is the same after a reconnect, so that it goes on being the same one. */
export const ownKey = PREFIX + id;

const hues = [4, 28, 46, 95, 150, 175, 200, 225, 262, 290, 325];
const guest = `Guest ${id.slice(-3)}`;
const own = {
  x: 0.15 + (0.7 * (random[0] % 1000)) / 1000,
  y: 0.15 + (0.6 * (random[1] % 1000)) / 1000,
  name: readName() || guest,
  colour: `hsl(${hues[random[0] % hues.length]} 62% 47%)`,
};

/** Tell the room of oneself, or of what is new. */
export function publish(room, news = {}) {
  Object.assign(own, news);
  room.set(ownKey, own).catch(showError);
  return own;
}

/** Have a name, and keep it for the next time. */
export function rename(room, name) {
  try {
    localStorage.setItem("name", name);
  } catch {
    // Not everybody lets pages keep something.
  }
  publish(room, { name: name.trim() || guest });
}

function readName() {
  try {
    return localStorage.getItem("name")?.slice(0, 30);
  } catch {
    return "";
  }
}
