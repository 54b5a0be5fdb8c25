/** The board: where everybody points. */

import { PREFIX, ownKey, publish } from "./me.js";
import { personOf } from "./person.js";

const MOST = 500; // More could not be told apart.
const RIGHT = 0.8; // From there on names stand to the left.
const TIP = 12; // Pixels of a cursor at the very edge that are seen.

export function showCursors(room) {
  const board = document.getElementById("board");
  const cursors = new Map(); // By key: the element, and whom it shows.
  const size = { width: 0, height: 0 };

  const place = ({ element, person }) => {
    element.style.transform = `translate(${person.x * size.width}px, ${person.y * size.height}px)`;
  };

  const measure = () => {
    const box = board.getBoundingClientRect();
    Object.assign(size, { width: box.width - TIP, height: box.height - TIP });
    for (const each of cursors.values()) place(each);
  };
  measure();
  new ResizeObserver(measure).observe(board);

  const point = event => {
    if (event.pointerType !== "mouse" && event.buttons === 0) return;
    const box = board.getBoundingClientRect();
    const part = (pixels, all) => Math.round(1e4 * Math.min(1, Math.max(0, pixels / all))) / 1e4;
    publish(room, { x: part(event.clientX - box.left, size.width), y: part(event.clientY - box.top, size.height) });
  };
  board.addEventListener("pointermove", point);
  board.addEventListener("pointerdown", point);
  publish(room);

  return keys => {
    for (const key of keys) {
      if (!key.startsWith(PREFIX)) continue;
      const person = personOf(key, room.get(key));
      let shown = cursors.get(key);
      if (!person) {
        shown?.element.remove();
        cursors.delete(key);
        continue;
      }
      if (!shown) {
        if (cursors.size >= MOST) continue;
        shown = { element: cursor(key), person: {} };
        cursors.set(key, shown);
        board.append(shown.element);
      }
      const { element, person: before } = shown;
      shown.person = person;
      place(shown);
      if (person.x > RIGHT !== before.x > RIGHT) element.classList.toggle("left", person.x > RIGHT);
      if (person.colour !== before.colour) element.style.color = person.colour;
      if (person.name !== before.name) element.lastChild.textContent = person.name;
    }
  };
}

function cursor(key) {
  const element = document.createElement("div");
  element.dataset.key = key; // For whoever looks at it with the browser's tools.
  element.className = key === ownKey ? "cursor me" : "cursor";
  element.append(document.createElement("i"), document.createElement("span"));
  return element;
}
