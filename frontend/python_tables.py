"""Functions of Python, `math`, NumPy and `scipy.special` that the language has, each with what it becomes.

One line for each: a call, and an expression of the language over its arguments, both in Python's
spelling.  Several lines of one name differ in their arguments; `axis=axis` is given by name only.
`docs/python.md` prints the table.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
import sys
from dataclasses import dataclass

BUILTINS = """
abs(x) = abs(x)
all(v) = all(v)
any(v) = any(v)
bool(x) = x != 0
divmod(a, b) = (a // b, a % b)
float(x) = f64(x)
int(x) = i64(x)
len(v) = len(v)
list(v) = v
max(v) = max(v)
max(x, y, *more) = max(x, y, *more)
min(v) = min(v)
min(x, y, *more) = min(x, y, *more)
pow(x, y) = x ** y
round(x) = round(x)
sorted(v) = sort(v)
sum(v) = sum(v, axis=0)
sum(v, start) = start + sum(v, axis=0)
"""

MATH = """
acos(x) = acos(x)
acosh(x) = acosh(x)
asin(x) = asin(x)
asinh(x) = asinh(x)
atan(x) = atan(x)
atan2(y, x) = atan2(y, x)
atanh(x) = atanh(x)
cbrt(x) = cbrt(x)
ceil(x) = ceil(x)
cos(x) = cos(x)
cosh(x) = cosh(x)
degrees(x) = x * (180.0 / pi)
dist(p, q) = norm(p - q)
erf(x) = erf(x)
erfc(x) = erfc(x)
exp(x) = exp(x)
exp2(x) = exp2(x)
expm1(x) = expm1(x)
fabs(x) = abs(f64(x))
floor(x) = floor(x)
fmod(x, y) = select(f64(x) < 0, -(abs(f64(x)) % abs(f64(y))), abs(f64(x)) % abs(f64(y)))
gamma(x) = gamma(x)
hypot(x, y) = hypot(x, y)
isfinite(x) = isfinite(x)
isinf(x) = isinf(x)
isnan(x) = isnan(x)
lgamma(x) = lgamma(x)
log(x) = log(x)
log(x, base) = log(x) / log(base)
log10(x) = log10(x)
log1p(x) = log1p(x)
log2(x) = log2(x)
pow(x, y) = f64(x) ** f64(y)
prod(v) = prod(v)
radians(x) = x * (pi / 180.0)
sin(x) = sin(x)
sinh(x) = sinh(x)
sqrt(x) = sqrt(x)
tan(x) = tan(x)
tanh(x) = tanh(x)
trunc(x) = trunc(x)
"""

NUMPY = """
abs(x) = abs(x)
absolute(x) = abs(x)
add(x1, x2) = x1 + x2
all(a) = all(a)
amax(a) = max(a)
amax(a, axis) = max(a, axis=axis)
amin(a) = min(a)
amin(a, axis) = min(a, axis=axis)
any(a) = any(a)
arange(stop) = range(stop)
arange(start, stop) = range(start, stop)
arange(start, stop, step) = range(start, stop, step)
arccos(x) = acos(x)
arccosh(x) = acosh(x)
arcsin(x) = asin(x)
arcsinh(x) = asinh(x)
arctan(x) = atan(x)
arctan2(x1, x2) = atan2(x1, x2)
arctanh(x) = atanh(x)
argmax(a) = argmax(a)
argmax(a, axis) = argmax(a, axis=axis)
argmin(a) = argmin(a)
argmin(a, axis) = argmin(a, axis=axis)
argsort(a) = argsort(a)
array(object) = object
asarray(a) = a
bool_(x) = x != 0
cbrt(x) = cbrt(x)
ceil(x) = ceil(x, keep=True)
clip(a, a_min, a_max) = clip(a, a_min, a_max)
concatenate(arrays) = concat(*arrays)
copy(a) = a
cos(x) = cos(x)
cosh(x) = cosh(x)
count_nonzero(a) = count(a)
cross(a, b) = cross(a, b)
cumprod(a) = cumprod(flatten(a))
cumsum(a) = cumsum(flatten(a))
deg2rad(x) = x * (pi / 180.0)
diag(v) = diag(v)
diagonal(a) = diagonal(a)
diff(a) = diff(a)
divide(x1, x2) = x1 / x2
dot(a, b) = a @ b
empty(shape) = zeros(shape)
empty_like(a) = zeros_like(a)
exp(x) = exp(x)
exp2(x) = exp2(x)
expm1(x) = expm1(x)
eye(N) = eye(N)
eye(N, M) = eye(N, M)
fabs(x) = abs(f64(x))
flip(m) = reshape(reverse(flatten(m)), shape(m))
float32(x) = f32(x)
float64(x) = f64(x)
floor(x) = floor(x, keep=True)
fmod(x1, x2) = select(x1 < 0, -(abs(x1) % abs(x2)), abs(x1) % abs(x2))
full(shape, fill_value) = fill(shape, fill_value)
full_like(a, fill_value) = full_like(a, fill_value)
hypot(x1, x2) = hypot(x1, x2)
identity(n) = eye(n)
inner(a, b) = a @ moveaxis(b, -1, 0)
int32(x) = i32(x)
int64(x) = i64(x)
isfinite(x) = isfinite(x)
isinf(x) = isinf(x)
isnan(x) = isnan(x)
kron(a, b) = kron(a, b)
linspace(start, stop, num) = linspace(start, stop, num)
log(x) = log(x)
log10(x) = log10(x)
log1p(x) = log1p(x)
log2(x) = log2(x)
logaddexp(x1, x2) = logaddexp(x1, x2)
logical_and(x1, x2) = select(x1, x2, False)
logical_not(x) = not x
logical_or(x1, x2) = select(x1, True, x2)
matmul(x1, x2) = x1 @ x2
max(a) = max(a)
max(a, axis) = max(a, axis=axis)
maximum(x1, x2) = max(x1, x2)
mean(a) = mean(a)
mean(a, axis) = mean(a, axis=axis)
median(a) = median(flatten(a))
min(a) = min(a)
min(a, axis) = min(a, axis=axis)
minimum(x1, x2) = min(x1, x2)
mod(x1, x2) = x1 % x2
moveaxis(a, source, destination) = moveaxis(a, source, destination)
multiply(x1, x2) = x1 * x2
negative(x) = -x
ones(shape) = ones(shape)
ones_like(a) = ones_like(a)
outer(a, b) = outer(flatten(a), flatten(b))
polyval(p, x) = polyval(reverse(p), x)
power(x1, x2) = x1 ** x2
prod(a) = prod(a)
prod(a, axis) = prod(a, axis=axis)
rad2deg(x) = x * (180.0 / pi)
ravel(a) = flatten(a)
reciprocal(x) = x ** -1
remainder(x1, x2) = x1 % x2
reshape(a, shape) = reshape(a, *shape)
rint(x) = round(1.0 * x, keep=True)
round(a) = round(a, keep=True)
searchsorted(a, v) = searchsorted(a, v)
sign(x) = sign(x)
sin(x) = sin(x)
sinh(x) = sinh(x)
sort(a) = sort(a)
sqrt(x) = sqrt(x)
square(x) = x ** 2
stack(arrays) = stack(*arrays)
std(a) = std(flatten(a))
subtract(x1, x2) = x1 - x2
sum(a) = sum(a)
sum(a, axis) = sum(a, axis=axis)
tan(x) = tan(x)
tanh(x) = tanh(x)
trace(a) = trace(a)
transpose(a) = transpose(a)
tril(m) = tril(m)
triu(m) = triu(m)
true_divide(x1, x2) = x1 / x2
trunc(x) = trunc(x, keep=True)
unique(a) = unique(flatten(a))
var(a) = variance(flatten(a))
where(condition, x, y) = select(condition, x, y)
zeros(shape) = zeros(shape)
zeros_like(a) = zeros_like(a)
linalg.cholesky(a) = cholesky(a)
linalg.det(a) = det(a)
linalg.inv(a) = inv(a)
linalg.norm(x) = norm(x)
linalg.norm(x, axis=axis) = norm(x, axis=axis)
linalg.slogdet(a) = slogdet(a)
linalg.solve(a, b) = solve(a, b)
"""

SPECIAL = """
digamma(x) = digamma(x)
erf(x) = erf(x)
erfc(x) = erfc(x)
erfinv(y) = erfinv(y)
expit(x) = sigmoid(x)
gamma(z) = gamma(z)
gammaln(x) = lgamma(x)
log_softmax(x) = reshape(log_softmax(flatten(x)), shape(x))
logit(x) = logit(x)
logsumexp(a) = logsumexp(a)
psi(x) = digamma(x)
softmax(x) = reshape(softmax(flatten(x)), shape(x))
xlogy(x, y) = xlogy(x, y)
"""

METHODS = """
all() = all(self)
any() = any(self)
argmax() = argmax(self)
argmin() = argmin(self)
argsort() = argsort(self)
clip(min, max) = clip(self, min, max)
copy() = self
cumprod() = cumprod(flatten(self))
cumsum() = cumsum(flatten(self))
dot(b) = self @ b
flatten() = flatten(self)
item() = self
max() = max(self)
max(axis) = max(self, axis=axis)
mean() = mean(self)
mean(axis) = mean(self, axis=axis)
min() = min(self)
min(axis) = min(self, axis=axis)
prod() = prod(self)
ravel() = flatten(self)
reshape(*shape) = reshape(self, *shape)
std() = std(flatten(self))
sum() = sum(self)
sum(axis) = sum(self, axis=axis)
trace() = trace(self)
transpose() = transpose(self)
var() = variance(flatten(self))
"""

CONSTANTS = {"math": ("e", "inf", "nan", "pi", "tau"), "numpy": ("e", "inf", "nan", "pi")}

MODULES = {"math": MATH, "numpy": NUMPY, "scipy.special": SPECIAL}
SHORT = {"math": "math", "numpy": "np", "scipy.special": "special"}


@dataclass(frozen=True, eq=False)
class Rule:
    """One line: the names of the arguments (the last may take several), those given by name only, and the template."""

    params: tuple[str, ...]
    named: tuple[str, ...]
    rest: str | None
    template: ast.expr
    text: str

    def given(self) -> str:
        """The arguments as a call has them."""
        return ", ".join([*self.params, *(f"{k}=" for k in self.named), *([f"*{self.rest}"] if self.rest else [])])


@dataclass(frozen=True, eq=False)
class Known:
    """A function that the table has, as users write it, with its lines."""

    name: str
    rules: tuple[Rule, ...]


def _read(table: str, prefix: str) -> dict[str, Known]:
    lines: dict[str, list[Rule]] = {}
    for line in table.strip().splitlines():
        left, right = line.split(" = ", 1)
        call = ast.parse(left, mode="eval").body
        assert isinstance(call, ast.Call)
        names = [a.id for a in call.args if isinstance(a, ast.Name)]
        rest = next((a.value.id for a in call.args if isinstance(a, ast.Starred) and isinstance(a.value, ast.Name)), None)
        named = tuple(k.arg for k in call.keywords if k.arg is not None)
        lines.setdefault(ast.unparse(call.func), []).append(
            Rule(tuple(names), named, rest, ast.parse(right, mode="eval").body, right))
    return {n: Known(prefix + n, tuple(rules)) for n, rules in lines.items()}


@functools.cache
def python_functions() -> dict[str, Known]:
    return _read(BUILTINS, "")


@functools.cache
def methods() -> dict[str, Known]:
    """Methods of arrays."""
    return _read(METHODS, ".")


@functools.cache
def module_functions(module: str) -> dict[str, Known]:
    return _read(MODULES[module], SHORT[module] + ".")


_objects: dict[str, dict[int, Known]] = {}


def known_function(value: object) -> Known | None:
    """What the table says of an object of Python or one of the modules, however the user came by it."""
    own = getattr(value, "__name__", None)
    if isinstance(own, str) and getattr(builtins, own, None) is value:
        return python_functions().get(own)
    for name in MODULES:
        module = math if name == "math" else sys.modules.get(name)
        if module is None:
            continue
        if name not in _objects:
            found: dict[int, Known] = {}
            for path, known in reversed(module_functions(name).items()):
                here: object = module
                for part in path.split("."):
                    here = getattr(here, part, None)
                if here is not None:
                    found[id(here)] = known
            _objects[name] = found
        if id(value) in _objects[name]:
            return _objects[name][id(value)]
    return None


def home_of(value: object) -> str | None:
    """Which of the modules an object that the table lacks is from."""
    module = getattr(value, "__module__", None) or type(value).__module__
    if module == "builtins" and getattr(math, getattr(value, "__name__", ""), None) is value:
        return "math"
    for name in ("math", "numpy", "scipy.special"):
        if isinstance(module, str) and (module == name or module.startswith(f"{name}.")):
            return name
    return None


def markdown() -> str:
    """The table as the documentation prints it; what the language has not released yet stands below it."""
    from .preview import is_released

    titles = {"": "Python", "math": "`math`", "numpy": "NumPy (`np`)", "scipy.special": "`scipy.special`", ".": "Methods of arrays"}
    tables = {"": python_functions(), **{m: module_functions(m) for m in MODULES}, ".": methods()}
    out: list[str] = []
    later: list[str] = []
    for key, functions in tables.items():
        same, others = [], []
        for name, known in functions.items():
            for rule in known.rules:
                used = {n.func.id for n in ast.walk(rule.template) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
                if not all(map(is_released, used)):
                    later.append(f"`{known.name}({rule.given()})`")
                    continue
                given = rule.given()
                shown = rule.text.replace("True", "true").replace("False", "false")
                if rule.text == f"{name}({given})":
                    same.append(f"{name}({given})")
                else:
                    others.append(f"| `{known.name}({given})` | `{shown}` |")
        out.append(f"**{titles[key]}**, as in the language: " + " ".join(f"`{s}`" for s in same) if same else f"**{titles[key]}**")
        out.append("\n".join(["| Python | the language |", "|---|---|", *others]))
    out.append(f"**Not yet**: refused unless `DERIVANT_PREVIEW=1` is in the environment: {' '.join(later)}")
    return "\n\n".join(out) + "\n"
