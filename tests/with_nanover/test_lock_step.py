"""Random sequences of calls: the extension, the model and NanoVer's own module do the same."""

from __future__ import annotations

from hypothesis import settings

import both
import test_state_machine


class BufferMachine(test_state_machine.BufferMachine):
    model = both


class MultiViewMachine(test_state_machine.MultiViewMachine):
    model = both


TestBufferAsNanoVer = BufferMachine.TestCase
TestBufferAsNanoVer.settings = settings(max_examples=100, stateful_step_count=30)

TestMultiViewAsNanoVer = MultiViewMachine.TestCase
TestMultiViewAsNanoVer.settings = settings(max_examples=250, stateful_step_count=60)
