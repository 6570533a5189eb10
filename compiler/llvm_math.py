"""exp and log without branches, as LLVM text, for loops that LLVM turns into vector code.

Both stay within about one unit in the last place; NaN, infinities, zeros and subnormal numbers come
out as from libm.  They need a machine with fused multiply-add.
"""

from __future__ import annotations

import math

from .llvm_special import hex_double


def _fma(to: str, a: str, b: str, c: str) -> str:
    return f"  {to} = call double @llvm.fma.f64(double {a}, double {b}, double {c})"


# 1.5 * 2**52: adding it rounds to an integer, which then stands in the low bits.
_MAGIC = 6755399441055744.0
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def _estrin(name: str, x: str, coefficients: list[float]) -> tuple[list[str], str]:
    """A polynomial by pairs: short chains, so that one evaluation alone is fast too."""
    lines, level, power, values = [], 0, x, [hex_double(c) for c in coefficients]
    while len(values) > 1:
        paired = []
        for k in range(0, len(values) - 1, 2):
            to = f"%{name}.{level}.{k}"
            lines.append(_fma(to, values[k + 1], power, values[k]))
            paired.append(to)
        if len(values) % 2:
            paired.append(values[-1])
        values = paired
        if len(values) > 1:
            lines.append(f"  %{name}.x{level} = fmul double {power}, {power}")
            power = f"%{name}.x{level}"
        level += 1
    return lines, values[0]


def _exp() -> str:
    """x = n ln 2 + r, |r| <= ln 2 / 2; the Taylor polynomial 1 + (r + r² q); the scale 2**n in two factors."""
    poly, value = _estrin("q", "%r", [1 / math.factorial(k) for k in range(2, 14)])
    lines = [
        "define internal double @dv_exp(double %x) alwaysinline nounwind memory(none) {",
        f"  %high = fcmp ogt double %x, {hex_double(710.0)}",
        f"  %x1 = select i1 %high, double {hex_double(710.0)}, double %x",
        f"  %low = fcmp olt double %x1, {hex_double(-746.0)}",
        f"  %x2 = select i1 %low, double {hex_double(-746.0)}, double %x1",
        _fma("%t", "%x2", hex_double(1 / math.log(2)), hex_double(_MAGIC)),
        f"  %n = fsub double %t, {hex_double(_MAGIC)}",
        _fma("%r1", "%n", hex_double(-_LN2_HIGH), "%x2"),
        _fma("%r", "%n", hex_double(-_LN2_LOW), "%r1"),
        *poly,
        "  %rr = fmul double %r, %r",
        _fma("%u", value, "%rr", "%r"),
        "  %p = fadd double 1.0, %u",
        "  %bits = bitcast double %t to i64",
        f"  %magic = bitcast double {hex_double(_MAGIC)} to i64",
        "  %k = sub i64 %bits, %magic",
        "  %k1 = ashr i64 %k, 1",
        "  %k2 = sub i64 %k, %k1",
        "  %e1 = add i64 %k1, 1023",
        "  %e2 = add i64 %k2, 1023",
        "  %s1 = shl i64 %e1, 52",
        "  %s2 = shl i64 %e2, 52",
        "  %f1 = bitcast i64 %s1 to double",
        "  %f2 = bitcast i64 %s2 to double",
        "  %v1 = fmul double %p, %f1",
        "  %v = fmul double %v1, %f2",
        "  ret double %v",
        "}",
    ]
    return "\n".join(lines)


# Coefficients of the series in s**2, s = f / (2 + f), of log(1 + f) (Sun's fdlibm, freely usable).
_LG = (6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
       1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01)


def _log() -> str:
    """x = 2**k (1 + f), 1 + f between sqrt(1/2) and sqrt(2)."""
    poly, value = _estrin("p", "%z", list(_LG))
    lines = [
        "define internal double @dv_log(double %x) alwaysinline nounwind memory(none) {",
        f"  %tiny = fcmp olt double %x, {hex_double(2.0**-1022)}",
        f"  %up = fmul double %x, {hex_double(2.0**54)}",
        "  %y = select i1 %tiny, double %up, double %x",
        "  %shift = select i1 %tiny, i64 -54, i64 0",
        "  %bits = bitcast double %y to i64",
        # The bits of sqrt(1/2): what is above counts to the next power of two.
        "  %d = sub i64 %bits, 4604544271217802189",
        "  %k0 = ashr i64 %d, 52",
        "  %ke = shl i64 %k0, 52",
        "  %mbits = sub i64 %bits, %ke",
        "  %m = bitcast i64 %mbits to double",
        "  %k = add i64 %k0, %shift",
        f"  %magic = bitcast double {hex_double(_MAGIC)} to i64",
        "  %kb = add i64 %k, %magic",
        "  %km = bitcast i64 %kb to double",
        f"  %kd = fsub double %km, {hex_double(_MAGIC)}",
        "  %f = fsub double %m, 1.0",
        "  %g = fadd double %f, 2.0",
        "  %s = fdiv double %f, %g",
        "  %z = fmul double %s, %s",
        *poly,
        f"  %r = fmul double %z, {value}",
        "  %hf = fmul double %f, 0.5",
        "  %h = fmul double %hf, %f",
        "  %hr = fadd double %h, %r",
        "  %sr = fmul double %s, %hr",
        _fma("%c", "%kd", hex_double(_LN2_LOW), "%sr"),
        "  %hc = fsub double %h, %c",
        "  %w = fsub double %hc, %f",
        f"  %a = fmul double %kd, {hex_double(_LN2_HIGH)}",
        "  %v = fsub double %a, %w",
        f"  %big = fcmp oeq double %x, {hex_double(math.inf)}",
        "  %v1 = select i1 %big, double %x, double %v",
        "  %zero = fcmp oeq double %x, 0.0",
        f"  %v2 = select i1 %zero, double {hex_double(-math.inf)}, double %v1",
        "  %good = fcmp oge double %x, 0.0",
        f"  %v3 = select i1 %good, double %v2, double {hex_double(math.nan)}",
        "  ret double %v3",
        "}",
    ]
    return "\n".join(lines)


MATH: dict[str, str] = {"dv_exp": _exp(), "dv_log": _log()}
