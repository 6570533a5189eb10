# ruff: noqa
"""Functions that the decorator refuses: numbers, operators, indices, and functions and methods that are not known."""

import math
from typing import NamedTuple

import numpy as np

from .refused import refused

NAMES = {"a", "b"}
WORD = "text"
BIG = 10**10


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
    return max(x, key=abs)  # DV0153 at max(: np.argmax


@refused
def digits(x):
    return round(x, 2)  # DV0153 at round(: round(x * 100) / 100


@refused
def backwards(x):
    return sorted(x, reverse=True)  # DV0153 at sorted(: sorted(v)[::-1]


@refused
def values(d):
    return sum(d.values())  # DV0153 at d.values: d["a"]


@refused
def text_as_default(x, mode="fast"):  # DV0151 at "fast": two functions
    return x


@refused
def unbound_later(x):
    if x > 0:  # DV0154 at if: every path
        y = 1.0
    return y


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
def list_of_one_array_twice(x):
    rows = [x[:2], x[:2]]
    rows[0][0] = 5.0  # DV0152 at rows[0][0]: copy
    return rows


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
