"""Special functions as LLVM text: digamma, polygamma, the reentrant log-gamma."""

from __future__ import annotations

SPECIAL: dict[str, str] = {
    "dv_lgamma": """
define internal double @dv_lgamma(double %x) noinline nounwind {
  %sign = alloca i32
  %r = call double @lgamma_r(double %x, ptr %sign)
  ret double %r
}""",
}
