"""The loop IR's own tools: its text, and what its verifier refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from derivant.compiler.errors import InternalError
from derivant.compiler.ir import Const, Var, integer
from derivant.compiler.loops import Alloc, Assign, Buf, Check, For, Load, LoopFunction, Param, Place, Reg, Store
from derivant.compiler.loops_printer import print_loops
from derivant.compiler.loops_verify import verify_loops
from derivant.compiler.lower import lower

from .programs import F64, c, function, size, vector

n = size("n")
x, s = vector("x", n), Var("s", F64)


def test_text() -> None:
    fn = function([x, s], lambda b: [
        b.build(n, lambda i: b.prim("mul", b.index(x, i), s)),
        b.reduce("max", n, lambda i: b.index(x, i)),
        b.update(x, [integer(1)], c(0.5))])
    assert print_loops(lower(fn)) == """\
loops 1
func f(@x.1 : f64[%x_n0.1] in given (%x_n0.1), %s.1 : f64) -> (@out.1 : f64[%x_n0.1] out, %t.3 : f64, @out.2 : f64[%x_n0.1] out) {
  for %i.1 < %x_n0.1 seq poll {
    %t.1 : f64 = @x.1[%i.1]
    %t.2 : f64 = mul(%t.1, %s.1)
    @out.1[%i.1] = %t.2
  }
  %t.3 : f64 = copy(-inf)
  for %i.2 < %x_n0.1 seq poll {
    %t.4 : f64 = @x.1[%i.2]
    %t.5 : f64 = max(%t.3, %t.4)
    %t.3 : f64 = copy(%t.5)
  }
  %t.6 : bool = lt(1, %x_n0.1)
  check %t.6, 0(1, %x_n0.1)
  copy @out.2[] = @x.1[]
  @out.2[1] = 0.5
}
site 0 = DV0501 'index {0} is out of bounds for axis 0 of size {1}' (i64, i64)
"""


def made() -> LoopFunction:
    """`for i < n do out[i] = x[i] + s`."""
    size_, r, t, i, u = Reg("n", "i64"), Reg("s", "f64"), Reg("t", "f64"), Reg("i", "i64"), Reg("u", "f64")
    source, out = Buf("x", "f64", (size_,), "in"), Buf("out", "f64", (size_,), "out")
    body = [For(i, size_, [Load(t, Place(source, (i,))), Assign(u, "add", (t, r)), Store(Place(out, (i,)), u)])]
    return LoopFunction("f", [Param("x", source, (size_,)), Param("s", r)], [out], list(body), [])


def inner(f: LoopFunction) -> For:
    loop = f.body[0]
    assert isinstance(loop, For)
    return loop


def spoil_order(f: LoopFunction) -> None:
    inner(f).body.reverse()


def spoil_kind(f: LoopFunction) -> None:
    inner(f).body[1] = Assign(Reg("u", "f64"), "add", (Const(1, "i64"), Const(1, "i64")))


def spoil_rank(f: LoopFunction) -> None:
    store = inner(f).body[2]
    assert isinstance(store, Store)
    store.dst = Place(store.dst.buf)


def spoil_parameter(f: LoopFunction) -> None:
    source = f.params[0].value
    assert isinstance(source, Buf)
    f.body.append(Store(Place(source, (integer(0),)), c(1.0)))


def spoil_allocation(f: LoopFunction) -> None:
    f.body.append(Store(Place(Buf("t", "f64", (integer(1),), "temp"), (integer(0),)), c(1.0)))


def spoil_scope(f: LoopFunction) -> None:
    t = Buf("t", "f64", (integer(1),), "temp")
    inner(f).body.append(Alloc(t))
    f.body.append(Store(Place(t, (integer(0),)), c(1.0)))


def spoil_site(f: LoopFunction) -> None:
    f.body.append(Check(Const(True, "bool"), 3))


def spoil_result(f: LoopFunction) -> None:
    f.results.append(Reg("r", "f64"))


def test_sound() -> None:
    verify_loops(made())


@pytest.mark.parametrize("spoil", [spoil_order, spoil_kind, spoil_rank, spoil_parameter, spoil_allocation, spoil_scope,
                                   spoil_site, spoil_result])
def test_refused(spoil: Callable[[LoopFunction], None]) -> None:
    f = made()
    spoil(f)
    with pytest.raises(InternalError) as caught:
        verify_loops(f)
    assert caught.value.code == "DV0999"
