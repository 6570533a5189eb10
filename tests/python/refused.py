# ruff: noqa
"""Functions that the decorator refuses.

A comment `# DV0152 at x[0]: help` says the code, the text at which the error points (of that line), and a part
of what to write instead.
"""

import math
import os
from typing import NamedTuple

import numpy as np

import derivant as dv

OUTSIDE = np.zeros(3)
NAMES = {"a", "b"}
WORD = "text"
BIG = 10**10
LIST = [1.0, 2.0]

REFUSED = []


def refused(f):
    REFUSED.append(f)
    return f


@refused
def writes_a_parameter(x):
    x[0] = 1.0  # DV0152 at x[0]: x.copy()
    return x


@refused
def adds_to_a_parameter(x: dv.f64["n"]):
    x += 1  # DV0152 at x += 1: x.copy()
    return x


@refused
def writes_what_shares(x):
    y = x
    y[0] = 1.0  # DV0152 at y[0]: copy
    return y


@refused
def writes_a_view(x: dv.f64["n", "d"]):
    row = x[0]
    row[1] = 2.0  # DV0152 at row[1]: copy
    return row


@refused
def writes_from_outside(x):
    OUTSIDE[0] = x  # DV0152 at OUTSIDE: copy
    return x


@refused
def two_names(n: int):
    a = np.zeros(n)
    b = a
    a[0] = 1.0  # DV0152 at a[0]: copy
    return b


@refused
def two_names_at_once(n: int):
    a = b = np.zeros(n)
    a[0] = 1.0  # DV0152 at a[0]: copy
    return b


@refused
def one_list_twice(n: int):
    a = np.zeros(n)
    both = [a, a]
    both[0][0] = 1.0  # DV0152 at both[0][0]: copy
    return both


@refused
def one_row_many_times(n: int):
    return [[0.0] * 3] * n  # DV0152 at [[0.0] * 3] * n: for _ in range


@refused
def later_in_a_loop(n: int):
    a = np.zeros(n)
    b = np.ones(n)
    for i in range(n):
        a[i] = 1.0  # DV0152 at a[i]: copy
        if i == 0:
            b = a
    return b


@refused
def doubles_the_rows(x: dv.f64["n", "d"]):
    a = x * 1
    for row in a:
        row *= 2  # DV0152 at row *= 2: copy
    return a


@refused
def doubles_what_may_be_rows(x):
    a = x * 1
    for row in a:
        row *= 2  # DV0152 at row *= 2: a[i]
    return a


@refused
def doubles_numbered_rows(x: dv.f64["n", "d"]):
    a = x * 1
    for i, row in enumerate(a):
        row *= i  # DV0152 at row *= i: copy
    return a


@refused
def adds_to_rows(x: dv.f64["n", "d"]):
    a = x * 1
    for row, other in zip(a, x):
        row += other  # DV0152 at row += other: copy
    return a


@refused
def adds_to_a_named_row(x: dv.f64["n", "d"]):
    a = x * 1
    for i in range(len(a)):
        row = a[i]
        row += 1.0  # DV0152 at row += 1.0: copy
    return a


@refused
def lists_rows_and_writes_one(x: dv.f64["n", "d"]):
    a = x * 1
    rows = [row for row in a]
    rows[0][0] = 7.0  # DV0152 at rows[0][0]: copy
    return a


@refused
def lists_rows_of_a_parameter(x: dv.f64["n", "d"]):
    rows = [x[i] for i in range(3)]
    rows[0][0] = 5.0  # DV0152 at rows[0][0]: copy
    return x


@refused
def lists_rows_before_a_change(x: dv.f64["n", "d"]):
    a = x * 1
    pairs = list(zip(a, a))
    a[0, 0] = 99.0  # DV0152 at a[0, 0]: copy
    return pairs[0][0]


@refused
def appends_rows_before_a_change(x: dv.f64["n", "d"]):
    a = x * 1
    out = []
    for row in a:
        out.append(row)
    a[0, 0] = 99.0  # DV0152 at a[0, 0]: copy
    return out


@refused
def two_open_sizes(x):
    return x.reshape(-1, -1)  # DV0151 at -1): write the others


class Weight(NamedTuple):
    mass: float


@refused
def changes_a_field(x: float):
    p = Weight(x)
    p.mass = 5.0  # DV0152 at p.mass: dataclasses.replace(p, mass=…)
    return p.mass


@refused
def appends_to_a_parameter(out: dv.f64["n"], n: int):
    for i in range(n):
        out.append(i)  # DV0152 at out.append(i): first
    return out


@refused
def appends_to_no_list(n: int):
    out = 1.0
    out.append(n)  # DV0154 at out.append(n): out = []
    return out


@refused
def reads_while_it_grows(n: int):
    out = [1.0]
    for i in range(n):
        out.append(out[0] + sum(out))  # DV0152 at out[0]: xs[-1]
    return out


@refused
def grows_in_two_loops(x):
    out = []
    for i in range(3):
        y = x[i]
        for t in x:
            out.append(t * y)  # DV0152 at out.append: for … for
    return out


@refused
def empty_on_one_way(x):
    out = []
    if x > 0:  # DV0154 at if: first elements
        out.append(x)
    return out


@refused
def last_of_an_empty_list(n: int):
    out = []
    for i in range(n):  # DV0154 at for: out = [x0]
        out.append(out[-1] + 1.0)
    return out


@refused
def extends_in_a_loop(m):
    out = []
    for row in m:
        out.extend(row)  # DV0152 at out.extend: one by one
    return out


@refused
def pops_inside(x):
    xs = [x, 2 * x]
    return xs.pop() + 1  # DV0152 at xs.pop: line of its own


@refused
def inserts(x):
    out = [x]
    out.insert(0, x)  # DV0152 at out.insert: np.zeros
    return out


@refused
def sets_a_field(p):
    p.x = 1.0  # DV0152 at p.x: new one
    return p


@refused
def closure_sees_later(x):
    f = lambda: x
    x = x + 1  # DV0152 at x: argument
    return f()


@refused
def generator_sees_later(x):
    k = 2.0
    g = (t * k for t in x)
    k = 10.0  # DV0152 at k: argument
    return sum(g) + k


@refused
def def_sees_later(x):
    def f():
        return x
    x = x + 1  # DV0152 at x: argument
    return f()


@refused
def changes_around(x):
    a = np.zeros(3)
    def f():
        a[0] = 1.0  # DV0152 at a: return it
        return 1.0
    return f() + a[0]


@refused
def tries(x):
    try:  # DV0151 at try: check
        return x
    except ValueError:
        return 0.0


@refused
def withs(x):
    with open(os.devnull):  # DV0151 at with: outside
        return x


@refused
def raises(x):
    if x < 0:
        raise ValueError("negative")  # DV0151 at raise: assert
    return x


@refused
def globals_(x):
    global REFUSED  # DV0151 at global: argument
    return x


@refused
def nonlocals(x):
    y = 1
    def f():
        nonlocal y  # DV0151 at nonlocal: return
        return y
    return f()


@refused
def deletes(x):
    del x  # DV0151 at del: leave


@refused
def class_inside(x):
    class A:  # DV0151 at class: outside
        pass
    return x


@refused
def imports(x):
    import math  # DV0151 at import: top
    return x


@refused
def yields(x):
    yield x  # DV0151 at yield: array


@refused
async def awaits(x):  # DV0151 at async def:
    return x


@refused
def star(*xs):  # DV0151 at xs: tuple
    return xs[0]


@refused
def stars(**more):  # DV0151 at more: tuple
    return more


@refused
def star_call(x):
    return max(*x)  # DV0151 at *x: apart


@refused
def formats(x):
    return f"{x}"  # DV0151 at f": assert


@refused
def sets(x):
    return {1, 2}  # DV0151 at {1, 2}: np.unique


@refused
def set_comprehension(x):
    return {a for a in x}  # DV0151 at {a for: np.unique


@refused
def dict_comprehension(x):
    return {a: 1 for a in x}  # DV0151 at {a: dataclass


@refused
def walrus(x):
    return (y := x)  # DV0151 at y := x: line of its own


@refused
def prints(x):
    print(x)  # DV0153 at print: return
    return x


@refused
def unknown_numpy(x):
    return np.sqr(x)  # DV0153 at np.sqr: sqrt


@refused
def other_numpy(x):
    return np.convolve(x, x)  # DV0153 at np.convolve:


@refused
def numpy_keyword(x):
    return np.sum(x, keepdims=True)  # DV0153 at np.sum(:


@refused
def unknown_math(x):
    return math.sinn(x)  # DV0153 at math.sinn: sin


@refused
def other_math(x):
    return math.comb(4, 2) * x  # DV0153 at math.comb:


@refused
def einsum(x):
    return np.einsum("i,i", x, x)  # DV0153 at np.einsum: sum


@refused
def random(x):
    return x + np.random.rand()  # DV0153 at np.random.rand: argument


@refused
def unknown_method(x):
    return x.argsorted()  # DV0153 at x.argsorted: argsort


@refused
def key(x):
    return max(x, key=abs)  # DV0153 at max(:


@refused
def unbound_later(x):
    if x > 0:  # DV0154 at if: every path
        y = 1.0
    return y


@refused
def unbound(x):
    y = z + x  # DV0154 at z: every path
    z = 1.0
    return y


@refused
def no_value(x):
    if x > 0:  # DV0154 at if: every path
        return 1.0


@refused
def nothing(x):
    y = x  # DV0154 at y = x: return


@refused
def bare_return(x):
    if x > 0:
        return  # DV0151 at return: return
    return x


@refused
def endless(x):
    while True:  # DV0151 at while: break
        x = x + 1
    return x


@refused
def else_of_loop(x):
    for i in range(3):
        x = x + i
    else:
        x = 0.0  # DV0151 at x = 0.0: variable
    return x


@refused
def none(x):
    y = None  # DV0151 at None: number
    return x


@refused
def none_by_default(x, y=None):  # DV0151 at None):
    return x


@refused
def is_none(x):
    return 0.0 if x is None else x  # DV0151 at x is None: ==


@refused
def contains(x):
    return 1 in x  # DV0151 at 1 in x: any


@refused
def bits(x):
    return x & 1  # DV0151 at x & 1: and


@refused
def inverts(x):
    return ~x  # DV0151 at ~x: not


@refused
def too_large(x):
    return x + 100000000000000000000  # DV0151 at 100000000000000000000: write a float: 1e20


@refused
def too_large_a_power(x):
    return x * 2**64  # DV0151 at 2**64: 1.8446744073709552e19


@refused
def too_large_on_the_way(n: int):
    return n + 3 * 10**20  # DV0151 at 3 * 10**20: 3e20


@refused
def too_small(n: int):
    return n - -(10**19)  # DV0151 at -(10**19): -1e19


@refused
def too_large_to_tell(x: float):
    return x * 10**10**10  # DV0151 at 10**10**10: smaller


@refused
def too_large_by_steps(x):
    return 1 + x % 9223372036854775808 * 2  # DV0151 at 9223372036854775808: 9.223372036854776e18


@refused
def too_large_in_place(x):
    y = x
    y *= 10**20  # DV0151 at 10**20: 1e20
    return y


@refused
def too_large_from_outside(x):
    return x + BIG**2  # DV0151 at BIG**2: 1e20


@refused
def lists_added(x):
    return [1.0, 2.0] + x  # DV0151 at [1.0, 2.0] + x: np.array


@refused
def lists_subtracted(x):
    a = [x, x]
    return a - a  # DV0151 at a - a: np.array


@refused
def lists_compared(x):
    return [x] < [2.0]  # DV0151 at [2.0]: np.array


@refused
def tuples_added(x):
    return (x, x) + (x, 2)  # DV0151 at (x, x) + (x, 2): items


@refused
def tuples_divided(x):
    t = (x, x)
    return t / 2  # DV0151 at t / 2: np.array


@refused
def list_from_outside(x):
    return LIST * x  # DV0151 at LIST * x: np.array


@refused
def copy_of_a_list(x):
    a = [x, x]
    return a.copy() - x  # DV0151 at a.copy() - x: np.array


@refused
def no_tuple(x):
    return ()  # DV0151 at (): number


@refused
def to_list(x):
    return x.tolist()  # DV0153 at x.tolist: leave it out


@refused
def one_tuple(x):
    return (x,)  # DV0151 at (x,): itself


@refused
def new_axis(x):
    return x[None, :]  # DV0151 at None: comprehension


@refused
def newaxis(x):
    return x[:, np.newaxis]  # DV0151 at np.newaxis: comprehension


@refused
def mask(x):
    return x[x > 0]  # DV0151 at x > 0]: if


@refused
def dots(x):
    return x[..., 0]  # DV0151 at ...: axis


@refused
def negative_step(x):
    return x[5:1:-1]  # DV0151 at 5:1:-1: range


@refused
def rank(x):
    return x.ndim  # DV0151 at x.ndim: before


@refused
def strings(x):
    return WORD  # DV0151 at WORD:


@refused
def a_set(x):
    return NAMES  # DV0156 at NAMES: arguments


@refused
def a_module(x):
    return np.linalg  # DV0151 at np.linalg: functions


@refused
def annotated_text(x: str):  # DV0156 at str): dv.f64
    return x


@refused
def annotated_none(x: float | None):  # DV0156 at float | None: dv.f64
    return x


@refused
def bad_size(x: dv.f64["n +"]):  # DV0156 at dv.f64: name
    return x


@refused
def unused_value(x):
    x + 1  # DV0151 at x + 1: assign
    return x


@refused
def changes_what_it_goes_over(x):
    a = x.copy()
    for u, v in zip(a, a):  # DV0152 at zip(a, a): range
        a[0] = u + v
    return a


@refused
def iterator_read_twice(x):
    g = (t * 2 for t in x)
    s = sum(g)
    return s + sum(g)  # DV0152 at g): [… for


@refused
def iterator_after_break(x):
    g = zip(x, x)
    s = 0.0
    for a, b in g:
        if a > b:
            break
    for a, b in g:  # DV0152 at g:: list(zip(
        s = s + a * b
    return s


@refused
def iterator_in_a_loop(x):
    g, s = map(lambda t: t * 2, x), 0.0
    for _ in range(3):
        s = s + sum(g)  # DV0152 at g): list(map(
    return s


@refused
def iterator_read_twice_by_another(x):
    return squares(t * 2 for t in x)  # DV0152 at (t * 2: [… for


@refused
def iterator_over_what_changes(x):
    a = x.copy()
    g = (t * 2 for t in a)
    a[0] = 100.0  # DV0152 at a[0]: copy
    return sum(g)


@refused
def iterator_sees_later(x):
    k = 2.0
    g = map(lambda t: t * k, x); k = 10.0  # noqa: E702  # DV0152 at k = 10.0: argument
    return sum(g)


@refused
def iterator_in_a_tuple(x):
    g = enumerate(x)
    t = (g, 1.0)  # DV0152 at g,: list(enumerate(
    return t[1]


@refused
def iterator_in_a_function(x):
    g = reversed(x)

    def f(a):
        return a * sum(g)  # DV0152 at g): list(reversed(

    return f(1.0)


def squares(q):
    return sum(q) * sum(q)


@refused
def text_for_a_number(x):
    return x + float("nan")  # DV0151 at "nan": math.nan


@refused
def list_of_one_array_twice(x):
    rows = [x[:2], x[:2]]
    rows[0][0] = 5.0  # DV0152 at rows[0][0]: copy
    return rows


@refused
def factorial(n: int):
    return 1 if n < 2 else n * factorial(n - 1)  # DV0901 at factorial: loop


@refused
def recursive_inside(x):
    def down(n):  # DV0901 at def down: loop
        return 0.0 if n < 1 else n + down(n - 1)
    return down(x)


@refused
def one_another(x):
    def even(n):  # DV0901 at def even: loop
        return True if n < 1 else odd(n - 1)
    def odd(n):
        return False if n < 1 else even(n - 1)
    return even(x)


@refused
def lambda_of_itself(x):
    f = lambda n: 1.0 if n < 1 else n * f(n - 1)  # DV0901 at f =: loop
    return f(x)


@refused
def closure_of_what_is_assigned_twice(x):
    k = 1.0
    def f(t):
        return t * k
    k = 2.0  # DV0152 at k = : argument
    return f(x)


class Numbers(NamedTuple):
    a: float

    @classmethod
    def of(cls, x):
        return cls(x)


@refused
def unknown_method_of_a_record(p: Numbers):
    return p.sum()  # DV0153 at p.sum:


@refused
def unknown_field(p: Numbers):
    return p.aa  # DV0201 at p.aa: did you mean a


@refused
def unknown_field_replaced(p: Numbers):
    return p._replace(b=1.0)  # DV0201 at 1.0:


@refused
def super_without_a_class(p):
    return super().f(p)  # DV0151 at super(): self: "Class"


@refused
def star_of_unknown_length(x, t):
    return max(x, *t)  # DV0151 at *t: tuple[float, float]


@refused
def method_of_what_is_not_known(p):
    return p.energy()  # DV0153 at p.energy: p: Class


@refused
def returns_a_generator(x):
    return (t for t in x)  # DV0152 at (t for: [… for … in …]


@refused
def returns_zip(x):
    return zip(x, x)  # DV0152 at zip: list(zip(
