"""Whatever happens to a connection, nothing is missed and nothing stays that is gone."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable

from change_buffers import DictionaryChangeMultiView
from helpers import HANG
from page_parts import (
    STATUS,
    content,
    cursors,
    eventually,
    name_oneself,
    own_key,
    people,
    point,
    rows,
    set_key,
    until_open,
)
from room_processes import RoomProcess
from tabs import Tab
from unreliable_line import Line

Open = Callable[[str], Tab]
LOST = ["WebSocket connection to", "establish a connection", "was interrupted while"]
"""What browsers say by themselves of a connection that is lost, or cannot be made."""


def resumed(line: Line) -> list[bool]:
    """Give for each WebSocket connection whether it has asked to go on from where it was."""
    return ["resume=" in request for request in line.requests if request.startswith("GET /ws")]


def test_a_server_that_is_killed_comes_back(open_tab: Open, room_process: RoomProcess) -> None:
    ada, bob = open_tab(room_process.url), open_tab(room_process.url)
    for tab, name in [(ada, "Ada"), (bob, "Bob")]:
        until_open(tab)
        name_oneself(tab, name)
        tab.run("document.body.dataset.notReloaded = 'yes'")
    set_key(ada, "from ada", "1")
    eventually(lambda: rows(bob), {"from ada": "1"})

    room_process.kill()
    for tab in (ada, bob):
        tab.until(STATUS, lambda status: status == "connecting")
        tab.until("document.getElementById('status-text').innerText", lambda text: "lost" in text)
        assert people(tab) >= {"Ada", "Bob (you)"} or people(tab) >= {"Ada (you)", "Bob"}
    set_key(ada, "set meanwhile", "2")
    bob.driver.find_element("css selector", '[aria-label="Remove from ada"]').click()
    room_process.start()

    for tab in (ada, bob):
        until_open(tab)
    eventually(lambda: people(ada), {"Ada (you)", "Bob"})
    eventually(lambda: people(bob), {"Ada", "Bob (you)"})
    for tab in (ada, bob):
        eventually(lambda tab=tab: rows(tab).get("set meanwhile"), "2")
    point(ada, 0.5, 0.25)
    eventually(lambda: [round(part, 2) for part in cursors(bob)["Ada"]], [0.5, 0.25])
    eventually(lambda: content(ada) == content(bob), True)
    for tab in (ada, bob):
        assert tab.run("return document.body.dataset.notReloaded")
        assert complaints(tab) == []


def test_who_was_away_misses_nothing(
    open_tab: Open, line: tuple[Line, str], room: DictionaryChangeMultiView
) -> None:
    connection, address = line
    room.update({"stays": 1, "changes": 1, "goes": 1, "cursor.ghost": {"x": 0.5, "y": 0.5}})
    tab = open_tab(address)
    until_open(tab)
    name_oneself(tab, "Ada")
    key = own_key(tab)
    set_key(tab, "mine", "1")
    eventually(lambda: room.get("mine"), 1)

    connection.take_down()
    tab.until(STATUS, lambda status: status == "connecting")
    eventually(lambda: key in room, False)
    room.update({"changes": 2, "new": 1}, ["goes", "cursor.ghost"])
    assert {"goes", "mine"} <= rows(tab).keys()
    connection.bring_up()
    until_open(tab)
    eventually(lambda: rows(tab), {"stays": "1", "changes": "2", "new": "1", "mine": "1"})
    eventually(lambda: set(cursors(tab)), {"Ada"})
    eventually(lambda: content(tab) == room.copy_content(), True)
    assert key in room
    assert resumed(connection)[-1]

    # And when so much has happened that nobody remembers what is gone.
    connection.take_down()
    tab.until(STATUS, lambda status: status == "connecting")
    for number in range(3000):
        room.update({f"passing.{number}": 1}, [f"passing.{number - 1}", "stays"])
    connection.bring_up()
    until_open(tab)
    wanted = {"changes": "2", "new": "1", "mine": "1", "passing.2999": "1"}
    eventually(lambda: rows(tab), wanted)
    eventually(lambda: content(tab) == room.copy_content(), True)


def test_a_window_that_has_slept_catches_up(
    open_tab: Open, page: str, room: DictionaryChangeMultiView
) -> None:
    room.update({"a": 1, "b": 1})
    tab = open_tab(page)
    until_open(tab)
    eventually(lambda: rows(tab), {"a": "1", "b": "1"})
    tab.send("Page.setWebLifecycleState", state="frozen")
    for number in range(300):
        room.update({"a": number, f"passing.{number}": 1}, [f"passing.{number - 1}", "b"])
        time.sleep(0.001)
    assert content(tab)["a"] == 1
    tab.send("Page.setWebLifecycleState", state="active")
    eventually(lambda: content(tab) == room.copy_content(), True)
    assert own_key(tab) in room
    tab.bring_to_front()
    eventually(lambda: rows(tab), {"a": "299", "passing.299": "1"})
    assert complaints(tab) == []


def complaints(tab: Tab) -> list[str]:
    """Give what is in the console, besides what the browser itself says of each lost connection."""
    return [entry for entry in tab.console() if not any(it in entry for it in LOST)]


def enter_here(tab: Tab, address: str, options: str = "{}") -> None:
    """Enter a room without its page."""
    tab.run(
        """
        const {connect} = await import("/change-buffers.js");
        globalThis.room = connect(given[0], JSON.parse(given[1]));
        globalThis.statuses = [];
        globalThis.replayed = new Map();
        room.onchange = ({updates, removals}) => {
            for (const [key, value] of updates) replayed.set(key, value);
            for (const key of removals) {
                if (!replayed.delete(key)) throw new Error(`${key} was not there`);
            }
        };
        room.onstatus = ({status, reason}) => statuses.push(`${status} ${reason}`.trim());
        await room.ready;
        """,
        address,
        options,
    )


def test_a_line_that_has_died_without_a_word_is_given_up(
    open_tab: Open, line: tuple[Line, str], room: DictionaryChangeMultiView
) -> None:
    connection, address = line
    room.update({"a": 1})
    tab = open_tab(address + "stats")
    enter_here(tab, address + "ws", '{"timeout": 0.4, "minRetry": 0.05}')
    tab.run("await room.set('mine', 1)")
    connection.silence()
    room.update({"b": 1}, ["a"])
    lost = "connecting nothing came for 0.4 seconds"
    tab.until("statuses", lambda statuses: statuses[1:] == [lost, "open"])
    eventually(lambda: content(tab), {"b": 1, "mine": 1})
    # The server has not noticed anything. The key has been taken over, and does not go with the old
    # connection.
    assert len(resumed(connection)) == 2
    connection.cut()
    tab.until("statuses.length", lambda count: count == 5)
    eventually(lambda: content(tab), {"b": 1, "mine": 1})
    assert room.copy_content() == {"b": 1, "mine": 1}


def test_in_a_storm_with_a_bad_line_everybody_has_the_same_in_the_end(
    open_tab: Open, line: tuple[Line, str], page: str, room: DictionaryChangeMultiView
) -> None:
    connection, address = line
    cut, good = open_tab(address + "stats"), open_tab(page + "stats")
    enter_here(cut, address + "ws", '{"minRetry": 0.02}')
    enter_here(good, page + "ws")
    storm = """
        globalThis.storm = setInterval(() => {
            const number = Math.floor(Math.random() * 20);
            const key = `${given[0]}.${number}`;
            if (Math.random() < 0.3) room.delete(key);
            else room.set(key, {at: performance.now()});
            room.set("everybody's", Math.random());
        }, 2);
    """
    for tab, name in [(cut, "cut"), (good, "good")]:
        tab.run(storm, name)
    is_over = threading.Event()

    def change_on_the_server() -> None:
        lot = random.Random(7)
        while not is_over.wait(0.001):
            one, other = (f"server.{lot.randrange(50)}" for _ in range(2))
            room.update({one: lot.random()} if lot.random() < 0.6 else {}, [other])

    thread = threading.Thread(target=change_on_the_server)
    thread.start()
    deadline = time.monotonic() + HANG
    try:
        for cuts in itertools.count():
            if cuts >= 15 and sum(resumed(connection)) > 5:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
            connection.cut()
    finally:
        is_over.set()
        thread.join()
    for tab in (cut, good):
        tab.run("clearInterval(storm)")
        tab.until("room.status", lambda status: status == "open")
        tab.run("await room.set('last', 1)")
    eventually(lambda: content(cut) == content(good) == room.copy_content(), True)
    for tab in (cut, good):
        assert content(tab, "replayed") == content(tab)
        assert complaints(tab) == []
