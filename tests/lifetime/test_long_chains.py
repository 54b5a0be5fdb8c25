"""Objects that hold each other in a long chain go without running out of stack.

In child processes, because a stack that is used up ends the process.
"""

from __future__ import annotations

import pytest

from helpers import run_child

LINKS = 20_000

LINK = {
    "multi-views": """
        def link(held):
            multi_view = DictionaryChangeMultiView()
            multi_view.update({"held": held})
            return multi_view
    """,
    "buffers": """
        def link(held):
            buffer = DictionaryChangeBuffer()
            buffer.update({"held": held})
            return buffer
    """,
    "changes": """
        def link(held):
            multi_view = DictionaryChangeMultiView()
            with multi_view.create_view() as view:
                multi_view.update({"held": held})
                return view.flush_changed_nowait()
    """,
    "assigned changes": """
        def link(held):
            change = DictionaryChange()
            change.updates = held
            return change
    """,
    "views": """
        def link(held):
            context = DictionaryChangeMultiView().create_view()
            view = context.__enter__()
            view.update({"held": held})
            return context, view
    """,
}

CHAIN = """
from change_buffers import DictionaryChange, DictionaryChangeBuffer, DictionaryChangeMultiView

class Last:
    def __del__(self):
        print("released")

def chain():
    held = Last()
    for _ in range({links}):
        held = link(held)
    return held

holder = DictionaryChangeMultiView()
holder.update({{"chain": chain()}})
{let_go}
print("and done")
"""

LET_GO = {
    "replaced": 'holder.update({"chain": None})',
    "dropped": "del holder",
    "collected": "import gc; holder.update({'self': holder}); del holder; gc.collect()",
}


@pytest.mark.parametrize("imported", ["change_buffers", "change_buffers.codecs"])
@pytest.mark.parametrize("let_go", LET_GO)
@pytest.mark.parametrize("kind", LINK)
def test_a_long_chain_is_released_to_its_end(kind: str, let_go: str, imported: str) -> None:
    lines = [line[8:] for line in LINK[kind].splitlines()]
    code = CHAIN.format(links=LINKS, let_go=LET_GO[let_go])
    out = run_child("\n".join([f"import {imported}", *lines, code]))
    assert out == "released\nand done\n"
