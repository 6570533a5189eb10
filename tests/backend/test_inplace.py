"""Updates and loop states: in place where that is safe, a copy where it is not, and never a wrong value."""

from __future__ import annotations

from typing import Any

import numpy as np
from derivant.compiler.build import Builder
from derivant.compiler.ir import ONE, ZERO, Atom, Var, integer
from derivant.compiler.loops import Alloc, CopyIn, FillIn, For, Swap, While, walk
from derivant.compiler.lower import lower

from .agree import agree
from .programs import F64, I64, c, function, matrix, size, vector

n, m = size("n"), size("m")
x, y = vector("x", n), vector("y", n)
a = matrix("a", n, m)
xs, ys = np.array([3.0, 1.0, 2.0]), np.array([-1.0, 0.5, 4.0])
mat = np.arange(6.0).reshape(3, 2)


def count(fn: Any, kind: type) -> int:
    return sum(isinstance(s, kind) for s in walk(lower(fn).body))


def test_update_of_a_parameter_copies_it_once() -> None:
    fn = function([x], lambda b: [b.update(b.update(x, [ZERO], c(9.0)), [ONE], c(8.0))])
    agree(fn, [xs])
    assert count(fn, CopyIn) == 1


def test_update_of_a_value_that_is_read_later() -> None:
    def body(b: Builder) -> list[Atom]:
        v = b.build(n, lambda i: b.prim("mul", b.index(x, i), c(2.0)))
        u = b.update(v, [ZERO], c(9.0))
        return [b.prim("add", b.index(v, ZERO), b.index(u, ZERO)), u]

    agree(function([x], body), [xs])


def test_update_of_a_value_whose_row_is_read_later() -> None:
    def body(b: Builder) -> list[Atom]:
        v = b.build(n, lambda i: b.build(m, lambda j: b.prim("neg", b.index(a, i, j))))
        row = b.index(v, ONE)
        u = b.update(v, [ONE], b.index(v, ZERO))
        return [u, row]

    agree(function([a], body), [mat])


def test_a_row_is_written_over_another_of_the_same_array() -> None:
    def body(b: Builder) -> list[Atom]:
        v = b.build(n, lambda i: b.build(m, lambda j: b.prim("neg", b.index(a, i, j))))
        return [b.update(v, [ONE], b.index(v, integer(2)))]

    fn = function([a], body)
    agree(fn, [mat])
    assert lower(fn).copies == []


def test_carried_array_stays_in_place() -> None:
    def step(b: Builder, i: Var, s: Any) -> Any:
        return [b.update(s[0], [i], b.prim("add", b.index(s[0], i), b.index(x, i)))], []

    fn = function([x], lambda b: b.loop(n, lambda i, s: step(b, i, s), inits=[b.fill([n], c(1.0))]))
    agree(fn, [xs])
    assert count(fn, CopyIn) == 0
    assert count(fn, Alloc) == 0
    assert count(fn, FillIn) == 1


def test_parameter_as_initial_state_is_copied_once() -> None:
    fn = function([x], lambda b: b.loop(n, lambda i, s: ([b.update(s[0], [i], c(0.0))], []), inits=[x]))
    agree(fn, [xs])
    assert count(fn, CopyIn) == 1
    assert not any(isinstance(s, CopyIn) for t in walk(lower(fn).body) if isinstance(t, For) for s in walk(t.body))


def test_states_that_change_places() -> None:
    fn = function([x, y], lambda b: b.loop(integer(3), lambda i, s: ([s[1], s[0]], []), inits=[x, y]))
    agree(fn, [xs, ys])


def test_states_that_change_places_after_an_update() -> None:
    def step(b: Builder, i: Var, s: Any) -> Any:
        u = b.update(s[0], [i], b.index(s[1], i))
        w = b.update(s[1], [i], b.index(u, i))
        return [w, u], [("build", b.index(s[0], i))]

    agree(function([x, y], lambda b: b.loop(n, lambda i, s: step(b, i, s), inits=[x, y])), [xs, ys])


def test_updated_states_that_change_places_are_exchanged() -> None:
    def step(b: Builder, i: Var, s: Any) -> Any:
        old = b.index(s[1], i)
        return [b.update(s[1], [i], b.index(s[0], i)), b.update(s[2], [i], b.prim("mul", old, c(3.0))),
                b.update(s[0], [i], old)], []

    def body(b: Builder) -> Any:
        starts = [b.build(n, lambda i, k=k: b.prim("mul", b.index(x, i), c(k))) for k in (1.0, 2.0, 5.0)]
        outer = b.loop(integer(2), lambda _, s: (b.loop(n, lambda i, t: step(b, i, t), inits=list(s)), []), inits=starts)
        return [*outer, *starts[:1]]

    fn = function([x], body)
    agree(fn, [xs], [xs[:0]])
    inner = [t for t in walk(lower(fn).body) if isinstance(t, For) and not any(isinstance(u, For) for u in walk(t.body))]
    steps = [t.body for t in inner if any(isinstance(u, Swap) for u in t.body)]
    assert [sum(isinstance(u, Swap) for u in body) for body in steps] == [2]
    assert not any(isinstance(u, CopyIn) for body in steps for u in walk(body))


def test_both_states_become_one_value() -> None:
    def step(b: Builder, i: Var, s: Any) -> Any:
        u = b.update(s[0], [i], c(7.0))
        return [u, u], []

    agree(function([x, y], lambda b: b.loop(n, lambda i, s: step(b, i, s), inits=[x, y])), [xs, ys])


def test_one_array_starts_two_states() -> None:
    def body(b: Builder) -> Any:
        v = b.fill([n], c(1.0))
        return b.loop(n, lambda i, s: ([b.update(s[0], [i], c(2.0)), b.update(s[1], [i], c(3.0))], []), inits=[v, v])

    agree(function([x], body), [xs])


def test_initial_state_is_read_inside_and_after() -> None:
    def body(b: Builder) -> Any:
        v = b.build(n, lambda i: b.prim("mul", b.index(x, i), c(2.0)))

        def step(i: Var, s: Any) -> Any:
            return [b.update(s[0], [i], b.prim("add", b.index(v, ZERO), c(1.0)))], []

        (w,) = b.loop(n, step, inits=[v])
        return [w, b.index(v, ZERO)]

    agree(function([x], body), [xs])


def test_nested_carried_arrays_share_one_buffer() -> None:
    def body(b: Builder) -> Any:
        def outer(i: Var, s: Any) -> Any:
            def inner(j: Var, t: Any) -> Any:
                return [b.update(t[0], [i, j], b.prim("add", b.index(t[0], i, j), b.index(a, i, j)))], []

            return [b.loop(m, inner, inits=[s[0]])[0]], []

        return b.loop(n, outer, inits=[b.fill([n, m], c(0.0))])

    fn = function([a], body)
    agree(fn, [mat])
    assert count(fn, CopyIn) == 0
    assert count(fn, Alloc) == 0


def test_state_built_anew_uses_two_buffers() -> None:
    def step(b: Builder, s: Any) -> Any:
        return [b.build(n, lambda i: b.prim("add", b.index(s[0], i), b.index(s[0], ZERO)))], []

    fn = function([x], lambda b: b.loop(integer(5), lambda i, s: step(b, s), inits=[x]))
    agree(fn, [xs])
    assert count(fn, Swap) == 1
    assert not any(isinstance(s, Alloc) for t in walk(lower(fn).body) if isinstance(t, For) for s in walk(t.body))


def test_state_built_anew_inside_a_loop_that_starts_from_the_same_array() -> None:
    def body(b: Builder) -> Any:
        v = b.build(n, lambda i: b.prim("mul", b.index(x, i), c(2.0)))

        def one(k: Var) -> Atom:
            def step(i: Var, s: Any) -> Any:
                return [b.build(n, lambda j: b.prim("add", b.index(s[0], j), b.prim("f64", k)))], []

            return b.loop(integer(3), step, inits=[v])[0]

        return [b.build(integer(2), one)]

    agree(function([x], body), [xs])


def test_branch_updates_in_place_what_it_may() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            big = b.prim("gt", b.index(x, i), c(1.5))
            return list(b.cond(big, lambda: [b.update(s[0], [i], b.index(x, i))], lambda: [s[0]])), []

        return b.loop(n, step, inits=[b.fill([n], c(0.0))])

    fn = function([x], body)
    agree(fn, [xs])
    assert count(fn, CopyIn) == 0


def test_branch_returns_old_and_new() -> None:
    def body(b: Builder) -> Any:
        v = b.build(n, lambda i: b.prim("neg", b.index(x, i)))
        return b.cond(b.prim("gt", b.index(x, ZERO), c(0.0)),
                      lambda: [b.update(v, [ZERO], c(5.0)), v, b.index(v, ZERO)],
                      lambda: [v, b.update(v, [ONE], c(6.0)), b.index(v, ONE)])

    agree(function([x], body), [xs], [-xs])


def test_scatter_in_a_sum_is_one_addition() -> None:
    k = vector("k", n, "i64")
    fn = function([k, x], lambda b: [b.reduce("sum", n, lambda i: b.delta([n], [b.index(k, i)], b.index(x, i)))])
    agree(fn, [[2, 0, 2], xs], [[2, 3, 0], xs])
    assert (count(fn, Alloc), count(fn, FillIn), count(fn, For)) == (0, 1, 1)


def test_scatter_under_branches_sums_and_plus() -> None:
    def body(b: Builder) -> Any:
        def one(i: Var) -> Atom:
            def cell(j: Var) -> Atom:
                (d,) = b.cond(b.prim("gt", b.index(a, i, j), c(1.5)),
                              lambda: [b.delta([n, m], [i, j], b.index(a, i, j))],
                              lambda: [b.fill([n, m], c(0.0))])
                return d

            return b.plus(b.reduce("sum", m, cell), b.delta([n, m], [i], b.index(a, ZERO)))

        return [b.reduce("sum", n, one)]

    fn = function([a], body)
    agree(fn, [mat])
    assert (count(fn, Alloc), count(fn, FillIn)) == (0, 1)


def test_plus_of_made_arrays_has_one_buffer() -> None:
    def body(b: Builder) -> Any:
        u = b.reduce("sum", n, lambda i: b.delta([n], [i], b.index(x, i)))
        v = b.build(n, lambda i: b.prim("sin", b.index(x, i)))
        total = b.plus(u, y, v)
        return [b.reduce("sum", n, lambda i: b.index(total, i))]

    fn = function([x, y], body)
    agree(fn, [xs, ys])
    assert count(fn, Alloc) == 1


def test_rows_as_states() -> None:
    def body(b: Builder) -> Any:
        v = b.build(n, lambda i: b.build(m, lambda j: b.index(a, i, j)))

        def step(i: Var, s: Any) -> Any:
            row, table = s
            new = b.update(row, [ZERO], b.prim("add", b.index(row, ZERO), c(1.0)))
            return [new, b.update(table, [i], new)], [("build", row), ("sum", new)]

        return b.loop(n, step, inits=[b.index(v, ZERO), v])

    agree(function([a], body), [mat])


def test_head_reads_what_the_body_updates() -> None:
    def body(b: Builder) -> Any:
        def head(i: Var, s: Any) -> Atom:
            u = b.update(s[0], [ZERO], c(0.0))
            return b.prim("lt", b.prim("add", b.index(u, ZERO), b.index(s[0], ZERO)), c(6.0))

        def step(i: Var, s: Any) -> Any:
            v = b.prim("add", b.index(s[0], ZERO), c(1.0))
            return [b.update(s[0], [ZERO], v)], [("build", s[0]), ("build", v), ("sum", s[0])]

        return b.loop(None, step, inits=[x], head=head)

    fn = function([x], body)
    agree(fn, [xs], [xs * 0], [xs + 90])
    assert count(fn, While) == 1


def test_state_whose_size_changes() -> None:
    k = Var("k", I64)

    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            size, v = s
            more = b.prim("add", size, ONE)
            last = b.prim("sub", size, ONE)
            new = b.build(more, lambda j: b.index(v, b.prim("min", j, last)))
            return [more, b.update(new, [ZERO], b.prim("f64", i))], [("sum", b.index(new, ONE))]

        start = b.prim("add", k, ONE)
        return b.loop(integer(40), step, inits=[start, b.fill([start], c(0.5))])

    agree(function([k], body), [0], [3])


def test_branch_whose_sizes_differ() -> None:
    s = Var("s", F64)

    def body(b: Builder) -> Any:
        def side(k: int) -> Any:
            size = b.prim("add", n, integer(k))
            return lambda: [size, b.build(size, lambda i: b.prim("f64", i))]

        size, v = b.cond(b.prim("gt", s, c(0.0)), side(0), side(2))
        return [v, b.reduce("sum", size, lambda i: b.index(v, i)), b.update(v, [ZERO], s)]

    agree(function([x, s], body), [xs, 1.0], [xs, -1.0])


def test_old_version_is_read_after_the_update() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            u = b.update(s[0], [i], c(0.0))
            j = b.prim("mod", b.prim("add", i, ONE), n)
            old = b.index(s[0], j)
            return [b.update(u, [j], b.prim("add", old, c(1.0)))], [("build", old)]

        return b.loop(n, step, inits=[b.fill([n], c(2.0))])

    fn = function([x], body)
    agree(fn, [xs])
    assert lower(fn).copies == []


def test_shown_values_keep_their_order() -> None:
    def body(b: Builder) -> Any:
        v = b.build(n, lambda i: b.prim("neg", b.index(x, i)))
        u = b.update(v, [ZERO], c(0.0))
        b.show("new {0}", u)
        b.show("old {0}", v)
        return [u]

    agree(function([x], body), [xs])


def test_sum_onto_a_state() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            u = b.update(s[0], [i], c(0.0))
            scattered = b.reduce("sum", i, lambda j: b.delta([n], [j], b.index(x, i)))
            return [b.plus(u, scattered, b.delta([n], [i], b.index(x, i)))], [("build", s[0])]

        return b.loop(n, step, inits=[b.fill([n], c(1.0))], down=True)

    fn = function([x], body)
    agree(fn, [xs])
    assert lower(fn).copies == []
    assert count(fn, FillIn) == 1


def test_cell_that_is_made_before_the_state_it_is_added_to() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            cell = b.delta([n], [i], b.index(x, i))
            u = b.update(s[0], [i], c(0.0))
            return [b.plus(u, cell)], [("build", b.index(s[0], i))]

        return b.loop(n, step, inits=[b.fill([n], c(1.0))], down=True)

    fn = function([x], body)
    agree(fn, [xs])
    assert lower(fn).copies == []
    assert count(fn, FillIn) == 1


def test_sum_onto_a_state_that_is_read_in_the_sum() -> None:
    def body(b: Builder) -> Any:
        def step(i: Var, s: Any) -> Any:
            moved = b.reduce("sum", n, lambda j: b.delta([n], [b.prim("mod", b.prim("add", j, ONE), n)],
                                                         b.index(s[0], j)))
            return [b.plus(s[0], moved)], []

        return b.loop(integer(3), step, inits=[x])

    agree(function([x], body), [xs])


def test_collected_state_is_stored_before_it_changes() -> None:
    fn = function([x], lambda b: b.loop(
        n, lambda i, s: ([b.update(s[0], [i], b.index(x, i))], [("build", s[0]), ("build", s[0])]),
        inits=[b.fill([n], c(0.0))]))
    agree(fn, [xs])
    assert lower(fn).copies == []
