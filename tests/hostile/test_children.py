"""The children notice what they are there for."""

from __future__ import annotations

import ctypes
import os
import sys

from .children import Note, answer, examine, serve


def harm(k: int, note: Note) -> None:
    note(f"stage {k}", endless=k == 6)
    match k:
        case 1:
            ctypes.string_at(0)
        case 2 | 6:
            while True:
                pass
        case 3:
            bytearray(2 << 30)
        case 4:
            raise AssertionError("promised")
        case 5:
            os.write(2, b"a word\n")
        case 7:
            os._exit(3)


def test_every_sort_of_harm_is_noticed() -> None:
    found = {f.index: f.why for f in serve("tests.hostile.test_children")}
    assert sorted(found) == [1, 2, 3, 4, 5, 7]
    assert found[1].startswith("SIGSEGV")
    assert found[2] == "more than 2.0 s of processor time"
    assert found[4] == "promised" and "a word" in found[5] and found[7].startswith("exit 3")
    if sys.platform == "linux":
        assert "MemoryError" in found[3]


if __name__ == "__main__":
    answer(examine(int, harm, range(9), batch=5))
