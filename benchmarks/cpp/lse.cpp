// log-sum-exp of a vector, shifted by its maximum, and its gradient.

#include <algorithm>
#include <cmath>
#include <cstdint>

using i64 = std::int64_t;

extern "C" double lse_primal(i64 n, const double* x) {
  double top = x[0];
  for (i64 i = 1; i < n; ++i) top = std::max(top, x[i]);
  double total = 0;
  for (i64 i = 0; i < n; ++i) total += std::exp(x[i] - top);
  return top + std::log(total);
}

extern "C" void lse_gradient(i64 n, const double* x, double* d_x) {
  double top = x[0];
  for (i64 i = 1; i < n; ++i) top = std::max(top, x[i]);
  double total = 0;
  for (i64 i = 0; i < n; ++i) {
    d_x[i] = std::exp(x[i] - top);
    total += d_x[i];
  }
  for (i64 i = 0; i < n; ++i) d_x[i] /= total;
}
