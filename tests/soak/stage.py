"""One round of the soak: what its actors share, and the threads that they are."""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from change_buffers import DictionaryChange, DictionaryChangeMultiView, ObjectFrozenError

JOIN_SECONDS = 30.0
"""How long an actor may take to leave before it counts as stuck."""


class SoakError(Exception):
    """Something is not as it was promised."""


class Tally(Counter[str]):
    """How often what was done; each actor has its own, so that counting needs no lock."""


Actor = Callable[["Stage", Tally, random.Random], None]


class Replica:
    """The content as somebody knows it who is told of changes only."""

    def __init__(self, name: str, prefix: str = "") -> None:
        self._name, self._prefix = name, prefix
        self._content: dict[str, Any] = {}

    def apply(self, change: DictionaryChange) -> None:
        """Take over a change, a removal after an update as the shared dictionary does."""
        self._content.update(change.updates)
        for key in change.removals:
            self._content.pop(key, None)

    def compare(self, multi_view: DictionaryChangeMultiView) -> None:
        """Check that it has converged; nobody may be updating any more."""
        content = multi_view.copy_content()
        expected = {key: content[key] for key in content if key.startswith(self._prefix)}
        differing = {
            key
            for key in expected.keys() | self._content.keys()
            if expected.get(key, self) is not self._content.get(key, self)
        }
        if differing:
            raise SoakError(f"the replica of {self._name} differs in {sorted(differing)[:5]}")


class Stage:
    """The multi-views of a round, its phases, and its actors.

    One multi-view is made for the round and frozen at its end; the other lasts for the whole run.
    """

    def __init__(self, lasting: DictionaryChangeMultiView, seed: int, faults: set[str]) -> None:
        self.room = DictionaryChangeMultiView()
        self.lasting = lasting
        self.faults = faults
        self.leaving = threading.Event()
        """Those who come and go stop coming."""
        self.closing = threading.Event()
        """Those who update come to an end."""
        self.still = threading.Event()
        """Nobody updates any more."""
        self.alone = threading.Event()
        """Nobody is left but views that stall."""
        self.failures: list[str] = []
        self.tally = Tally()
        self._seed = seed
        self._actors: list[tuple[threading.Thread, Tally]] = []

    def start(self, *actors: Actor) -> list[threading.Thread]:
        """Start a thread for each actor."""
        threads = []
        for actor in actors:
            tally, chance = Tally(), random.Random(f"{self._seed} {len(self._actors)}")
            thread = threading.Thread(
                target=self._run, args=(actor, tally, chance), name=actor.__name__, daemon=True
            )
            self._actors.append((thread, tally))
            threads.append(thread)
            thread.start()
        return threads

    def end(self, threads: list[threading.Thread]) -> None:
        """Wait for actors who are about to leave."""
        for thread in threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                raise SoakError(f"{thread.name} does not end")

    def close(self) -> None:
        """Add up what everybody did."""
        for thread, tally in self._actors:
            if thread.is_alive():
                raise SoakError(f"{thread.name} is still there")
            self.tally.update(tally)
        self._actors.clear()

    def _run(self, actor: Actor, tally: Tally, chance: random.Random) -> None:
        try:
            actor(self, tally, chance)
        except BaseException as error:
            account = f"{actor.__name__} died of {type(error).__name__}: {error}"
            self.failures.append(f"{account}\n{traceback.format_exc()}")


def frozen(function: Callable[[], Any]) -> bool:
    """Whether a call is refused because what it is made to is frozen."""
    try:
        function()
    except ObjectFrozenError:
        return True
    return False
