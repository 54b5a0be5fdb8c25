/** The board: where everybody points. */

import { PREFIX, ownKey, publish } from "./me.js";
import { personOf } from "./person.js";

const MOST = 500; // More could not be told apart.
const TIP = 12; // Pixels of a cursor at the very edge that are seen.

export function showCursors(room) {
  const board = document.getElementById("board");
  const cursors = new Map();

  const point = event => {
    if (event.pointerType !== "mouse" && event.buttons === 0) return;
    const box = board.getBoundingClientRect();
    const part = (pixels, all) => Math.round(1e4 * Math.min(1, Math.max(0, pixels / (all - TIP)))) / 1e4;
    publish(room, { x: part(event.clientX - box.left, box.width), y: part(event.clientY - box.top, box.height) });
  };
  board.addEventListener("pointermove", point);
  board.addEventListener("pointerdown", point);
  publish(room);

  return keys => {
    for (const key of keys) {
      if (!key.startsWith(PREFIX)) continue;
      const person = personOf(key, room.get(key));
      if (!person) {
        cursors.get(key)?.remove();
        cursors.delete(key);
        continue;
      }
      if (!cursors.has(key)) {
        if (cursors.size >= MOST) continue;
        cursors.set(key, cursor(key));
        board.append(cursors.get(key));
      }
      const { style, classList, lastChild: label } = cursors.get(key);
      style.setProperty("--x", person.x);
      style.setProperty("--y", person.y);
      classList.toggle("left", person.x > 0.8);
      style.color = person.colour;
      if (label.textContent !== person.name) label.textContent = person.name;
    }
  };
}

function cursor(key) {
  const element = document.createElement("div");
  element.className = key === ownKey ? "cursor me" : "cursor";
  element.append(document.createElement("i"), document.createElement("span"));
  return element;
}
