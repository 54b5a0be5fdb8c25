import { connect, RoomError, type ChangeEvent, type ConnectOptions, type Room } from "./change-buffers.js";

interface Place { x: number; y: number }

const options: ConnectOptions = { interval: 0.1, prefixes: ["cursor."], name: "Ada", sendInterval: 0.05 };
const room: Room<Place> = connect<Place>("/ws", options);
room.onchange = ({ updates, removals }) => {
  for (const [key, place] of updates) console.log(key.length, place.x);
  for (const key of removals) console.log(key.length);
};
room.addEventListener("error", ({ error }) => console.log(error instanceof RoomError, error.kind, error.where));
room.addEventListener("status", ({ status, reason, retryIn }) => console.log(status === "open", reason, retryIn + 1));
const heard = (event: ChangeEvent<Place>) => console.log(event.updates.size);
room.addEventListener("change", heard, { once: true });
room.removeEventListener("change", heard);

async function use(): Promise<void> {
  await room.ready;
  const version: number = await room.set("a", { x: 1, y: 2 });
  await room.update({ b: { x: version, y: 0 } }, new Set(["a"]));
  await room.update(new Map([["c", { x: 1, y: 2 }]]));
  await room.follow({ prefixes: null });
  const place: Place | undefined = room.get("a");
  for (const [key, { x }] of room) console.log(key.length + x, place?.y, room.size, room.has(key));
  const everything: Record<string, Place> = Object.fromEntries(room);
  console.log(await room.ping(), room.delay, room.limits.message_bytes, everything);
  await connect("ws://127.0.0.1:38801/ws").set("any", [1, "two", null, { three: true }]);
  room.close();
}
use();

// And what is wrong is noticed.
// @ts-expect-error
room.set("a", 1);
// @ts-expect-error
room.set(1, { x: 1, y: 2 });
// @ts-expect-error
room.size = 3;
// @ts-expect-error
connect("/ws", { intervall: 1 });
// @ts-expect-error
connect("/ws").set("a", () => 1);
// @ts-expect-error
room.onchange = ({ versions }) => versions;
// @ts-expect-error
room.update({}, [1]);
