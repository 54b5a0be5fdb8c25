import { FakeSocket, equal, pause, rejected, thrown, until, withRoom } from "./fake_server.js";

const message = (updates, removals, id) => ({ state: { updates, removals }, id });

export const a_room_reads_as_a_map = () => withRoom({}, async ({ room, told, socket }) => {
  equal([room.size, room.status, room.version], [0, "connecting", undefined]);
  (await socket()).accept({ a: 1, b: { x: [2] } }, 7);
  equal(await room.ready === room, true);
  equal([room.size, room.status, room.version, room.session, room.interval], [2, "open", 7, "s", 0.03]);
  equal([room.get("a"), room.get("b"), room.get("c")], [1, { x: [2] }, undefined]);
  equal([room.has("a"), room.has("c")], [true, false]);
  equal([...room], [["a", 1], ["b", { x: [2] }]]);
  equal([[...room.keys()], [...room.values()], [...room.entries()]], [["a", "b"], [1, { x: [2] }], [...room]]);
  const each = [];
  room.forEach((value, key, self) => each.push([key, value, self === room]));
  equal(each, [["a", 1, true], ["b", { x: [2] }, true]]);
  equal(told, [{ updates: { a: 1, b: { x: [2] } }, removals: [] }]);
});

export const a_message_is_a_change = () => withRoom({}, async ({ room, told, socket }) => {
  const server = await socket();
  server.accept({ a: 1, b: 2 });
  server.state({ b: 3, c: null }, ["a"], 2);
  equal(told[1], { updates: { b: 3, c: null }, removals: ["a"] });
  equal([...room], [["b", 3], ["c", null]]);
  server.state({}, ["never there"], 3);
  equal(told.length, 2);
  equal(room.version, 3);
});

export const keys_may_be_anything = () => withRoom({}, async ({ room, told, socket }) => {
  const server = await socket();
  const odd = ["__proto__", "constructor", "", "7", "\0", "é😀", "toString"];
  server.onopen({});
  server.onmessage({ data: '{"welcome": {"session": "s", "epoch": "e", "resumed": false}}' });
  server.onmessage({ data: '{"state": {"updates": {"__proto__": 1}, "removals": []}, "version": 1, "complete": true}' });
  equal([room.get("__proto__"), room.get("constructor"), [...room.keys()]], [1, undefined, ["__proto__"]]);
  for (const key of odd) room.set(key, key);
  equal([...room.keys()].sort(), [...odd].sort());
  const sent = await server.message(0);
  equal(Object.entries(sent.state.updates).map(([key, value]) => key === value), odd.map(() => true));
  server.done(2);
  server.say({ state: sent.state, version: 2 });
  equal(told.length, 2);
  server.onmessage({ data: '{"state": {"updates": {}, "removals": ["__proto__"]}, "version": 3}' });
  equal([...told.at(-1).removals], ["__proto__"]);
});

export const what_is_set_is_seen_at_once = () => withRoom({}, async ({ room, told, socket }) => {
  (await socket()).accept({ a: 1, b: 2 });
  room.set("a", 10);
  room.delete("b");
  equal([...room], [["a", 10]]);
  equal(told.length, 1); // One event for all of it, when the code that sets is through.
  await pause();
  equal(told[1], { updates: { a: 10 }, removals: ["b"] });
});

export const the_echo_changes_nothing = () => withRoom({}, async ({ room, told, socket }) => {
  const server = await socket();
  server.accept({ a: 1 });
  const value = { x: 0.1, y: [1, "é"] };
  const answer = room.set("a", value);
  await server.message(0);
  equal(told.length, 2);
  server.state({ a: 5 }, [], 2); // Somebody else's, before ours.
  equal(room.get("a"), value);
  server.done(3);
  equal(await answer, 3);
  equal(room.get("a"), value);
  server.state({ a: value }, [], 3);
  equal([room.get("a"), told.length], [value, 2]);
  server.state({ a: 6 }, [], 4);
  equal([room.get("a"), told.length], [6, 3]);
});

export const what_came_after_ours_is_seen = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  const answer = room.set("a", 1);
  await server.message(0);
  server.state({ a: 2 }, [], 3); // Ours was 2, somebody else's 3.
  equal(room.get("a"), 1); // Who knows.
  server.done(2);
  equal([await answer, room.get("a")], [2, 2]);

  room.set("a", 3);
  await server.message(1);
  server.done(5);
  server.state({}, ["a"], 6);
  equal(room.has("a"), false);
});

export const of_each_key_the_last_is_sent = () => withRoom({ sendInterval: 0.05 }, async ({ room, socket }) => {
  const server = await socket();
  room.set("early", 1);
  server.accept({});
  room.set("a", 1);
  room.set("a", 2);
  room.set("b", 1);
  room.delete("b");
  equal(await server.message(0), message({ early: 1, a: 2 }, ["b"], 1));
  for (let x = 0; x <= 100; x += 1) room.set("a", x);
  await pause(0.01);
  equal(server.sent.length, 1);
  equal(await server.message(1), message({ a: 100 }, [], 2));
});

export const an_update_stays_whole = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({ gone: 1 });
  const answers = [
    room.update({ a: 1, b: 1 }, ["gone"]),
    room.update(new Map([["c", 1], ["d", 1]]), new Set()),
    room.update([["b", 2], ["c", 2]]), // What it shares a key with goes with it.
    room.set("e", 1),
  ];
  equal(await server.message(0), message({ a: 1, b: 2, c: 2, d: 1, e: 1 }, ["gone"], 1));
  server.refuse("not_allowed"); // One of two is to blame.
  equal(await server.message(2), message({ e: 1 }, [], 3));
  equal(server.sent[1], message({ a: 1, b: 2, c: 2, d: 1 }, ["gone"], 2));
  server.refuse("not_allowed", server.sent[1]);
  server.done(2, server.sent[2]);
  for (const answer of answers.slice(0, 3)) equal((await rejected(answer)).kind, "not_allowed");
  equal(await answers[3], 2);
  equal([...room].sort(), [["e", 1], ["gone", 1]]);
});

export const what_is_refused_is_taken_back = () => withRoom({}, async ({ room, told, socket, errors }) => {
  const server = await socket();
  server.accept({ a: 1, b: 2 });
  const answer = room.update({ a: 10, c: 3 }, ["b"]);
  await server.message(0);
  server.refuse("not_allowed");
  const error = await rejected(answer);
  equal([error.name, error.kind, error.where, error.message], ["RoomError", "not_allowed", "state", "no"]);
  equal([...room].sort(), [["a", 1], ["b", 2]]);
  equal(told.at(-1), { updates: { a: 1, b: 2 }, removals: ["c"] });
  equal(errors, []);
});

export const what_is_refused_undoes_nothing_newer = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  const answers = [room.update({ a: 1, b: 1 })];
  await server.message(0);
  answers.push(room.set("a", 2));
  await server.message(1);
  server.refuse("too_large", server.sent[0]);
  equal((await rejected(answers[0])).kind, "too_large");
  equal([...room], [["a", 2]]);
  server.done(2, server.sent[1]);
  equal(await answers[1], 2);
});

export const too_much_is_sent_later = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  const answers = [room.set("a", 1), room.set("b", 1)];
  await server.message(0);
  server.refuse("rate");
  room.set("a", 2);
  await pause(0.2);
  equal(server.sent.length, 1);
  equal(await server.message(1), message({ a: 2, b: 1 }, [], 2));
  server.done(2);
  equal(await Promise.all(answers), [2, 2]);
});

export const what_is_always_too_much_is_given_up = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  const answer = rejected(room.set("a", 1));
  const sent = [];
  for (let index = 0; index < 3; index += 1) {
    await until(() => server.sent.length > index, 20);
    sent.push(performance.now());
    server.refuse("rate");
  }
  equal((await answer).kind, "rate");
  equal(room.has("a"), false);
  equal([sent[1] - sent[0] > 900, sent[2] - sent[1] > 1900], [true, true]);
});

export const many_keys_are_sent_in_parts = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  for (let index = 0; index < 25; index += 1) room.set(`k${index}`, index);
  server.accept({}, 1, { limits: { updates_per_second: 100 } });
  await server.message(0);
  const whole = room.update(Object.fromEntries([...Array(150).keys()].map(index => [`w${index}`, index])));
  const started = performance.now();
  equal(Object.keys((await server.message(1)).state.updates).length, 150); // That one stays whole.
  equal(performance.now() - started > 200, true); // 25 keys had been named.
  for (let index = 0; index < 150; index += 1) room.set(`m${index}`, index);
  const last = server.sent.length;
  server.done(2, server.sent[1]);
  await whole;
  equal(Object.keys((await server.message(last)).state.updates).length, 100);
  equal(Object.keys((await server.message(last + 1)).state.updates).length, 50);
});

export const a_message_without_a_version_is_of_the_last = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({ a: 1 }, 7);
  server.state({ a: 2 }, [], null);
  equal([room.get("a"), room.version], [2, 7]);
  room.update({ a: 3, b: 3 });
  await server.message(0);
  server.state({ a: 4 }, [], null); // Before or after ours: nobody knows, but ours is still to come.
  equal(room.get("a"), 3);
  server.done(9);
  server.state({ a: 5 }, ["b"], null);
  equal([...room], [["a", 5]]);
});

export const the_limits_of_the_server_are_kept = () => withRoom({}, async ({ room, errors, socket }) => {
  const server = await socket();
  room.set("held back", 1);
  server.accept({}, 1, { limits: { message_bytes: 300, updates_per_second: 5 } });
  equal(room.limits.message_bytes, 300);
  await server.message(0);
  const started = performance.now();
  const long = "é".repeat(40);
  const answers = ["a", "b", "c"].map(key => room.set(key, long));
  const large = rejected(room.set("d", "é".repeat(110)));
  equal(room.has("d"), true);
  await server.message(1);
  equal(performance.now() - started > 150, true); // 5 in a second
  const error = await large;
  equal([error.kind, error.where], ["too_large", 'state.updates["d"]']);
  equal(room.has("d"), false);
  const parts = server.sent.slice(1);
  equal(parts.length > 1, true);
  equal(parts.every(part => new TextEncoder().encode(JSON.stringify(part)).length <= 300), true);
  equal(parts.flatMap(part => Object.keys(part.state.updates)), ["a", "b", "c"]);
  for (const part of parts) server.done(2, part);
  equal(await Promise.all(answers), [2, 2, 2]);
  equal(errors, []);
});

export const a_socket_that_is_full_is_given_no_more = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  server.bufferedAmount = 1e6;
  for (let x = 0; x < 100; x += 1) {
    room.set("a", x);
    await pause(0.001);
  }
  equal(server.sent, []);
  server.bufferedAmount = 0;
  equal(await server.message(0), message({ a: 99 }, [], 1));
});

export const only_so_many_messages_go_unanswered = () =>
  withRoom({ sendInterval: 0 }, async ({ room, socket }) => {
    const server = await socket();
    server.accept({});
    for (let x = 0; x < 200; x += 1) {
      room.set("a", x);
      await pause();
    }
    equal(server.sent.length, 60);
    for (const sent of [...server.sent]) server.done(2, sent);
    equal((await server.message(60)).state.updates, { a: 199 });
  });

export const a_value_is_as_it_was_when_it_was_set = () => withRoom({}, async ({ room, socket }) => {
  const server = await socket();
  server.accept({});
  const value = { list: [1] };
  room.set("a", value);
  value.list.push(2);
  equal(room.get("a"), { list: [1] });
  equal((await server.message(0)).state.updates, { a: { list: [1] } });
});

export const wrong_arguments_change_nothing = () => withRoom({}, async ({ room, told, socket }) => {
  const server = await socket();
  server.accept({ a: 1 });
  const cyclic = {};
  cyclic.self = cyclic;
  for (const value of [undefined, NaN, [Infinity], 1n, () => 1, Symbol("x"), new Map(), new Set(), new Uint8Array(2)]) {
    const text = thrown(() => room.update({ b: 1, "the key": value }));
    equal([text, text.startsWith('TypeError: the value of "the key" must be JSON')], [text, true]);
  }
  equal(thrown(() => room.set("b", cyclic)).startsWith("TypeError"), true);
  equal(thrown(() => room.set(7, 1)), "TypeError: a key must be a string, not 7");
  equal(thrown(() => room.update({ b: 1 }, [null])), "TypeError: a key must be a string, not null");
  equal(thrown(() => room.update({ b: 1 }, "b")), "TypeError: removals must be keys, not one string");
  equal(thrown(() => room.update({ b: 1 }, ["b"])), 'TypeError: "b" is both set and removed');
  equal([...room], [["a", 1]]);
  await pause(0.03);
  equal([told.length, server.sent], [1, []]);
});

export const wrong_options_are_named = () => withRoom({}, async ({ room }) => {
  const { connect } = await import("/web/change-buffers.js");
  const complaint = options => thrown(() => connect("ws://room.example", options));
  equal(complaint({ intervall: 1 }).startsWith("TypeError: there is no option intervall, but interval, "), true);
  equal(complaint({ interval: "1" }), 'TypeError: interval must be a number of seconds above 0, up to 86400, not "1"');
  equal(complaint({ sendInterval: -1 }), "TypeError: sendInterval must be a number of seconds above 0, up to 86400, not -1");
  for (const value of [0, NaN, Infinity, 1e7, null, true]) {
    const text = `TypeError: timeout must be a number of seconds above 0, up to 86400, not ${value}`;
    equal(complaint({ timeout: value }), text);
  }
  equal(complaint({ prefixes: "a." }).startsWith("TypeError: prefixes must be an array"), true);
  equal(complaint({ prefixes: [] }).startsWith("TypeError: prefixes must be an array"), true);
  equal(complaint({ name: 3 }), "TypeError: name must be a string, not 3");
  equal(FakeSocket.all.length, 1);
  equal((await rejected(room.follow({ prefix: ["a."] }))).message, "there is no option prefix, but interval, prefixes");
  equal(thrown(() => connect("http://")).startsWith("TypeError"), true);
});

export const handlers_and_listeners = () => withRoom({}, async ({ room, socket }) => {
  const [heard, statuses] = [[], []];
  const first = () => heard.push("first");
  equal([room.onstatus, typeof room.onchange], [null, "function"]);
  room.onchange = first;
  room.onchange = () => heard.push("second");
  room.addEventListener("change", () => heard.push("listener"));
  room.onstatus = ({ status }) => statuses.push(status);
  (await socket()).accept({ a: 1 });
  equal(heard, ["second", "listener"]);
  room.onchange = null;
  equal(room.onchange, null);
  room.set("b", 1);
  await pause();
  equal(heard, ["second", "listener", "listener"]);
  room.close();
  equal(statuses, ["open", "closed"]);
});
