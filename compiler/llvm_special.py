"""Special functions as LLVM text: digamma, polygamma, the reentrant log-gamma."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def hex_double(x: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def _horner(name: str, x: str, coefficients: Sequence[float]) -> str:
    """Lines that set %name to the polynomial, lowest coefficient first."""
    lines = []
    acc = hex_double(coefficients[-1])
    for k, c in enumerate(reversed(coefficients[:-1])):
        last = k == len(coefficients) - 2
        to = f"%{name}" if last else f"%{name}.{k}"
        lines += [f"  %{name}.m{k} = fmul contract double {acc}, {x}",
                  f"  {to} = fadd contract double %{name}.m{k}, {hex_double(c)}"]
        acc = to
    return "\n".join(lines)


# psi(x) = (x - x0) (Y + P(x - 1) / Q(x - 1)) on [1, 2], with the positive root x0 in three parts.
_ROOT = (1569415565 / 1073741824, 381566830 / 1073741824 / 1073741824, 0.9016312093258695918615325266959189453125e-19)
_Y = 0.99558162689208984375
_P = (0.25479851061131551, -0.32555031186804491, -0.65031853770896507, -0.28919126444774784, -0.045251321448739056,
      -0.0020713321167745952)
_Q = (1.0, 2.0767117023730469, 1.4606242909763515, 0.43593529692665969, 0.054151797245674225, 0.0021284987017821144,
      -0.55789841321675513e-6)

# Asymptotic series of psi in 1/x^2: -B_2k / 2k.
_PSI = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)

_DIGAMMA = f"""
define internal double @dv_digamma(double %x0) noinline nounwind memory(none) {{
start:
  %positive = fcmp ogt double %x0, 0.0
  br i1 %positive, label %size, label %other
other:
  %isnan = fcmp uno double %x0, %x0
  br i1 %isnan, label %same, label %zero
same:
  ret double %x0
zero:
  %iszero = fcmp oeq double %x0, 0.0
  br i1 %iszero, label %pole0, label %negative
pole0:
  %signed = call double @llvm.copysign.f64(double {hex_double(float('inf'))}, double %x0)
  %minus = fneg double %signed
  ret double %minus
negative:
  %whole = call double @llvm.roundeven.f64(double %x0)
  %frac = fsub double %x0, %whole
  %pole = fcmp oeq double %frac, 0.0
  br i1 %pole, label %bad, label %reflect
bad:
  ret double {hex_double(float('nan'))}
reflect:
  %angle = fmul double %frac, {hex_double(3.141592653589793)}
  %tangent = call double @tan(double %angle)
  %correction = fdiv double {hex_double(-3.141592653589793)}, %tangent
  %mirror = fsub double 1.0, %x0
  br label %size
size:
  %x1 = phi double [ %x0, %start ], [ %mirror, %reflect ]
  %s0 = phi double [ 0.0, %start ], [ %correction, %reflect ]
  %big = fcmp oge double %x1, 10.0
  br i1 %big, label %series, label %down
down:
  %xd = phi double [ %x1, %size ], [ %xd1, %down.step ]
  %sd = phi double [ %s0, %size ], [ %sd1, %down.step ]
  %above = fcmp ogt double %xd, 2.0
  br i1 %above, label %down.step, label %up
down.step:
  %xd1 = fsub double %xd, 1.0
  %rd = fdiv double 1.0, %xd1
  %sd1 = fadd double %sd, %rd
  br label %down
up:
  %below = fcmp olt double %xd, 1.0
  %ru = fdiv double 1.0, %xd
  %su = fsub double %sd, %ru
  %xu = fadd double %xd, 1.0
  %s = select i1 %below, double %su, double %sd
  %x = select i1 %below, double %xu, double %xd
  %t = fsub double %x, 1.0
  %g1 = fsub double %x, {hex_double(_ROOT[0])}
  %g2 = fsub double %g1, {hex_double(_ROOT[1])}
  %g = fsub double %g2, {hex_double(_ROOT[2])}
{_horner("p", "%t", _P)}
{_horner("q", "%t", _Q)}
  %r = fdiv double %p, %q
  %gy = fmul double %g, {hex_double(_Y)}
  %gr = fmul double %g, %r
  %psi = fadd double %gy, %gr
  %v = fadd double %psi, %s
  ret double %v
series:
  %inverse = fdiv double 1.0, %x1
  %z = fmul double %inverse, %inverse
{_horner("h", "%z", _PSI)}
  %hz = fmul double %h, %z
  %half = fmul double %inverse, -0.5
  %log = call double @log(double %x1)
  %a = fadd double %log, %half
  %b = fadd double %a, %hz
  %c = fadd double %b, %s0
  ret double %c
}}"""

# (2k)! / B_2k of the Euler-Maclaurin formula.
_EULER = (12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10,
          -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17,
          -7.1661652561756670113e18)


def _euler() -> str:
    """The terms b w/(s-1) - b/2 + sum of t_i, added to %sum; unrolled."""
    lines, k, a, b, total = [], 0, "1.0", "%bw", "%sum2"
    for i, c in enumerate(_EULER):
        for part in ("x", "y"):
            lines += [f"  %s{i}{part} = fadd double %s, {hex_double(float(k))}",
                      f"  %a{i}{part} = fmul double {a}, %s{i}{part}"]
            a, k = f"%a{i}{part}", k + 1
            if part == "x":
                lines += [f"  %b{i}x = fdiv double {b}, %w", f"  %t{i}m = fmul double {a}, %b{i}x",
                          f"  %t{i} = fdiv double %t{i}m, {hex_double(c)}", f"  %u{i} = fadd double {total}, %t{i}"]
                total = f"%u{i}"
            else:
                lines.append(f"  %b{i}y = fdiv double %b{i}x, %w")
        b = f"%b{i}y"
    lines.append(f"  %zeta = fadd double {total}, 0.0")
    return "\n".join(lines)


# (-1)^(n+1) n! zeta(n + 1, x): the first terms are added, the rest is Euler-Maclaurin.
_POLYGAMMA = f"""
define internal double @dv_polygamma(i64 %n, double %x) noinline nounwind memory(none) {{
start:
  %first = icmp eq i64 %n, 0
  br i1 %first, label %psi, label %order
psi:
  %digamma = call double @dv_digamma(double %x)
  ret double %digamma
order:
  %low = icmp slt i64 %n, 0
  %isnan = fcmp uno double %x, %x
  %far = fcmp olt double %x, {hex_double(-1e7)}
  %bad0 = or i1 %low, %isnan
  %bad = or i1 %bad0, %far
  br i1 %bad, label %nan, label %go
nan:
  ret double {hex_double(float('nan'))}
go:
  %odd = trunc i64 %n to i1
  %sign = select i1 %odd, double 1.0, double -1.0
  %nf = sitofp i64 %n to double
  %s = fadd double %nf, 1.0
  %minus.s = fneg double %s
  %gamma = call double @tgamma(double %s)
  %factor = fmul double %sign, %gamma
  %floor = call double @llvm.floor.f64(double %x)
  %whole = fcmp oeq double %floor, %x
  %notpos = fcmp ole double %x, 0.0
  %pole = and i1 %whole, %notpos
  br i1 %pole, label %infinite, label %finite
finite:
  %endless = fcmp oeq double %x, {hex_double(float('inf'))}
  br i1 %endless, label %nothing, label %prepare
nothing:
  %nil = fmul double %sign, 0.0
  ret double %nil
infinite:
  %inf = fmul double %sign, {hex_double(float('inf'))}
  ret double %inf
prepare:
  %enough = fadd double %nf, 10.0
  br label %head
head:
  %a = phi double [ %x, %prepare ], [ %a1, %body ]
  %sum = phi double [ 0.0, %prepare ], [ %sum1, %body ]
  %more = fcmp olt double %a, %enough
  br i1 %more, label %body, label %tail
body:
  %term = call double @pow(double %a, double %minus.s)
  %sum1 = fadd double %sum, %term
  %a1 = fadd double %a, 1.0
  br label %head
tail:
  %w = fadd double %a, 0.0
  %bw = call double @pow(double %w, double %minus.s)
  %minus.n = fneg double %nf
  %bww = call double @pow(double %w, double %minus.n)
  %first.t = fdiv double %bww, %nf
  %half = fmul double %bw, 0.5
  %sum0 = fadd double %sum, %first.t
  %sum2 = fadd double %sum0, %half
{_euler()}
  %v = fmul double %factor, %zeta
  ret double %v
}}"""

# log |gamma(x)|; -inf at -inf, as SciPy has it.
_LGAMMA = f"""
define internal double @dv_lgamma(double %x) noinline nounwind {{
  %sign = alloca i32
  %r = call double @lgamma_r(double %x, ptr %sign)
  %low = fcmp oeq double %x, {hex_double(float('-inf'))}
  %v = select i1 %low, double %x, double %r
  ret double %v
}}"""

SPECIAL: dict[str, str] = {"dv_lgamma": _LGAMMA, "dv_digamma": _DIGAMMA, "dv_polygamma": _POLYGAMMA}
