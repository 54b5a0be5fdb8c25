# For type checkers these names of NanoVer's are ours, as they are after change_buffers.install().
# So a program may import them from either module, and NanoVer's own functions take what comes of
# it. All else of NanoVer keeps its own types: that is what "partial" in py.typed stands for.

from change_buffers import (
    DictionaryChange as DictionaryChange,
)
from change_buffers import (
    DictionaryChangeBuffer as DictionaryChangeBuffer,
)
from change_buffers import (
    DictionaryChangeMultiView as DictionaryChangeMultiView,
)
from change_buffers import (
    KeyRemovals as KeyRemovals,
)
from change_buffers import (
    KeyUpdates as KeyUpdates,
)
from change_buffers import (
    ObjectFrozenError as ObjectFrozenError,
)
