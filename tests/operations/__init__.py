"""Every public operation, as a function that can be called over and over.

For the tests that look for what such a call leaves behind. Each operation sets up what it needs
and gives a step; a step must leave things as it found them, or else it would be expected to grow.
A step that is a coroutine function is run in an event loop.
"""

from operations import data, rooms, views

# Last: it changes how the process keeps values.
from operations import encode  # isort: skip
from operations.repeat import OPERATIONS, growth, operation

__all__ = ["OPERATIONS", "data", "encode", "growth", "operation", "rooms", "views"]
