# ruff: noqa
"""Functions that the decorator refuses: writing where an array may be shared, and what does not change."""

from typing import NamedTuple

import numpy as np

import derivant as dv

from .refused import refused

OUTSIDE = np.zeros(3)


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
def closure_sees_later(x):
    f = lambda: x
    x = x + 1  # DV0152 at x: argument
    return f()
