"""Queries: source, parsed, module, instance, core, derivative, optimised, loops, llvm, native.

Each is computed on demand and kept: a program's by `Unit`, a function's (for the types of one call) by
`Instance`.  A function that is in the cache on disk runs without any of them: what a call needs is in
its manifest.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..compiler import errors
from ..compiler.errors import Source, Span
from ..compiler.lock import kept, locked
from . import shapes, store
from .guard import guarded
from .shapes import Param, Signature
from .size_check import SizeCheck
from .sources import fingerprint
from .trace import log, timed, verifying
from .values import rebuild

if TYPE_CHECKING:
    from ..compiler.abi import ParamInfo, ResultInfo
    from ..compiler.ir import Function as CoreFunction
    from ..compiler.ir import Program
    from ..compiler.loops import LoopFunction
    from .front import Front, Made
    from .native import NativeFunction

BACKENDS = ("llvm", "interpreter", "loops")
STAGES = ("parsed", "typed", "core", "derivative", "optimised", "loops", "llvm", "asm")
T = TypeVar("T")
Run = Callable[[Sequence[Any]], Sequence[Any]]
Operated = tuple[str, str, tuple[str, ...]]
"""An operator that goes through the fields of records, the name of their type, and the fields."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a program offers: its functions in order, its types, and the names of its tests."""

    functions: tuple[str, ...]
    types: tuple[shapes.Type, ...]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """What a call needs to know beside the code."""

    result: shapes.Type
    outputs: tuple[bool, ...]
    sizes: SizeCheck
    operated: tuple[Operated, ...] = ()


class Unit:
    """A program and where it comes from; `folder` is where its imports and files are looked for."""

    own_member: Callable[[type, str, str], str | None] | None = None
    """What the class of an argument has otherwise than the class that the program was written for."""

    def __init__(self, source: Source, folder: str | None, backend: str | None = None) -> None:
        backend = backend or os.environ.get("DERIVANT_BACKEND") or "llvm"
        if backend not in BACKENDS:
            raise errors.ValueError_("DV0613", f"there is no backend {backend}", help=f"there are: {', '.join(BACKENDS)}")
        if sys.platform == "win32":
            raise errors.UnsupportedError("DV0701", "Derivant runs on Linux and macOS, not on Windows")
        self.source = errors.clean(source)
        self.folder = folder
        self.backend = backend
        self.write: Callable[[str], object] = print
        self._instances: dict[object, Instance] = {}
        self._signatures: dict[str, Signature] = {}
        self._checked = -1

    @property
    def alone(self) -> Unit:
        """The program as one that others can import."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _unit, (self.source.name, self.source.text, self.folder, self.backend)

    def reword(self, e: errors.Error) -> None:
        """Changes what an error advises to the words of those who read it."""

    def accept(self, param: shapes.Param, value: object, function: str) -> None:
        """Refuses an argument whose type alone does not say what is wrong with it."""

    def check_operated(self, operated: Sequence[Operated], values: Sequence[Any], function: str) -> None:
        """Refuses records whose classes have operators of their own, where those of the language went through them."""

    @kept
    def key(self) -> str:
        """The fingerprint of the program and all that it imports, compiler included."""
        return fingerprint(self.source, self.folder)

    @kept
    def front(self) -> Front:
        """The program in the front end: parsed, and elaborated on demand.

        A text that can't be read whole gives its errors, with those of what can be read.
        """
        from ..frontend.parser import read
        from .front import Front

        with timed("compile", f"load {self.source.name}"), guarded("parsing", self.source.text):
            found = read(self.source)
            if found.errors:
                from .analysis import Analysis

                raise errors.bundle(Analysis(self.source, self.folder, reading=found).errors)
            return Front(self.source, self.folder, found.program)

    def sources(self) -> list[Source]:
        """The texts that spans in messages point into."""
        from .sources import all_sources

        return all_sources(self.source, self.folder)

    def span_of(self, text: str, p: shapes.Param, place: tuple[int, int, int, int]) -> Span:
        """Where a parameter of the function that `text` names, or makes from others, stands."""
        return Span(self.source, *place)

    def maker(self, t: shapes.Type, arguments: Sequence[Any]) -> Callable[[str, tuple[str, ...]], Callable[..., Any]] | None:
        """What makes the records of a result of this type, by name and fields, for a call with arguments of these
        classes; None if that is ours."""
        return None

    def rebuilt(self, results: Sequence[Any], t: shapes.Type, arguments: Sequence[Any]) -> Any:
        """The Python value of type `t` that these flat results make, for a call with these arguments."""
        return rebuild(results, t)

    # ------------------------------------------------------------ what is there

    def outline(self) -> Outline:
        return self._outline

    @kept
    def _outline(self) -> Outline:
        return self._on_disk("outline", lambda: self.front.outline(), _outline_to_json, _outline_from_json)

    @locked
    def signature(self, name: str) -> Signature:
        """The signature of a function as declared."""
        known = self._signatures.get(name)
        if known is None:
            with guarded("type checking", self.source.text):
                known = self._on_disk(f"signature {name}", lambda: self.front.signature(name),
                                      shapes.signature_to_json, shapes.signature_from_json)
            self._signatures[name] = known
        return known

    @locked
    def check(self) -> int:
        """Types and sizes of the whole program; the number of its functions."""
        if self._checked < 0:
            with guarded("type checking", self.source.text):
                self._checked = self._on_disk("check", self._make_check, int, int)
        return self._checked

    def _make_check(self) -> int:
        self.front.check()
        return len(self.outline().functions)

    def _on_disk(self, label: str, make: Callable[[], T], encode: Callable[[T], Any], decode: Callable[[Any], T]) -> T:
        """An answer from the disk, otherwise made and put there."""
        found = store.read_json(f"{label} {self.key}")
        if found is not None:
            return decode(found)
        made = make()
        store.write_json(f"{label} {self.key}", encode(made))
        return made

    @locked
    def text_of(self, name: str) -> str:
        """The text of a function as it stands in the source."""
        return self.front.text_of(name)

    @locked
    def names_in(self, name: str) -> set[str]:
        """The names that a function uses, and those that the program's functions among them use."""
        return self.front.names_in(name)

    @locked
    def test_parts(self, k: int) -> list[tuple[Span, str | None]]:
        """The conditions of a test: where each stands, and how it compares two sides, if it does."""
        return self.front.test_parts(k)

    # ------------------------------------------------------------ functions for types

    @locked
    def instance(self, text: str, types: tuple[shapes.Type, ...], plain: bool) -> Instance:
        """The function `text` (a name if `plain`, else an expression) for arguments of these types.

        Plain texts with blanks are tests: `test 2`, its second condition `test 2 part 1`, the pair of what that
        compares `test 2 sides 1`.
        """
        key = (text, types)
        found = self._instances.get(key)
        if found is None:
            found = self._instances[key] = self._new_instance(text, types, plain)
        return found

    def _new_instance(self, text: str, types: tuple[shapes.Type, ...], plain: bool) -> Instance:
        return Instance(self, text, types, plain)


def _leaf(p: ParamInfo | ResultInfo) -> shapes.Type:
    return shapes.Array(shapes.Scalar(p.kind), ("_",) * p.rank) if p.rank else shapes.Scalar(p.kind)


def _outline_to_json(o: Outline) -> Any:
    return {"functions": o.functions, "types": [shapes.to_json(t) for t in o.types], "tests": o.tests}


def _outline_from_json(data: Any) -> Outline:
    return Outline(tuple(data["functions"]), tuple(map(shapes.from_json, data["types"])), tuple(data["tests"]))


def _unit(name: str, text: str, folder: str | None, backend: str) -> Unit:
    return Unit(Source(name, text), folder, backend)


class Instance:
    """One function for one choice of argument types, through all stages.

    `given` are parameters in front of the function's own that the program itself fills.
    """

    given: tuple[Param, ...] = ()

    def __init__(self, unit: Unit, text: str, types: tuple[shapes.Type, ...], plain: bool) -> None:
        self.unit = unit
        self.text = text
        self.types = types
        self.plain = plain
        self._manifest: dict[str, Any] | None = None
        self._runner: Run | None = None
        self.native: NativeFunction | None = None  # once it has run as machine code
        self._short = False

    # ------------------------------------------------------------ stages

    @kept
    def core(self) -> Program:
        """The core program as elaborated."""
        with timed("compile", f"elaborate {self.text}"):
            made = self._elaborate()
        self._made = made
        self._verify(made.program, "core")
        return made.program

    def _elaborate(self) -> Made:
        return self.unit.front.instance(self.text, self.types, self.plain)

    @kept
    def derivative(self) -> Program:
        """Without `Jvp` and `Vjp`."""
        from ..passes.differentiate import resolve

        program = self.core
        with timed("compile", f"differentiate {self.text}"):
            program = resolve(program)
        self._verify(program, "derivative")
        return program

    @kept
    def optimised(self) -> Program:
        from .optimise import optimise

        program, self.fired = optimise(self.core)
        self._verify(program, "optimised")
        return program

    @property
    def entry(self) -> CoreFunction:
        program = self.optimised
        return program.functions[program.entries[0]]

    @kept
    def loops(self) -> LoopFunction:
        from ..compiler.lower import lower

        with timed("compile", f"lower {self.text}"):
            return lower(self.entry)

    @kept
    def llvm(self) -> str:
        from ..compiler import llvm
        from ..compiler.llvm_emit import emit_module

        return llvm.optimised_text(emit_module([self.loops]))

    @kept
    def asm(self) -> str:
        from ..compiler import llvm
        from ..compiler.llvm_emit import emit_module

        return llvm.assembly(emit_module([self.loops]))

    def _verify(self, program: Program, stage: str) -> None:
        if verifying():
            from ..compiler.verify import verify

            with timed("passes", f"verify {stage}"):
                verify(program)

    # ------------------------------------------------------------ results

    @property
    def result(self) -> shapes.Type:
        return self.described.result

    @property
    def outputs(self) -> tuple[bool, ...]:
        """For each result of the core function: is it a leaf of the value (or a size)?"""
        return self.described.outputs

    @kept
    def described(self) -> Described:
        if self._manifest is None:
            _ = self.core
            return Described(self._made.result, self._made.outputs, self._made.sizes, self._made.operated)
        m = self._manifest
        operated = tuple((op, name, tuple(fields)) for op, name, fields in m["operated"])
        return Described(shapes.from_json(m["result"]), tuple(m["outputs"]), SizeCheck.from_json(m["sizes"]), operated)

    # ------------------------------------------------------------ running

    def run(self, leaves: Sequence[Any]) -> Sequence[Any]:
        """The leaves of the result of these leaves of arguments."""
        return (self._runner or self.compiled())(leaves)

    @locked
    def compiled(self) -> Run:
        """What `run` calls, ready."""
        if self._runner is None:
            self._runner = self._make_runner()
        return self._runner

    @locked
    def shorten(self) -> None:
        """From now on leaves go the short way into machine code, where there is one."""
        native, behind = self.native, self._runner
        if native is None or behind is None or self._short:
            return
        self._short = True
        from .fastcall import Way, shortened

        params = [(shapes.Param("", t), t, None) for t in map(_leaf, native.signature.params)]
        used = (r for r, output in zip(native.signature.results, self.outputs, strict=True) if output)
        result = shapes.Tuple(tuple(map(_leaf, used)))
        short = shortened(native, self.described, Way(params, result), lambda *leaves: behind(leaves))
        if short is not None:
            self._runner = lambda leaves: short(*leaves)

    def _make_runner(self) -> Run:
        backend = self.unit.backend
        with guarded("compilation", self.unit.source.text):
            call = {"llvm": self._native, "interpreter": self._interpreted, "loops": self._looped}[backend]()
        outputs, check = self.outputs, self.described.sizes
        if all(outputs):

            def checked(leaves: Sequence[Any]) -> Sequence[Any]:
                check(leaves)
                return call(leaves)

            return checked
        keep = [k for k, used in enumerate(outputs) if used]

        def kept(leaves: Sequence[Any]) -> Sequence[Any]:
            check(leaves)
            results = call(leaves)
            return [results[k] for k in keep]

        return kept

    def _interpreted(self) -> Run:
        from ..compiler.interpret import run

        program = self.derivative
        return lambda leaves: run(program, program.entries[0], leaves, write=self.unit.write)

    def _looped(self) -> Run:
        from ..compiler.loops_interpret import run_loops

        loops = self.loops
        return lambda leaves: run_loops(loops, leaves, self.unit.write)

    def _native(self) -> Run:
        key = self.cache_key()
        cached = store.read_object(key)
        if cached is not None:
            manifest, code = cached
            loaded = store.load(manifest, code, self.unit.sources(), self.unit.write)
            if loaded is not None:
                self._manifest = manifest
                self.native = loaded
                log("cache", f"hit {self.text}")
                return loaded
        log("cache", f"miss {self.text}")
        entry = self.entry
        from .native import NativeFunction, compile_object

        with timed("compile", f"machine code for {self.text}"):
            signature, code = compile_object(entry)
        store.write_object(key, {
            "abi": signature.to_json(), "result": shapes.to_json(self.result), "outputs": list(self.outputs),
            "sizes": self.described.sizes.to_json(), "operated": self.described.operated,
        }, code)
        self.native = NativeFunction(signature, code, write=self.unit.write)
        return self.native

    def cache_key(self) -> str:
        types = json.dumps([shapes.to_json(t) for t in self.types])
        return f"{self.unit.key} {self.text} {types}"

    # ------------------------------------------------------------ for people

    def renamed(self, name: str, leaves: Sequence[str]) -> Program:
        """The optimised program with the entry and its parameters under these names, for printing."""
        from ..compiler.ir import Program, clone_function

        program = self.optimised
        entry = clone_function(program.functions[program.entries[0]], name)
        for v, leaf in zip(entry.params, leaves, strict=True):
            v.name = leaf
        others = {n: f for n, f in program.functions.items() if n != program.entries[0]}
        return Program({**others, name: entry}, (name,))

    def explain(self, stage: str | None) -> str:
        from .explain import explain

        return explain(self, stage)
