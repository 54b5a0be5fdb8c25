import { FakeSocket, equal, pause, rejected, withRoom } from "./fake_server.js";

const resume = socket => socket.url.searchParams.get("resume");

export const it_goes_on_from_where_it_was = () => withRoom({}, async ({ room, told, socket }) => {
  const statuses = [];
  room.onstatus = ({ status, reason }) => statuses.push([status, reason]);
  const first = await socket();
  equal([first.protocol, String(first.url)], ["change-buffers.json", "ws://room.example/ws?key=1"]);
  first.accept({ a: 1, b: 2 }, 7, { epoch: "x" });
  first.state({ a: 3 }, [], 9);
  first.drop(1001, "the server goes away");
  equal([room.status, ...room], ["connecting", ["a", 3], ["b", 2]]);
  const second = await socket(1);
  equal([resume(second), second.url.searchParams.get("key")], ["x.9", "1"]);
  second.welcome({ resumed: true, epoch: "x" });
  equal(room.status, "connecting");
  second.state({ c: 4 }, ["b"], 11);
  equal([...room], [["a", 3], ["c", 4]]);
  equal(told.at(-1), { updates: { c: 4 }, removals: ["b"] });
  equal(statuses, [["open", ""], ["connecting", "the server goes away"], ["open", ""]]);
  second.drop();
  equal(statuses.at(-1), ["connecting", "the connection ended (1006)"]);
  equal(resume(await socket(2)), "x.11");
});

export const of_all_there_is_the_difference_is_told = () => withRoom({}, async ({ room, told, socket }) => {
  (await socket()).accept({ same: { x: [1] }, other: 1, gone: 2 });
  FakeSocket.all[0].drop();
  (await socket(1)).accept({ same: { x: [1] }, other: 3, new: 4 }, 1, { epoch: "of another server" });
  equal(told[1], { updates: { other: 3, new: 4 }, removals: ["gone"] });
  equal([...room].sort(), [["new", 4], ["other", 3], ["same", { x: [1] }]]);
  FakeSocket.all[1].drop();
  (await socket(2)).accept({});
  equal([room.size, [...told[2].removals].sort()], [0, ["new", "other", "same"]]);
  FakeSocket.all[2].drop();
  (await socket(3)).accept({});
  equal([told.length, room.status], [3, "open"]);
});

async function withOwnKeys({ room, socket }) {
  const server = await socket();
  server.accept({ others: 1 });
  const answer = room.update({ me: { x: 1 }, title: "mine" });
  const { state } = await server.message(0);
  server.done(2);
  server.state(state.updates, [], 2);
  return answer;
}

export const own_keys_are_set_again = () => withRoom({}, async parts => {
  const { room, told, socket } = parts;
  await withOwnKeys(parts);
  const events = told.length;
  (await socket()).drop();
  const second = await socket(1);
  second.welcome({ resumed: true });
  second.state({}, ["me", "title"], 3); // The server has removed what was ours.
  const sent = await second.message(0);
  equal(sent.state, { updates: { me: { x: 1 }, title: "mine" }, removals: [] });
  second.done(4);
  second.state(sent.state.updates, [], 4);
  equal([told.length, room.get("me")], [events, { x: 1 }]); // Nothing has flickered.

  second.drop(); // And the same where all there is comes instead.
  const third = await socket(2);
  third.accept({ others: 1 }, 1, { epoch: "another" });
  equal((await third.message(0)).state.updates, { me: { x: 1 }, title: "mine" });
  equal(told.length, events);
});

export const a_connection_that_the_server_takes_for_alive_is_taken_over = () => withRoom({}, async parts => {
  const { told, socket } = parts;
  await withOwnKeys(parts);
  const events = told.length;
  (await socket()).drop();
  const second = await socket(1);
  second.welcome({ resumed: true });
  second.state({}, [], 2); // The keys are there, but would go with the old connection.
  equal((await second.message(0)).state.updates, { me: { x: 1 }, title: "mine" });
  second.done(4);
  equal(told.length, events);
});

export const what_others_have_changed_is_left_to_them = () => withRoom({}, async parts => {
  const { room, socket } = parts;
  await withOwnKeys(parts);
  (await socket()).state({ title: "theirs" }, [], 3);
  (await socket()).drop();
  const second = await socket(1);
  second.welcome({ resumed: true });
  second.state({ me: { x: 2 } }, [], 5);
  await pause(0.05);
  equal([second.sent, room.get("me"), room.get("title")], [[], { x: 2 }, "theirs"]);

  room.set("me", { x: 3 });
  await second.message(0);
  second.done(6);
  second.state({}, ["me"], 7); // Removed by somebody while we were here.
  second.drop();
  const third = await socket(2);
  third.accept({ title: "theirs" });
  await pause(0.05);
  equal([third.sent, [...room.keys()]], [[], ["title"]]);
});

export const what_has_no_answer_is_sent_again = () => withRoom({}, async ({ room, socket }) => {
  const first = await socket();
  first.accept({ old: 1 });
  const answers = [room.update({ a: 1, b: 1 }, ["old"])];
  await first.message(0);
  answers.push(room.set("a", 2));
  await first.message(1);
  first.drop();
  answers.push(room.set("c", 1), room.set("c", 2), room.delete("b")); // While it is away.
  equal([...room].sort(), [["a", 2], ["c", 2]]);
  const second = await socket(1);
  second.welcome({ resumed: true });
  second.state({ a: 1, b: 1 }, ["old"], 2); // The first one had arrived, though.
  equal([...room].sort(), [["a", 2], ["c", 2]]);
  const { state } = await second.message(0);
  equal([state.updates, [...state.removals].sort()], [{ a: 2, c: 2 }, ["b", "old"]]);
  equal(second.sent.length, 1);
  second.done(3);
  equal(await Promise.all(answers), [3, 3, 3, 3, 3]);
});

export const what_was_replaced_is_answered_with_what_replaced_it = () => withRoom({}, async ({ room, socket }) => {
  const first = await socket();
  first.accept({});
  let answered = 0;
  const answers = [room.set("a", 1).finally(() => { answered += 1; })];
  await first.message(0);
  answers.push(room.set("a", 2));
  await first.message(1);
  first.drop();
  const second = await socket(1);
  second.accept({});
  equal((await second.message(0)).state.updates, { a: 2 });
  equal([second.sent.length, answered], [1, 0]);
  second.done(5);
  equal(await Promise.all(answers), [5, 5]);
});

export const what_is_set_before_there_is_a_connection_is_kept = () => withRoom({}, async ({ room, socket }) => {
  const answer = room.set("a", 1);
  equal([...room], [["a", 1]]);
  (await socket()).drop();
  const second = await socket(1);
  second.welcome();
  await pause(0.03);
  equal(second.sent, []); // Nothing before all there is has come.
  second.state({ a: 0, b: 1 }, [], 4, { complete: true });
  equal([...room].sort(), [["a", 1], ["b", 1]]);
  equal((await second.message(0)).state.updates, { a: 1 });
  second.done(5);
  equal(await answer, 5);
});

export const a_change_that_ends_connections_is_given_up = () => withRoom({}, async ({ room, socket }) => {
  const first = await socket();
  first.accept({});
  const small = room.set("small", 1);
  const large = rejected(room.set("large", "x".repeat(1000)));
  await first.message(0);
  first.drop(1009, "too large");
  equal((await large).kind, "too_large");
  equal([...room], [["small", 1]]);
  const second = await socket(1);
  second.accept({});
  equal((await second.message(0)).state.updates, { small: 1 });
  second.done(2);
  equal(await small, 2);
});

export const own_keys_that_are_refused_are_let_go = () => withRoom({}, async parts => {
  const { room, errors, socket } = parts;
  await withOwnKeys(parts);
  (await socket()).drop();
  const second = await socket(1);
  second.accept({});
  await second.message(0);
  second.refuse("not_allowed");
  await second.message(2); // Each by itself.
  second.refuse("not_allowed", second.sent[1]);
  second.done(2, second.sent[2]);
  equal(errors.map(({ kind }) => kind), ["not_allowed"]);
  equal([...room.keys()], ["title"]);
  second.drop();
  const third = await socket(2);
  third.accept({});
  equal((await third.message(0)).state.updates, { title: "mine" });
});

export const who_is_not_welcome_does_not_come_back = () => withRoom({}, async ({ room, socket }) => {
  const statuses = [];
  room.onstatus = ({ status, reason, retryIn }) => statuses.push([status, reason, retryIn]);
  const ready = rejected(room.ready);
  const answer = rejected(room.set("a", 1));
  const server = await socket();
  server.onopen({});
  server.drop(1008, "who are you?");
  equal([(await ready).kind, (await answer).kind], ["refused", "refused"]);
  equal([statuses, room.status], [[["closed", "who are you?", 0]], "closed"]);
  await pause(0.1);
  equal(FakeSocket.all.length, 1);
});

export const attempts_become_rarer_and_are_not_all_at_once = () =>
  withRoom({ minRetry: 0.02, maxRetry: 0.1 }, async ({ room, socket }) => {
    const waits = [];
    room.onstatus = ({ status, retryIn }) => status === "connecting" && waits.push(retryIn);
    for (let index = 0; index < 12; index += 1) (await socket(index)).drop();
    equal(waits.length, 12);
    waits.forEach((wait, index) => {
      const longest = Math.min(0.1, 0.02 * 2 ** index);
      equal([index, wait >= longest / 2 && wait <= longest], [index, true]);
    });
    equal(new Set(waits.slice(3)).size > 1, true);
    (await socket(12)).accept({ a: 1 });
    equal(room.get("a"), 1);
    await pause(0.15); // Longer than the longest wait: it was a good connection.
    FakeSocket.all[12].drop();
    equal(waits.at(-1) <= 0.02, true);
  });

export const a_silent_connection_is_asked_and_given_up = () =>
  withRoom({ timeout: 0.2, minRetry: 0.01 }, async ({ room, socket }) => {
    const first = await socket();
    first.accept({ a: 1 });
    equal((await first.message(0)).state, { updates: {}, removals: [] }); // Are you there?
    first.done(1);
    equal(room.delay >= 0 && room.delay < 1, true);
    const before = performance.now();
    await first.message(1);
    const second = await socket(1); // There was no answer.
    equal([first.isClosed, resume(second)], [true, "e.1"]);
    equal(performance.now() - before >= 90, true);
    first.state({ late: 1 }, [], 5);
    equal(room.has("late"), false);
    const third = await socket(2); // Nor does this one ever open.
    equal(second.isClosed, true);
    third.accept({ a: 2 });
    equal([room.status, room.get("a")], ["open", 2]);
  });

export const it_does_not_wait_when_the_network_is_back = () =>
  withRoom({ minRetry: 60, maxRetry: 60 }, async ({ room, socket }) => {
    (await socket()).drop();
    equal(FakeSocket.all.length, 1);
    globalThis.dispatchEvent(new Event("online"));
    equal(FakeSocket.all.length, 2);
    const second = await socket(1);
    second.accept({});
    await room.ready;
    document.dispatchEvent(new Event("visibilitychange")); // Somebody looks: are you there?
    await second.message(0);
    globalThis.dispatchEvent(new Event("online"));
    equal([second.sent.length, FakeSocket.all.length], [1, 2]);
  });

export const messages_that_make_no_sense_end_a_connection = () => withRoom({}, async ({ room, errors, socket }) => {
  const nonsense = ["{", "null", '{"state": 7, "version": {}}', '{"state": {"updates": 1, "removals": 2}}'];
  for (const [index, data] of nonsense.entries()) {
    const server = await socket(index);
    equal(resume(server), null); // What was missed is not known: all of it is wanted.
    server.accept({ a: index });
    server.onmessage({ data });
    equal([errors.length, errors.at(-1).kind, server.isClosed], [index + 1, "protocol", true]);
    equal([room.status, room.get("a")], ["connecting", index]);
  }
  (await socket(nonsense.length)).accept({ b: 1 });
  equal([...room], [["b", 1]]);
  FakeSocket.all.at(-1).say({ unknown: 1, error: { kind: "rate", message: "slow down" } });
  equal(errors.at(-1).message, "slow down");
  equal(room.status, "open");
});

export const errors_that_nobody_hears_are_logged = () => withRoom({}, async ({ room, socket }) => {
  const { error } = console;
  const logged = [];
  console.error = problem => logged.push(problem.message);
  try {
    room.onerror = null;
    const server = await socket();
    server.accept({});
    server.say({ error: { kind: "rate", message: "slow down" } });
    equal(logged, ["slow down"]);
  } finally {
    console.error = error;
  }
});
