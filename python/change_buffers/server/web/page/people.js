/** Who is here. */

import { PREFIX, ownKey, publish, rename } from "./me.js";
import { personOf } from "./person.js";

const MOST = 100;

export function showPeople(room) {
  const list = document.getElementById("people");
  const count = document.getElementById("people-count");
  const name = document.getElementById("name");
  const people = new Map();
  name.value = publish(room).name;
  name.addEventListener("input", () => rename(room, name.value));

  return keys => {
    let isOther = false;
    for (const key of keys) {
      if (!key.startsWith(PREFIX)) continue;
      const person = personOf(key, room.get(key));
      const before = people.get(key);
      if (person?.name === before?.name && person?.colour === before?.colour) continue;
      if (person) people.set(key, person);
      else people.delete(key);
      isOther = true;
    }
    if (!isOther) return;
    count.textContent = people.size;
    const others = [...people].filter(([key]) => key !== ownKey);
    others.sort(([, one], [, other]) => one.name.localeCompare(other.name));
    const own = people.get(ownKey);
    const chips = others.slice(0, MOST).map(([, person]) => chip(person.name, person.colour));
    if (own) chips.unshift(chip(`${own.name} (you)`, own.colour));
    if (others.length > MOST) chips.push(chip(`and ${others.length - MOST} more`, "transparent"));
    list.replaceChildren(...chips);
  };
}

function chip(name, colour) {
  const [item, dot, text] = ["li", "i", "span"].map(tag => document.createElement(tag));
  dot.style.color = colour;
  text.textContent = name;
  item.append(dot, text);
  return item;
}
