"""The two routines between Python and compiled functions: a call without the GIL, and a look at signals.

They are machine code because Python's own callbacks lose the exception of a signal handler.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from ..compiler import llvm
from ..compiler.lock import locked
from .cache import Cache

# The thread state is kept in the field `host` of the context.
_TEXT = """
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i32 @PyErr_CheckSignals()

define i32 @dv_python_call(ptr %f, ptr %ctx, ptr %slots) {
  %host = getelementptr i8, ptr %ctx, i64 112
  %state = call ptr @PyEval_SaveThread()
  store ptr %state, ptr %host
  %code = call i32 %f(ptr %ctx, ptr %slots)
  %now = load ptr, ptr %host
  call void @PyEval_RestoreThread(ptr %now)
  ret i32 %code
}

define i32 @dv_python_poll(ptr %ctx) {
  %host = getelementptr i8, ptr %ctx, i64 112
  %state = load ptr, ptr %host
  call void @PyEval_RestoreThread(ptr %state)
  %stop = call i32 @PyErr_CheckSignals()
  %now = call ptr @PyEval_SaveThread()
  store ptr %now, ptr %host
  ret i32 %stop
}
"""


@locked
@cache
def _library() -> llvm.Library:
    store = Cache.default()
    key = b"glue" + _TEXT.encode()
    found = store.get(key)
    if found is None:
        found = {}, llvm.compile_text(_TEXT, 1)
        store.put(key, *found)
    return llvm.Library(found[1], ("dv_python_call", "dv_python_poll"))


@cache
def call() -> Any:
    """`call(entry, context, slots)`: runs an entry without the GIL.  What a signal handler raises
    during the call is raised here."""
    # The kind of prototype that looks for a pending exception; the GIL is released by the routine itself.
    kind = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return kind(_library().addresses["dv_python_call"])


@cache
def poll_address() -> int:
    """The address of the routine for the context's field `poll`."""
    return _library().addresses["dv_python_poll"]
