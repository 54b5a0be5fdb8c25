"""Random sequences of calls have the same results here, in the model and in NanoVer's own module."""

from __future__ import annotations

import both
import test_state_machine
from hypothesis import settings


class BufferMachine(test_state_machine.BufferMachine):
    model = both


class MultiViewMachine(test_state_machine.MultiViewMachine):
    model = both


TestBufferAsNanoVer = BufferMachine.TestCase
TestBufferAsNanoVer.settings = settings(max_examples=100, stateful_step_count=30)

TestMultiViewAsNanoVer = MultiViewMachine.TestCase
TestMultiViewAsNanoVer.settings = settings(max_examples=250, stateful_step_count=60)
