"""The ground of the elaborator: where it emits, errors with spans, size equations, guards."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from ..compiler.build import Builder, defined
from ..compiler.errors import Error, Label, NameError, SizeError, Span, TypeError, UnsupportedError
from ..compiler.ir import Asked, Assert, Atom, Block, Const, Function, Prim, Prov, Stmt, Var, integer
from ..compiler.sizes import Poly, materialise, nonneg, number, poly_of
from .values import BareIndex, Env, Value

if TYPE_CHECKING:
    from . import syntax as sx

MAX_CHAIN = 64


class At:
    """Provenance of what a builder emits for a while."""

    __slots__ = ("asked", "b", "before", "span", "use")

    def __init__(self, b: Builder, span: Span, asked: tuple[Asked, ...], use: Span | None) -> None:
        self.b = b
        self.span = span
        self.asked = asked
        self.use = use
        self.before = b.prov

    def __enter__(self) -> None:
        self.before = self.b.prov
        self.b.prov = Prov((self.span,), asked=self.asked, use=self.use)

    def __exit__(self, *_: object) -> None:
        self.b.prov = self.before


class Base:
    """State of one elaboration.

    `b` emits into the core function at hand; `functions` are the finished ones; `facts` are size
    equations that a run-time check has established where we stand; `rigid` are the named sizes of
    signatures; `unknown` those that depend on data.  `on_bind` hears of the names that patterns bind,
    once for each time that their function is elaborated.
    """

    def __init__(self) -> None:
        self.b = Builder()
        self.functions: dict[str, Function] = {}
        self.used: dict[str, int] = {}
        self.guard = 0
        self.facts: dict[Var, Poly] = {}
        self.rigid: dict[Var, str] = {}
        self.unknown: set[Var] = set()
        self.chain: list[tuple[str, object, Span]] = []
        self.bare: dict[Var, BareIndex] = {}
        self.below: dict[Var, BareIndex] = {}
        self.casts: dict[Var, str] = {}
        self.trial_vars: set[Var] = set()
        self.named: set[Var] = set()
        """Variables that are called as users call them."""
        self.arg_spans: dict[int | str, Span] = {}
        self.on_bind: Callable[[Span, Value], object] | None = None
        self.wanted: Asked | None = None
        self.operated: set[tuple[str, str, tuple[str, ...]]] = set()
        """Operators that went through the fields of records, with the names of their types and of the fields."""
        self.use: Span | None = None  # of what stands in the prelude, by the program
        self.outside: Span | None = None  # stands for a call that is no part of the program

    # ------------------------------------------------ for the rooms above

    def elaborate(self, e: sx.Expr, env: Env) -> Value:
        raise NotImplementedError

    def apply(self, fn: Value, args: Sequence[Value], span: Span, named: Mapping[str, Value] | None = None) -> Value:
        raise NotImplementedError

    # ------------------------------------------------ where we stand

    def at(self, span: Span, asked: tuple[Asked, ...] = ()) -> At:
        """What is emitted inside comes from this span, as a part of these derivatives."""
        return At(self.b, span, asked, self.use)

    @contextmanager
    def own_function(self) -> Iterator[Builder]:
        """Inside, statements go to a core function of its own."""
        saved = self.b, self.guard, self.facts, self.bare, self.below
        self.b, self.guard, self.facts, self.bare, self.below = Builder(saved[0].prov), 0, {}, {}, {}
        try:
            yield self.b
        finally:
            self.b, self.guard, self.facts, self.bare, self.below = saved

    def region(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        """A block of its own; the size equations checked in it hold in it only."""
        saved = dict(self.facts)
        try:
            return self.b.region(fill)
        finally:
            self.facts = saved

    def guarded(self, fill: Callable[[], Sequence[Atom]]) -> Block:
        """A block that may not run: what stands in it is checked at run time only."""
        self.guard += 1
        try:
            return self.region(fill)
        finally:
            self.guard -= 1

    def reopen(self, block: Block, fill: Callable[[], Sequence[Atom]]) -> Block:
        """The block with more statements at its end, and the results of `fill`."""
        stmts: list[Stmt] = list(block.stmts)
        self.b.stack.append(stmts)
        try:
            results = tuple(fill())
        finally:
            self.b.stack.pop()
        return Block(tuple(stmts), results)

    def fresh_function_name(self, base: str) -> str:
        name, k = base, self.used.get(base, 2)
        while name in self.functions:
            name, k = f"{base}_{k}", k + 1
        self.used[base] = k
        return name

    # ------------------------------------------------ errors

    def type_error(self, code: str, message: str, span: Span, **more: object) -> NoReturn:
        raise TypeError(code, message, span, **more)  # type: ignore[arg-type]

    def not_yet(self, what: str, span: Span, help: str | None = None) -> NoReturn:
        raise unsupported(what, span, help)

    def unknown_name(self, name: str, span: Span, known: Iterable[str], kind: str = "nothing here is called",
                     member: str | None = None) -> NoReturn:
        raise NameError("DV0201", f"{kind} {name}", span, help=meant(name, known, member))

    # ------------------------------------------------ sizes

    def atom(self, p: Poly) -> Atom:
        """Code for a size."""
        if len(p.terms) == 1:
            ((m, c),) = p.terms.items()
            if c == 1 and len(m) == 1 and isinstance(m[0], Var):
                return m[0]
        return materialise(p, self.b.prim)

    def norm(self, p: Poly) -> Poly:
        """A size with the equations that hold here put in."""
        for _ in range(8):
            if not self.facts or not any(v in self.facts for v in p.vars()):
                return p
            p = p.substitute(self.facts.get)
        return p

    def same(self, a: Atom, b: Atom) -> bool:
        """Provably equal here."""
        return a is b or a == b or self.same_poly(poly_of(a), poly_of(b))

    def same_poly(self, p: Poly, q: Poly) -> bool:
        return p == q or self.norm(p) == self.norm(q)

    def plain(self, p: Poly) -> bool:
        """A number, or a size that has a name in a signature."""
        if p.constant is not None:
            return True
        ((m, c), *rest) = p.terms.items()
        return not rest and c == 1 and len(m) == 1 and m[0] in self.rigid

    def equate(
        self,
        p: Poly,
        q: Poly,
        span: Span,
        message: str = "sizes do not agree",
        *,
        labels: Sequence[Label] = (),
        note: str | None = None,
        help: str | None = None,
        checked: bool = False,
        names: tuple[str, str] = ("one", "the other"),
        at_run_time: str | None = None,
    ) -> None:
        """The equation p = q: proven, an error, or a check at run time.

        `checked`: the user has asked for the check (an annotation), so that names may differ.
        `at_run_time` is the check's message, with both values.
        """
        if self.same_poly(p, q):
            return
        d = (self.norm(p) - self.norm(q)).constant
        if d is not None or (not checked and self.sure_to_differ(p, q)):
            notes = [note or f"{self.show_size(p)} and {self.show_size(q)} are different sizes"]
            if help is None and d is None:
                fixed = next((s for s in (p, q) if s.constant is not None), None)
                help = "if they must be equal, give both the same name in the signature" if fixed is None else \
                    f"write the number in the signature, or assert it with let … : […{self.show_size(fixed)}…]"
            raise SizeError("DV0312", message, span, labels=tuple(labels), notes=notes, help=help)
        a, c = self.atom(p), self.atom(q)
        text = at_run_time or f"{message}: {names[0]} has size {{0}} and {names[1]} {{1}}"
        self.b.assert_(self.b.prim("eq", a, c), "DV0502", text, a, c)
        self.learn(p, q)

    def sure_to_differ(self, p: Poly, q: Poly) -> bool:
        """Would `equate` refuse these sizes: different for certain, or two names of one signature?"""
        return (self.norm(p) - self.norm(q)).constant is not None or (self.plain(p) and self.plain(q))

    def learn(self, p: Poly, q: Poly) -> None:
        """From here on p = q: solved for a variable that stands alone."""
        d = self.norm(p) - self.norm(q)
        for v in sorted((v for v in d.factors() if isinstance(v, Var)), key=lambda v: -v.uid):
            c = d.terms.get((v,))
            rest = Poly({m: k for m, k in d.terms.items() if m != (v,)})
            if c in (1, -1) and v not in rest.vars():
                self.facts[v] = -rest if c == 1 else rest
                return

    def show_size(self, p: Poly) -> str:
        return repr(p)

    def nonneg_extent(self, extent: Atom) -> Atom:
        """Checks that an array's size is not negative, unless that is proven."""
        p = self.norm(poly_of(extent))
        if p.constant is not None and p.constant < 0:
            raise SizeError("DV0503", f"an array can't have the size {p.constant}",
                            self.b.prov.span)
        if not nonneg(p) and not self.checked(p):
            self.b.assert_(self.b.prim("ge", extent, integer(0)), "DV0503",
                           "an array can't have the negative size {0}", extent)
        return extent

    def nonempty(self, extent: Atom, what: str) -> None:
        """Checks that there is at least one element, unless that is proven."""
        p = self.norm(poly_of(extent)) - number(1)
        if not nonneg(p) and not self.checked(p):
            self.b.assert_(self.b.prim("gt", extent, integer(0)), "DV0508", f"{what} of nothing")

    def checked(self, p: Poly) -> bool:
        """Does p >= 0 follow from a comparison that a statement before this one asserts?"""
        for s in itertools.chain.from_iterable(self.b.stack):
            test = s.op.cond.stmt.op if isinstance(s.op, Assert) and isinstance(s.op.cond, Var) and s.op.cond.stmt else None
            if isinstance(test, Prim) and test.name in ("ge", "gt", "le", "lt") and test.args[0].type.kind == "i64":
                x, y = map(poly_of, test.args)
                least = (x - y if test.name in ("ge", "gt") else y - x) - number(test.name in ("gt", "lt"))
                if nonneg(self.norm(p) - self.norm(least)):
                    return True
        return False

    def escapes(self, size: Atom, inside: set[Var]) -> bool:
        """Is a size known only inside a region?"""
        return not isinstance(size, Const) and size in inside and any(v in inside for v in poly_of(size).vars())

    def defined_in(self, block: Block, *more: Var) -> set[Var]:
        return defined(block) | set(more)

    # ------------------------------------------------ specialisation chain

    @contextmanager
    def instantiating(self, name: str, key: object, span: Span, *, remark: bool = True) -> Iterator[None]:
        """One more template; a chain of 64 is an error that prints it."""
        if len(self.chain) >= MAX_CHAIN:
            shown = [n for n, _, _ in self.chain[:3]] + ["…"] + [n for n, _, _ in self.chain[-3:]] + [name]
            self.type_error("DV0320", f"a chain of {MAX_CHAIN} instantiations: {' → '.join(shown)}", span,
                            help="functions that take functions are compiled away; this one never ends")
        self.chain.append((name, key, span))
        wanted, self.wanted = self.wanted, None
        try:
            yield
        except Error as e:
            if remark:
                _used_at(e, name, span)
            raise
        finally:
            self.chain.pop()
            self.wanted = wanted


def depends_on_itself(name: str, span: Span) -> NameError:
    return NameError("DV0206", f"{name} depends on itself", span,
                     help="a value is not changed: what is made of an earlier one has another name")


def unsupported(what: str, span: Span, help: str | None = None) -> UnsupportedError:
    return UnsupportedError("DV0901", f"not yet: {what}", span, help=help)


METHODS = {"T": "transpose", "mT": "transpose", "size": "len", "length": "len"}
"""What is a method or an attribute elsewhere, and a function of another name here."""
MODULES = frozenset(("np", "numpy", "math", "jnp", "jax", "scipy", "torch", "Math"))
_END = "blocks end by their indentation"
_MISSING = "every name has a value; for what may be missing declare `type Maybe = Some(f64) | Nothing`"
_RANDOM = "random numbers come from outside, as arguments"
MEANT = {
    **dict.fromkeys(MODULES, "the functions need no module: write `sin`"),
    **dict.fromkeys(("end", "done", "fi"), _END), **dict.fromkeys(("None", "null", "nil", "undefined"), _MISSING),
    **dict.fromkeys(("infinity", "Infinity", "INFINITY", "oo"), "write `inf`"),
    **dict.fromkeys(("int", "long", "int64", "Int"), "a conversion is called like the type: write `i64`"),
    **dict.fromkeys(("float", "double", "float64", "Float64"), "a conversion is called like the type: write `f64`"),
    **dict.fromkeys(("random", "rand", "randn", "randint", "normal", "uniform"), _RANDOM),
    **dict.fromkeys(("str", "string", "repr", "format"), "texts are no values; `show(x)` prints x, and gives it"),
    **dict.fromkeys(("break", "continue"), "a loop ends by its condition: `loop x = … while c do …`"),
    **dict.fromkeys(("concatenate", "hstack", "vstack", "cat"), "write `concat`, or `stack` for a new axis"),
    **dict.fromkeys(("array", "list", "vector", "ndarray", "asarray"), "an array is written `[1.0, 2.0]`"),
    **dict.fromkeys(("append", "push"), "write `concat(a, [x])`"), **dict.fromkeys(("size", "length", "numel"), "write `len`, or `shape`"),
    **dict.fromkeys(("fabs", "absolute"), "write `abs`"), **dict.fromkeys(("maximum", "fmax"), "write `max`"),
    **dict.fromkeys(("minimum", "fmin"), "write `min`"), **dict.fromkeys(("foldl", "fold"), "write `reduce`, or a `loop`"),
    **{f"arc{f}": f"write `a{f}`" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}, "arctan2": "write `atan2`",
    "print": "`show(x)` prints x, and gives it", "range": "`for i < n` counts", "arange": "write `iota(n)`",
    "True": "write `true`", "False": "write `false`", "ln": "write `log`", "enumerate": "`for i < len(a)` counts",
    "where": "write `select(c, a, b)`, or `if c then a else b`", "diff": "write `a[1:] - a[:-1]`", "sgn": "write `sign`",
    "var": "write `variance`", "average": "write `mean`", "norm2": "write `norm`", "square": "write `x**2`", "sqr": "write `x**2`",
    "identity": "write `eye`", "pass": "every block has a value; write it", "power": "write `x**y`",
}
"""Names of other languages, and what is written here."""


def meant(name: str, known: Iterable[str], member: str | None = None) -> str | None:
    """What somebody means by a name that is not there: what it is called here, or the closest known one.

    `member` is what was wanted of it: `sum` in `np.sum`.
    """
    if member is None or name not in MODULES:
        return MEANT.get(name) or did_you_mean(name, known)
    known = set(known)
    help = f"write `{member}`" if member in known else meant(member, known)
    return f"the functions need no module: {help}" if help else "the functions need no module"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The closest of the known names; one that differs in case alone, or else begins alike, is preferred."""
    return _closest(name, frozenset(known))


@lru_cache(256)  # a name that is not there is often not there a thousand times
def _closest(name: str, known: frozenset[str]) -> str | None:
    ordered = sorted(known)
    same = [k for k in ordered if k.lower() == name.lower()]
    close = same[:1] or difflib.get_close_matches(name, ordered, 4, 0.65)
    if not close:
        return None
    alike = [c for c in close if c[:2] == name[:2]]
    return f"did you mean {(alike or close)[0]}?"


def _used_at(e: Error, name: str, span: Span) -> None:
    """Remarks on an error inside a template where it was used (the innermost three uses)."""
    for one in e.errors:
        if one.span is None or span.source is None or len(one.labels) >= 3:
            continue
        inside = span.holds(one.span)
        if one.span.in_prelude and not span.in_prelude:
            one.notes = (*one.notes, f"found in {name}, {one.span}")
            one.span, one.labels = span, ()
            continue
        text = f"in {name}, used here" if name not in ("fn", "test", "value") else "used here"
        if not inside and not any(la.text == text for la in one.labels):
            one.labels = (*one.labels, Label(span, text))
