"""Well-typed programs for property tests, drawn by Hypothesis so that failures shrink.

A program is one `main` over two vectors, a matrix and a scalar, with let bindings, comprehensions,
reductions, loops (also with states that change their size), branches, updates, tuples, a sum type, a
record, local functions and nested derivatives.  Values stay moderate: every growing function is
bounded by what stands around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

HEADER = """\
type Shape = Circle(f64) | Box(f64, f64) | Nothing
type Pair = {left: f64, right: f64}

"""


@dataclass(frozen=True)
class Generated:
    """`source` defines `main(x: f64[n], y: f64[m], w: f64[n, m], a: f64)`; `args` are its arguments."""

    source: str
    args: tuple[object, ...] = field(compare=False)
    nested: int = 0

    def __repr__(self) -> str:
        return f"\n{self.source}\n# args: {self.args!r}"


@dataclass
class _Scope:
    """Names in scope: scalars, vectors by size name, index variables by size name."""

    scalars: list[str]
    vectors: dict[str, list[str]]
    indices: dict[str, list[str]]

    def but(self, **more: object) -> _Scope:
        new = _Scope(list(self.scalars), {k: list(v) for k, v in self.vectors.items()},
                     {k: list(v) for k, v in self.indices.items()})
        for k, v in more.items():
            if k == "scalar":
                new.scalars.append(str(v))
            elif k == "vector":
                size, name = v  # type: ignore[misc]
                new.vectors[size].append(name)
            elif k == "index":
                size, name = v  # type: ignore[misc]
                new.indices[size].append(name)
        return new


class _Gen:
    def __init__(self, draw: Callable[..., object], smooth: bool, derivatives: bool, sizes: bool) -> None:
        self.draw = draw
        self.smooth = smooth
        self.derivatives = derivatives
        self.sizes = sizes
        self.count = 0
        self.nested = 0

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def pick(self, options: list) -> object:  # type: ignore[type-arg]
        return self.draw(st.sampled_from(options))

    # Leaves come first in each list, so that shrinking ends at them.

    def scalar(self, s: _Scope, depth: int) -> str:
        if depth <= 0:
            return self.leaf(s)
        forms = [self.leaf, self.arith, self.unary, self.reduction, self.branch, self.letting, self.index, self.loop,
                 self.while_loop, self.tuple, self.local, self.matching, self.record, self.extremum, self.dotted]
        if self.sizes:
            forms.append(self.changing_size)
        if self.derivatives and self.nested < 2:
            forms += [self.derivative, self.gradient, self.pushed]
        form = self.pick(forms)
        return form(s) if form == self.leaf else form(s, depth - 1)  # type: ignore[operator]

    def leaf(self, s: _Scope) -> str:
        options = list(s.scalars) + ["0.5", "1.5", "2"]
        for size, names in s.vectors.items():
            options += [f"{v}[{i}]" for v in names for i in s.indices[size]]
        options += [f"w[{i}, {j}]" for i in s.indices["n"] for j in s.indices["m"]]
        return str(self.pick(options))

    def arith(self, s: _Scope, d: int) -> str:
        a, b = self.scalar(s, d), self.scalar(s, d)
        return str(self.pick([f"({a} + {b})", f"({a} - {b})", f"(tanh({a}) * {b})", f"({a} / (1.5 + ({b}) ** 2))"]))

    def unary(self, s: _Scope, d: int) -> str:
        a = self.scalar(s, d)
        forms = ["sin({})", "tanh({})", "exp(-({}) ** 2)", "sqrt(1.0 + ({}) ** 2)", "log(1.0 + ({}) ** 2)",
                 "sigmoid({})", "-({})", "cos({})", "erf({})"]
        if not self.smooth:
            forms += ["abs({})", "relu({})", "max({}, 0.25)", "min({}, 0.5)"]
        return str(self.pick(forms)).replace("{}", a)

    def cond(self, s: _Scope, d: int) -> str:
        if self.smooth:  # decided by nothing that is differentiated
            return str(self.pick(["n > 2", "m > 1", "n == m", "true"]))
        a, b = self.scalar(s, d), self.scalar(s, d)
        return str(self.pick([f"{a} < {b}", f"{a} > 0 and {b} < 1", f"not ({a} <= {b})", "n > m"]))

    def branch(self, s: _Scope, d: int) -> str:
        return f"(if {self.cond(s, d)} then {self.scalar(s, d)} else {self.scalar(s, d)})"

    def reduction(self, s: _Scope, d: int) -> str:
        size, i = str(self.pick(["n", "m"])), self.name("i")
        inner = s.but(index=(size, i))
        body = self.scalar(inner, d)
        form = self.pick(["sum", "mean", "some", "prod"])
        if form == "some":
            return f"sum({body} for {i} < {size} if {i} % 2 == 0)"
        if form == "mean":
            return f"sum({body} for {i} < {size}) / {size}"
        if form == "prod":
            return f"prod(cos({body}) for {i} < {size})"
        return f"sum({body} for {i} < {size})"

    def extremum(self, s: _Scope, d: int) -> str:
        if self.smooth:
            return self.arith(s, d)
        size, i = str(self.pick(["n", "m"])), self.name("i")
        return f"{self.pick(['max', 'min'])}({self.scalar(s.but(index=(size, i)), d)} for {i} < {size})"

    def letting(self, s: _Scope, d: int) -> str:
        if self.pick([True, False]):
            t = self.name("t")
            return f"(let {t} = {self.scalar(s, d)}; {self.scalar(s.but(scalar=t), d)})"
        size, v = str(self.pick(["n", "m"])), self.name("v")
        return f"(let {v} = {self.vector(s, size, d)}; {self.scalar(s.but(vector=(size, v)), d)})"

    def index(self, s: _Scope, d: int) -> str:
        size = str(self.pick(["n", "m"]))
        at = self.pick([*s.indices[size], "0", f"{size} - 1", "-1"])
        return f"({self.vector(s, size, d)})[{at}]"

    def dotted(self, s: _Scope, d: int) -> str:
        size = str(self.pick(["n", "m"]))
        return f"dot({self.vector(s, size, d)}, {self.vector(s, size, d - 1)})"

    def loop(self, s: _Scope, d: int) -> str:
        size, t, k = str(self.pick(["n", "m"])), self.name("s"), self.name("k")
        inner = s.but(scalar=t, index=(size, k))
        return f"(loop {t} = {self.scalar(s, d)} for {k} < {size} do tanh({self.scalar(inner, d)}))"

    def while_loop(self, s: _Scope, d: int) -> str:
        t, k = self.name("s"), self.name("k")
        body = self.scalar(s.but(scalar=t), d)
        stop = self.pick(["3", "n", "2"])
        return f"(loop ({t}, {k}) = ({self.scalar(s, d)}, 0) while {k} < {stop} do (sin({body}), {k} + 1))[0]"

    def changing_size(self, s: _Scope, d: int) -> str:
        """A vector that grows, shrinks, or is filtered in each step."""
        size, v, k = str(self.pick(["n", "m"])), self.name("v"), self.name("k")
        inner = s.but(scalar=f"sum({v})", index=(size, k))
        forms = [f"concat({v}, [tanh({self.scalar(inner, d)})])",
                 f"(if len({v}) > 1 then [tanh(e * {self.leaf(inner)}) for e in {v}[1:]] else {v})"]
        if not self.smooth:
            forms.append(f"filter(fn e -> e < {self.leaf(inner)}, {v})")
        start = self.vector(s, size, d - 1)
        return f"sum(loop {v}: f64[_] = {start} for {k} < {size} do {self.pick(forms)})"

    def tuple(self, s: _Scope, d: int) -> str:
        p, q = self.name("p"), self.name("q")
        body = self.scalar(s.but(scalar=p).but(scalar=q), d)
        return f"(let ({p}, {q}) = ({self.scalar(s, d)}, {self.scalar(s, d)}); {body})"

    def local(self, s: _Scope, d: int) -> str:
        f, t = self.name("f"), self.name("t")
        body = self.scalar(s.but(scalar=t), d)
        return f"(let {f}({t}: f64) = {body}; {f}({self.scalar(s, d)}) + {f}({self.leaf(s)}))"

    def matching(self, s: _Scope, d: int) -> str:
        r, p, q = self.name("r"), self.name("p"), self.name("q")
        one = f"Circle({self.scalar(s, d)})"
        two = f"Box({self.scalar(s, d)}, {self.leaf(s)})"
        subject = f"(if {self.cond(s, d - 1)} then {one} else {two})"
        arms = (f"Circle({r}) -> {self.scalar(s.but(scalar=r), d)}; "
                f"Box({p}, {q}) -> {self.scalar(s.but(scalar=p).but(scalar=q), d)}; Nothing -> 0.5")
        return f"(match {subject} {{ {arms} }})"

    def record(self, s: _Scope, d: int) -> str:
        r = self.name("r")
        made = f"Pair(left = {self.scalar(s, d)}, right = {self.scalar(s, d)})"
        if self.pick([True, False]):
            made = f"({made} with left = {self.leaf(s)})"
        return f"(let {r} = {made}; {r}.left * cos({r}.right))"

    def derivative(self, s: _Scope, d: int) -> str:
        self.nested += 1
        t = self.name("t")
        text = f"grad(fn {t} -> {self.scalar(s.but(scalar=t), d)})({self.scalar(s, d - 1)})"
        self.nested -= 1
        return text

    def gradient(self, s: _Scope, d: int) -> str:
        self.nested += 1
        size, v = str(self.pick(["n", "m"])), self.name("v")
        body = self.scalar(s.but(vector=(size, v)), d)
        text = f"sum(grad(fn {v} -> sum({v}) * {body})({self.vector(s, size, d - 1)}))"
        self.nested -= 1
        return text

    def pushed(self, s: _Scope, d: int) -> str:
        self.nested += 1
        t = self.name("t")
        body = self.scalar(s.but(scalar=t), d)
        text = f"jvp(fn {t} -> {body}, {self.leaf(s)}, {self.leaf(s)})[1]"
        self.nested -= 1
        return text

    def vector(self, s: _Scope, size: str, depth: int) -> str:
        names = s.vectors[size]
        if depth <= 0:
            return str(self.pick(names))
        i, d = self.name("i"), depth - 1
        form = self.pick(["name", "build", "update", "lifted", "cumsum", "row", "accumulate", "where"])
        if form == "build":
            return f"[{self.scalar(s.but(index=(size, i)), d)} for {i} < {size}]"
        if form == "update":
            return f"({self.vector(s, size, d)} with [{self.pick(['0', size + ' - 1'])}] = {self.scalar(s, d)})"
        if form == "lifted":
            return f"sin({self.vector(s, size, d)} + {self.vector(s, size, 0)})"
        if form == "cumsum":
            return f"cumsum({self.vector(s, size, d)})"
        if form == "row":
            return "[w[i0, 0] for i0 < n]" if size == "n" else "w[0]"
        if form == "accumulate":
            body = self.scalar(s.but(index=(size, i)), d)
            return f"accumulate(zeros({size}), (({i} * 2) % {size}, {body}) for {i} < {size})"
        if form == "where":
            return f"(if {self.cond(s, d)} then {self.vector(s, size, d)} else {self.vector(s, size, 0)})"
        return str(self.pick(names))


@st.composite
def programs(
    draw: Callable[..., object], smooth: bool = False, derivatives: bool = True, depth: int = 3, sizes: bool = True
) -> Generated:
    """A program and arguments; `smooth`: differentiable everywhere, so finite differences apply; `sizes`:
    with states of loops that change their size."""
    g = _Gen(draw, smooth, derivatives, sizes)
    scope = _Scope(["a"], {"n": ["x"], "m": ["y"]}, {"n": [], "m": []})
    lines = []
    for _ in range(int(draw(st.integers(0, 2)))):  # type: ignore[call-overload]
        t = g.name("t")
        lines.append(f"  let {t} = {g.scalar(scope, depth - 1)}")
        scope = scope.but(scalar=t)
    lines.append(f"  {g.scalar(scope, depth)}")
    source = HEADER + "def main(x: f64[n], y: f64[m], w: f64[n, m], a: f64) -> f64 =\n" + "\n".join(lines) + "\n"
    n, m = int(draw(st.integers(1, 4))), int(draw(st.integers(1, 3)))  # type: ignore[call-overload]
    rng = np.random.default_rng(int(draw(st.integers(0, 99))))  # type: ignore[call-overload]
    args = (rng.normal(size=n), rng.normal(size=m), rng.normal(size=(n, m)), float(rng.normal()))
    return Generated(source, args)
