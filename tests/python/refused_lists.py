# ruff: noqa
"""Functions that the decorator refuses: lists that grow, lists as values, iterators that are read twice."""

import derivant as dv

from .refused import refused

LIST = [1.0, 2.0]


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
def factorial(n: int):
    return 1 if n < 2 else n * factorial(n - 1)  # DV0901 at factorial: loop


@refused
def returns_zip(x):
    return zip(x, x)  # DV0152 at zip: list(zip(


@refused
def another_name(xs):
    ys = xs
    ys.append(4.0)  # DV0152 at ys.append(4.0): ys = list(ys)
    return len(xs)


@refused
def appends_to_what_may_be_an_array(xs):
    return xs + [1.0]  # DV0151 at xs + [1.0]: write list(xs) if it is a list; np.array([1.0]) if


@refused
def appends_inside_a_dict(x):
    d = {"a": [x]}
    d["a"].append(x)  # DV0152 at d["a"].append(x): xs = list(d['a'])
    return d["a"]


@refused
def an_empty_list_that_is_swapped(n: int):
    xs = []
    ys = []
    for i in range(n):
        xs.append(i)
        ys.append(len(xs))
        xs, ys = ys, xs
    return xs, ys  # DV0154 at xs: xs = [x0]
