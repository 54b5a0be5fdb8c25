import { FakeSocket, equal, pause, rejected, until, withRoom } from "./fake_server.js";

const query = socket => [...socket.url.searchParams].filter(([name]) => name !== "key");

export const the_settings_stand_in_the_address = () =>
  withRoom({ interval: 0.1, prefixes: ["a.", "b&"], name: "Ada L" }, async ({ socket }) => {
    const expected = [["name", "Ada L"], ["interval", "0.1"], ["prefix", "a."], ["prefix", "b&"]];
    equal(query(await socket()), expected);
    FakeSocket.all[0].accept({});
    FakeSocket.all[0].drop();
    equal(query(await socket(1)), [...expected, ["resume", "e.1"]]);
  });

export const own_keys_that_are_not_followed_are_not_seen = () =>
  withRoom({ prefixes: ["a."] }, async ({ room, told, socket }) => {
    const server = await socket();
    server.accept({ "a.x": 1 });
    const answer = room.update({ "a.y": 2, "b.x": 3 });
    equal([...room], [["a.x", 1], ["a.y", 2]]);
    equal((await server.message(0)).state.updates, { "a.y": 2, "b.x": 3 });
    server.done(2);
    equal(await answer, 2);
    server.state({ "a.y": 2 }, [], 2);
    equal(told.map(({ updates }) => updates), [{ "a.x": 1 }, { "a.y": 2 }]);
    server.drop();
    const second = await socket(1);
    second.accept({ "a.x": 1 }); // Ours, though.
    equal((await second.message(0)).state.updates, { "a.y": 2, "b.x": 3 });
  });

export const following_something_else = () => withRoom({ interval: 0.1 }, async ({ room, told, socket }) => {
  const server = await socket();
  server.accept({ "a.x": 1, "b.x": 2 });
  const followed = room.follow({ prefixes: ["b."] });
  equal(server.sent[0], { follow: { interval: 0.1, prefixes: ["b."] }, id: 1 });
  server.state({ "a.x": 9 }, [], 2); // It was on its way.
  server.done(2);
  await followed;
  server.state({ "b.x": 2, "b.y": 3 }, [], 3, { complete: true });
  equal([...room], [["b.x", 2], ["b.y", 3]]);
  equal(told.at(-1), { updates: { "b.y": 3 }, removals: ["a.x"] });
  room.follow({ interval: 0.2, prefixes: null });
  equal(server.sent[1], { follow: { interval: 0.2, prefixes: null }, id: 2 });
  server.drop(); // Before it was answered: the next one begins with it, and with all there is.
  const second = await socket(1);
  equal(query(second), [["interval", "0.2"]]);
  second.accept({ "a.x": 9 });
  second.drop();
  equal(query(await socket(2)), [["interval", "0.2"], ["resume", "e.1"]]);
});

export const settings_that_are_refused_stay_as_they_were = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({ a: 1 });
  const followed = rejected(room.follow({ interval: 1000 }));
  server.refuse("malformed");
  equal((await followed).kind, "malformed");
  server.state({ a: 2 }, [], 2);
  server.drop();
  equal(query(await socket(1)), [["resume", "e.2"]]);
});

export const settings_that_come_too_early_are_told_later = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  await room.follow({ prefixes: ["b."] });
  equal(query(server), []);
  server.accept({ a: 1, "b.x": 1 });
  equal(server.sent, [{ follow: { prefixes: ["b."] }, id: 1 }]);
  server.drop(); // There is nothing to go on from: what has come is not what was asked for.
  equal(query(await socket(1)), [["prefix", "b."]]);
});

export const a_ping_is_answered = () => withRoom({}, async ({ room, socket }) => {
  equal((await rejected(room.ping())).kind, "lost");
  const server = await socket();
  server.accept({});
  equal(Number.isNaN(room.delay), true);
  const asked = room.ping();
  await pause(0.05);
  server.done(1);
  const seconds = await asked;
  equal([seconds >= 0.04 && seconds < 5, room.delay >= 0.04], [true, true]);
  const lost = rejected(room.ping());
  server.drop();
  equal((await lost).kind, "lost");
});

export const leaving_is_for_good = () => withRoom({}, async ({ room, told, socket }) => {
  const server = await socket();
  server.accept({ a: 1 });
  const ready = await room.ready;
  const answers = [room.set("b", 1)];
  await server.message(0);
  answers.push(room.set("c", 1), room.ping());
  room.set("d", 1); // Nobody waits for this one, so nobody is disturbed.
  room.close();
  room.close();
  equal([ready === room, room.status, server.isClosed], [true, "closed", true]);
  for (const answer of answers) equal((await rejected(answer)).kind, "closed");
  equal((await rejected(room.set("b", 2))).kind, "closed");
  equal([room.get("a"), room.get("b")], [1, 1]); // Still there to be read.
  const count = told.length;
  server.state({ a: 2 }, [], 2);
  globalThis.dispatchEvent(new Event("online"));
  await pause(0.1);
  equal([told.length <= count + 1, room.get("a"), FakeSocket.all.length], [true, 1, 1]);
});

export const leaving_before_it_has_begun = () => withRoom({}, async ({ room, socket }) => {
  const ready = rejected(room.ready);
  (await socket()).drop();
  room.close();
  equal((await ready).kind, "closed");
  await pause(0.1);
  equal(FakeSocket.all.length, 1);
});

export const whoever_is_told_may_leave = () => withRoom({}, async ({ room, socket }) => {
  room.onchange = () => room.close();
  const server = await socket();
  server.accept({ a: 1 });
  equal([room.status, server.isClosed], ["closed", true]);
});

export const a_listener_that_fails_harms_nobody = () => withRoom({}, async ({ room, socket }) => {
  const failures = [];
  const note = event => {
    event.preventDefault();
    failures.push(event.message);
  };
  globalThis.addEventListener("error", note);
  try {
    room.onchange = () => { throw new Error("a bug"); };
    const server = await socket();
    server.accept({ a: 1 });
    server.state({ a: 2 }, [], 2);
    await until(() => failures.length === 2);
    equal([room.get("a"), room.status, failures[0].includes("a bug")], [2, "open", true]);
  } finally {
    globalThis.removeEventListener("error", note);
  }
});
