/** Everything else: a row for each key. What is typed and is JSON is set as such, the rest as text. */

import { PREFIX } from "./me.js";
import { showError } from "./status.js";

const MOST = 200; // A page of 10,000 rows would be of no use.

const shown = value => (typeof value === "string" && read(value) === value ? value : JSON.stringify(value));

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function showKeys(room) {
  const body = document.querySelector("#keys tbody");
  const count = document.getElementById("keys-count");
  const more = document.getElementById("keys-more");
  const form = document.getElementById("add");
  const rows = new Map();
  const names = new Set();

  const set = (key, text) => {
    try {
      room.set(key, read(text)).catch(showError);
    } catch (error) {
      showError(error);
    }
  };

  const fill = key => {
    const input = rows.get(key)?.querySelector("input");
    // One's own typing comes back late: it would undo what has been typed since.
    if (input && document.activeElement !== input) input.value = shown(room.get(key));
  };

  const row = key => {
    const element = document.createElement("tr");
    const [name, value, action] = [0, 1, 2].map(() => element.insertCell());
    const [input, button] = ["input", "button"].map(tag => document.createElement(tag));
    name.textContent = name.title = key;
    input.setAttribute("aria-label", key);
    input.spellcheck = false;
    input.addEventListener("input", () => set(key, input.value));
    input.addEventListener("blur", () => room.has(key) && fill(key));
    button.type = "button";
    button.textContent = "×";
    button.title = "Remove";
    button.setAttribute("aria-label", `Remove ${key}`);
    button.addEventListener("click", () => room.delete(key).catch(showError));
    value.append(input);
    action.append(button);
    return element;
  };

  form.addEventListener("submit", event => {
    event.preventDefault();
    const [key, value] = [form.elements["new-key"], form.elements["new-value"]];
    set(key.value, value.value);
    form.reset();
    key.focus();
  });

  return keys => {
    let isOther = false;
    for (const key of keys) {
      if (key.startsWith(PREFIX)) continue;
      if (room.has(key) !== names.has(key)) isOther = true;
      if (room.has(key)) names.add(key);
      else names.delete(key);
    }
    if (isOther) {
      const wanted = [...names].sort().slice(0, MOST);
      const kept = new Set(wanted);
      for (const [key, element] of rows) {
        if (kept.has(key)) continue;
        rows.delete(key); // First: one that has the focus is filled again when it loses it.
        element.remove();
      }
      wanted.forEach((key, index) => {
        if (!rows.has(key)) rows.set(key, row(key));
        const element = rows.get(key);
        if (body.rows[index] !== element) body.insertBefore(element, body.rows[index] ?? null);
        fill(key);
      });
      count.textContent = names.size;
      more.textContent = names.size > MOST ? `and ${names.size - MOST} more` : "";
    }
    for (const key of keys) fill(key);
  };
}
