# ruff: noqa
"""Functions that the decorator refuses: statements and definitions, names that have no value, or another one later."""

import os

import numpy as np

import derivant as dv

from .refused import refused


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
