"""Multi-views in plain Python: one that does what it should, and others that fail among threads.

Each of the broken ones is right as long as a single thread calls it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition, Lock, RLock

import reference
import reference_prefixes


class Buffer(reference_prefixes.PrefixBuffer):
    """The model with the flushes that it lacks, and with the lock of its multi-view."""

    def __init__(self, prefixes, lock):
        super().__init__(prefixes)
        self._changed = Condition(lock)

    def flush_changed_nowait(self):
        with self._changed:
            if self._is_pending():
                return self._take()
            if self._frozen:
                raise reference.ObjectFrozenError
            return None

    def flush_changed_blocking(self, timeout=None):
        with self._changed:
            self._changed.wait_for(lambda: self._is_pending() or self._frozen, timeout)
        change = self.flush_changed_nowait()
        if change is None:
            raise TimeoutError
        return change


class MultiView(reference.DictionaryChangeMultiView):
    """The model with views of some keys, and with one lock for all, which makes it linearizable."""

    kind = Buffer

    def __init__(self):
        super().__init__()
        self._lock = RLock()

    @contextmanager
    def create_view(self, prefixes=("",)):
        with self._lock:
            view = self.kind(prefixes, self._lock)
            view.update(self._content)
            if self._frozen:
                view.freeze()
            self._views.append(view)
        try:
            yield view
        finally:
            self.remove_view(view)


class SeparatelyLockedBuffer(Buffer):
    """Has a lock of its own, as in the model that is used everywhere else."""

    def __init__(self, prefixes, lock):
        super().__init__(prefixes, Lock())


class OneByOneMultiView(MultiView):
    """Tells one view after the other, and whoever flushes two of them may see it do so."""

    kind = SeparatelyLockedBuffer


class TornMultiView(MultiView):
    """Applies an update key by key, and somebody may look between two keys."""

    def update(self, updates=None, removals=None):
        removals = set(removals or ())
        for key in updates or {}:
            super().update({key: updates[key]}, removals & {key})
            time.sleep(0)
        super().update(None, removals - (updates or {}).keys())


class UnlockedTakeBuffer(Buffer):
    """Copies what is pending, and then forgets what is pending by then."""

    def _take(self):
        change = reference.DictionaryChange(self._pending_changes, self._pending_removals)
        self._changed.release()
        time.sleep(0)
        self._changed.acquire()
        self._pending_changes = {}
        self._pending_removals = set()
        return change


class ForgetfulMultiView(MultiView):
    kind = UnlockedTakeBuffer


class TwiceGivingBuffer(Buffer):
    """Hands out what is pending before it is forgotten."""

    def flush_changed_nowait(self):
        with self._changed:
            change = reference.DictionaryChange(self._pending_changes, self._pending_removals)
        time.sleep(0)
        return super().flush_changed_nowait() and change


class TwiceGivingMultiView(MultiView):
    kind = TwiceGivingBuffer


class LateFreezingMultiView(MultiView):
    """Freezes what can be updated first, and the views a moment later."""

    def freeze(self):
        self._frozen = True
        for view in list(self._views):
            time.sleep(0)
            view.freeze()


class LateContentMultiView(MultiView):
    """Tells the views of an update before it is in the content."""

    def update(self, updates=None, removals=None):
        with self._lock:
            if self._frozen:
                raise reference.ObjectFrozenError
            updates, removals = dict(updates or {}), list(removals or ())
            for view in self._views:
                if not view._frozen:
                    view.update(updates, removals)
        time.sleep(0)
        with self._lock:
            self._content.update(updates)
            for key in removals:
                self._content.pop(key, None)
