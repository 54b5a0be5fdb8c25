/** The page: enters the room beside it, and has each part of the page show its part of the room. */

import { connect } from "../change-buffers.js";
import { showCursors } from "./cursors.js";
import { showKeys } from "./keys.js";
import { showPeople } from "./people.js";
import { showError, showStatus } from "./status.js";

const address = new URL("ws", document.baseURI);
address.search = location.search; // What an `authorize` hook may want to see.

const room = connect(address, { name: "page" });

// Whoever moves is drawn with the next frame: as often as the screen can show it, and not while nobody looks.
const parts = [showCursors(room), showPeople(room), showKeys(room)];
let changed = new Set();

room.addEventListener("change", ({ updates, removals }) => {
  if (changed.size === 0) requestAnimationFrame(draw);
  for (const key of updates.keys()) changed.add(key);
  for (const key of removals) changed.add(key);
});

function draw() {
  const keys = changed;
  changed = new Set();
  for (const part of parts) part(keys);
}

showStatus(room);
room.addEventListener("error", event => {
  event.preventDefault();
  showError(event.error);
});

globalThis.room = room; // To play with: room.set("title", "hello")
