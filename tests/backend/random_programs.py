"""Random core programs over vectors and matrices, made to alias, update, swap and nest."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from derivant.compiler.build import Builder
from derivant.compiler.ir import ZERO, Array, Atom, Const, Function, Scalar, Var, integer

F64, I64 = Scalar("f64"), Scalar("i64")


class RandomProgram:
    """`fn` and `args` from a seed."""

    def __init__(self, seed: int, size: int = 6) -> None:
        self.r = random.Random(seed)
        self.b = Builder()
        self.depth = 0
        self.n, self.m = Var("n", I64, nonneg=True), Var("m", I64, nonneg=True)
        # By shape: "s" scalar, "i" integer, "n" and "m" vectors, "nm" matrix.
        self.pool: dict[str, list[Atom]] = {k: [] for k in ("s", "i", "n", "m", "nm")}
        params = [Var("x", Array("f64", (self.n,))), Var("y", Array("f64", (self.m,))),
                  Var("a", Array("f64", (self.n, self.m))), Var("z", Array("f64", (self.n,))), Var("s", F64),
                  Var("k", I64)]
        for p, k in zip(params, ("n", "m", "nm", "n", "s", "i"), strict=True):
            self.pool[k].append(p)
        for _ in range(size):
            self.statement(self.r.randint(2, 4))
        results = [self.any(k) for k in self.r.choices(["s", "n", "m", "nm", "i"], k=self.r.randint(1, 5))]
        self.fn = Function("random", tuple(params), self.b.finish(results))
        rng = np.random.default_rng(seed)
        n, m = self.r.randint(1, 5), self.r.randint(1, 4)
        self.args = [rng.normal(size=n), rng.normal(size=m), rng.normal(size=(n, m)), rng.normal(size=n),
                     float(rng.normal()), self.r.randint(-2, 5)]

    # ------------------------------------------------ values

    def shape(self, kind: str) -> tuple[Atom, ...]:
        return {"s": (), "i": (), "n": (self.n,), "m": (self.m,), "nm": (self.n, self.m)}[kind]

    def any(self, kind: str) -> Atom:
        """Something of this shape, often recent."""
        pool = self.pool[kind]
        if kind == "s" and self.r.random() < 0.2:
            return Const(self.r.choice([0.0, 0.5, -1.25, 2.0]), "f64")
        if kind == "i" and self.r.random() < 0.2:
            return integer(self.r.randint(0, 3))
        return pool[-1] if self.r.random() < 0.5 else self.r.choice(pool)

    def at(self, size: Atom) -> Atom:
        """An index, nearly always in range."""
        if self.r.random() < 0.01:
            return self.any("i")
        if self.r.random() < 0.3:
            return ZERO
        return self.b.prim("mod", self.any("i"), size)

    def keep(self, kind: str, a: Atom) -> None:
        self.pool[kind].append(a)

    @contextmanager
    def scope(self) -> Any:
        """Names made inside are forgotten."""
        before = {k: len(v) for k, v in self.pool.items()}
        self.depth += 1
        yield
        self.depth -= 1
        for k, v in self.pool.items():
            del v[before[k]:]

    def inside(self, kinds: Sequence[str], budget: int) -> list[Atom]:
        for _ in range(self.r.randint(0, 3)):
            self.statement(budget)
        return [self.any(k) for k in kinds]

    # ------------------------------------------------ statements

    def statement(self, budget: int) -> None:
        simple: list[Callable[[], None]] = [self.scalar, self.scalar, self.read, self.row, self.update, self.update,
                                            self.fill, self.delta, self.plus, self.integer]
        nested: list[Callable[[int], None]] = [self.build, self.sum, self.states, self.states, self.branch,
                                               self.whiles, self.elementwise]
        if budget > 0 and self.depth < 3 and self.r.random() < 0.5:
            self.r.choice(nested)(budget - 1)
        else:
            self.r.choice(simple)()

    def scalar(self) -> None:
        op = self.r.choice(["add", "sub", "mul", "max", "tanh", "sin", "select"])
        x, y = self.any("s"), self.any("s")
        if op == "select":
            self.keep("s", self.b.prim("select", self.b.prim("lt", x, y), y, self.any("s")))
        else:
            v = self.b.prim(op, x) if op in ("tanh", "sin") else self.b.prim(op, x, y)
            self.keep("s", self.b.prim("sin", v) if op == "mul" else v)

    def integer(self) -> None:
        op = self.r.choice(["add", "sub", "mod", "min"])
        self.keep("i", self.b.prim(op, self.any("i"), integer(self.r.randint(1, 3))))

    def read(self) -> None:
        k = self.r.choice(["n", "m", "nm"])
        self.keep("s", self.b.index(self.any(k), *(self.at(z) for z in self.shape(k))))

    def row(self) -> None:
        self.keep("m", self.b.index(self.any("nm"), self.at(self.n)))

    def update(self) -> None:
        k = self.r.choice(["n", "m", "nm", "row"])
        if k == "row":
            self.keep("nm", self.b.update(self.any("nm"), [self.at(self.n)], self.any("m")))
        else:
            self.keep(k, self.b.update(self.any(k), [self.at(z) for z in self.shape(k)], self.any("s")))

    def fill(self) -> None:
        k = self.r.choice(["n", "m", "nm"])
        self.keep(k, self.b.fill(self.shape(k), self.any("s") if self.r.random() < 0.5 else Const(0.0, "f64")))

    def delta(self) -> None:
        k = self.r.choice(["n", "m", "nm", "row"])
        if k == "row":
            self.keep("nm", self.b.delta(self.shape("nm"), [self.at(self.n)], self.any("m")))
        else:
            self.keep(k, self.b.delta(self.shape(k), [self.at(z) for z in self.shape(k)], self.any("s")))

    def plus(self) -> None:
        k = self.r.choice(["n", "m", "nm"])
        self.keep(k, self.b.plus(*(self.any(k) for _ in range(self.r.randint(2, 3)))))

    def elementwise(self, budget: int) -> None:
        k = self.r.choice(["n", "m"])
        v, w = self.any(k), self.any(k)
        self.keep(k, self.b.build(self.shape(k)[0], lambda i: self.b.prim(
            "sin", self.b.prim("add", self.b.index(v, i), self.b.index(w, i)))))

    def build(self, budget: int) -> None:
        k = self.r.choice(["n", "m", "nm"])

        def body(i: Var) -> Atom:
            with self.scope():
                self.keep("i", i)
                return self.inside(["m" if k == "nm" else "s"], budget)[0]

        self.keep(k, self.b.build(self.shape(k)[0], body))

    def sum(self, budget: int) -> None:
        k = self.r.choice(["s", "n", "m", "nm"])

        def body(i: Var) -> Atom:
            with self.scope():
                self.keep("i", i)
                return self.inside([k], budget)[0]

        mode = "max" if self.r.random() < 0.1 else "sum"
        self.keep(k, self.b.reduce(mode, self.r.choice([self.n, self.m, integer(2)]), body))

    def states(self, budget: int, head: bool = False) -> None:
        kinds = self.r.choices(["s", "n", "m", "nm", "i"], k=self.r.randint(1, 4))
        outs = self.r.choices(["s", "n", "m"], k=self.r.randint(0, 2))
        modes = [self.r.choice(["build", "sum"]) for _ in outs]
        extent = self.r.choice([self.n, self.m, integer(3), integer(0)])

        def bind(i: Var, st: tuple[Var, ...]) -> None:
            for k, v in zip(kinds, st, strict=True):
                self.keep(k, v)
            self.keep("i", i)

        def body(i: Var, st: tuple[Var, ...]) -> Any:
            with self.scope():
                bind(i, st)
                values = self.inside([*kinds, *outs], budget)
                for j, k in enumerate(kinds):
                    if k in ("n", "m", "nm") and self.r.random() < 0.4:  # a state that is continued
                        values[j] = self.b.update(st[j], [self.at(z) for z in self.shape(k)], self.any("s"))
                    if k == "s":
                        values[j] = self.b.prim("tanh", values[j])
                return values[: len(kinds)], list(zip(modes, values[len(kinds):], strict=True))

        def test(i: Var, st: tuple[Var, ...]) -> Atom:
            with self.scope():
                bind(i, st)
                (x,) = self.inside(["s"], 0)
                return self.b.prim("lt", x, Const(0.7, "f64"))

        found = self.b.loop(extent, body, inits=[self.any(k) for k in kinds], head=test if head else None,
                            down=self.r.random() < 0.3)
        for k, v in zip(kinds, found, strict=False):
            self.keep(k, v)
        for mode, k, v in zip(modes, outs, found[len(kinds):], strict=False):
            if mode == "sum":
                self.keep(k, v)
            else:
                total = self.b.reduce("sum", v.type.shape[0], lambda i, v=v: self.b.index(v, i))
                self.keep(k, total)
        if head:
            self.keep("i", found[-1])

    def whiles(self, budget: int) -> None:
        self.states(budget, head=True)

    def branch(self, budget: int) -> None:
        kinds = self.r.choices(["s", "n", "m", "nm", "i"], k=self.r.randint(1, 3))
        shared = {j: self.any(k) for j, k in enumerate(kinds) if len(k) + (k in "nm") > 1 and self.r.random() < 0.5}

        def side() -> list[Atom]:
            with self.scope():
                for j, a in shared.items():
                    self.keep(kinds[j], a)
                values = self.inside(kinds, budget)
                for j, a in shared.items():
                    if self.r.random() < 0.6:
                        values[j] = self.b.update(a, [self.at(z) for z in self.shape(kinds[j])], self.any("s"))
                return values

        c = self.b.prim("lt", self.any("s"), self.any("s"))
        for k, v in zip(kinds, self.b.cond(c, side, side), strict=True):
            self.keep(k, v)



