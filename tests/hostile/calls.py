"""What has to hold for any call: the right answer, or one clear error; and nothing that was given is changed.

    python -m tests.hostile.calls SEED FIRST COUNT      makes calls, prints what fails
"""

from __future__ import annotations

import os
import random
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from derivant.compiler.errors import Error
from derivant.runtime.records import SumValue, Value
from derivant.runtime.shapes import Array

from .arguments import WRONG, Maker
from .children import Note, answer, examine
from .mutate import random_of
from .subjects import Subject, module, subjects

CODES = r"DV0(153|201|30\d|31\d|40\d|50\d|60[5-7]|61[46])"


def attempt(rng: random.Random, note: Note) -> None:
    """One call; AssertionError if a promise is broken."""
    subject = rng.choice(subjects())
    maker = Maker(rng, rng.choice((0.0, 0.0, 0.1, 0.5)), subject.smooth, subject.open, module())
    types, reference = subject.types, subject.reference
    if subject.lifts and rng.random() < 0.3:  # a function of a number takes arrays as well
        types = tuple(Array(t, ("n", "m", "k")[:rng.randrange(1, 4)]) for t in types)
        reference = _each(subject.reference)
        maker.lifted = True
    made = [maker.make(t, n) for t, n in zip(types, [*subject.names, *[""] * 9], strict=False)]
    args, truths = [a for a, _ in made], [v for _, v in made]
    named: dict[str, Any] = {}
    if subject.names and rng.random() < 0.2:
        k = rng.randrange(len(args) + 1)
        named, args = dict(zip(subject.names[k:], args[k:], strict=False)), args[:k]
    misuse = rng.random() < 0.04
    if misuse:
        match rng.randrange(4):
            case 0:
                args, named = [*args, *named.values()], {subject.names[0] if subject.names else "x": 1.0}
            case 1:
                named["no_such_name"] = 1.0
            case 2:
                args, named = [*args, *named.values(), 1.0, 2.0, 3.0, 4.0, 5.0], {}
            case _:
                args, named = [], {}
    if len(args) > 1 and not named and not misuse and rng.random() < 0.05 and type(args[0]) is np.ndarray and args[0].flags.owndata:
        args[-1] = _Shrinking(args[0], args[-1])
        maker.unsure = True
    note(f"call {subject.name}")
    before = _seen((args, named))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result, error = subject.call(*args, **named), None
        except Error as e:
            result, error = None, e
        except TypeError as e:  # Python's own, for functions that are not ours
            assert misuse and not hasattr(subject.call, "params"), f"TypeError: {e}"
            return
    shown = f"{subject.name}(*{_shown(args)}, **{_shown(named)})"
    assert not warned, f"{shown} warns: {warned[0].message} at {warned[0].filename}:{warned[0].lineno}"
    assert _seen((args, named)) == before or any(isinstance(a, _Shrinking) for a in args), f"{shown} changes its arguments"
    wrong = misuse or maker.sizes_differ or any(v is WRONG for v in truths)
    if error is not None:
        assert re.fullmatch(CODES, error.code), f"{shown}: {error}"
        assert "\n" not in error.message and len(error.message) < 400 and str(error), f"{shown}: {error.message}"
        matrix = "an np.matrix" in error.message and "j_" in subject.name  # what its * means is not what a function of Python says
        assert wrong or maker.unsure and not subject.open or matrix or subject.fails(*truths), f"{shown} is refused: {error}"
        return
    if wrong:
        assert maker.unsure, f"{shown} gives {_shown(result)}"
        return
    with np.errstate(all="ignore"):
        expected = reference(*truths)
    largest = max((float(np.nanmax(np.abs(a[np.isfinite(a)]), initial=0)) for a in _arrays(truths)), default=0.0)
    assert equal(result, expected, largest if largest > 1e6 else 0.0), f"{shown} gives {_shown(result)}, not {_shown(expected)}"
    assert not any(np.shares_memory(x, y) for x in _arrays(result) for y in _arrays((args, named))), f"{shown} gives a part of an argument"


def _each(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda a: np.array([f(x) for x in a.ravel().tolist()], a.dtype).reshape(a.shape)


class _Shrinking:
    """An argument that takes memory away from another one while it is looked at."""

    def __init__(self, victim: Any, value: Any) -> None:
        self.victim = victim
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.victim.resize((0,) * self.victim.ndim, refcheck=False)
        return np.asarray(self.value)


def equal(found: Any, expected: Any, largest: float) -> bool:
    """Equal up to rounding, structures and dtypes of integers and flags included.

    Numbers as large as `largest` may have cancelled.
    """
    if isinstance(expected, tuple) and expected and isinstance(expected[0], str):
        return isinstance(found, SumValue) and type(found).__name__ == expected[0] and all(
            equal(f, e, largest) for f, e in zip(found._values, expected[1], strict=True))
    if isinstance(expected, dict):
        fields = found._asdict() if hasattr(found, "_asdict") else found if isinstance(found, dict) else vars(found)
        return set(fields) == set(expected) and all(equal(fields[n], e, largest) for n, e in expected.items())
    if isinstance(expected, tuple):
        return isinstance(found, tuple) and len(found) == len(expected) and all(
            equal(f, e, largest) for f, e in zip(found, expected, strict=True))
    if isinstance(found, (tuple, dict, Value)):
        return False
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape or found.dtype.kind != expected.dtype.kind:
        return False
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    tolerance = 1e-5 if found.dtype.itemsize == 4 else 1e-11
    return bool(np.allclose(found, expected, rtol=tolerance, atol=tolerance * max(1.0, 1000 * largest), equal_nan=True))


def _arrays(value: Any, depth: int = 0) -> list[Any]:
    if type(value) is np.ndarray:
        return [value]
    if isinstance(value, Value):
        value = value._values
    if isinstance(value, dict):
        value = tuple(dict.values(value))
    return [a for v in value for a in _arrays(v, depth + 1)] if isinstance(value, (tuple, list)) and depth < 9 else []


def _seen(value: Any) -> str:
    """What can be seen of arguments without disturbing them."""
    return repr([(a.shape, a.strides, str(a.dtype), a.tobytes() if a.nbytes < 10_000 and not a.dtype.hasobject else "") for a in _arrays(value)])


def _shown(value: Any) -> str:
    try:
        return repr(value)[:1500]
    except Exception as e:  # noqa: BLE001  # some can't be shown
        return f"<{type(value).__name__}: {type(e).__name__}>"


def main() -> None:
    seed, first, count = map(int, sys.argv[1:])
    os.environ["DERIVANT_CACHE_DIR"] = os.devnull + "/none"
    os.environ["DERIVANT_PREVIEW"] = "1"

    def quiet(stage: str, endless: bool = False) -> None:
        pass

    for s in subjects():
        maker = Maker(random_of(0, 0), 0, True, True, module())
        args = [maker.make(t, n)[0] for t, n in zip(s.types, [*s.names, *[""] * 9], strict=False)]
        for _ in range(3):
            _called(s, args)
    answer(examine(lambda k: random_of(seed, k), attempt, range(first, first + count)))


def _called(s: Subject, args: list[Any]) -> None:
    try:
        s.call(*args)
    except Error:
        pass


if __name__ == "__main__":
    main()
