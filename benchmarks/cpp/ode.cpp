// y'[0] = x[0], y'[i] = x[i] y[i-1], y(0) = 0, to t = 2 by s steps of the classical Runge-Kutta method;
// the gradient of the last y in x is the adjoint of that loop, with every step's y stored.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

using i64 = std::int64_t;

void slope(i64 n, const double* x, const double* y, double* out) {
  out[0] = x[0];
  for (i64 i = 1; i < n; ++i) out[i] = x[i] * y[i - 1];
}

// out = y + h * k
void ahead(i64 n, const double* y, double h, const double* k, double* out) {
  for (i64 i = 0; i < n; ++i) out[i] = y[i] + h * k[i];
}

// From the cotangent `bar` of slope(x, u): adds to d_x, and puts that of u in `back`.
void slope_back(i64 n, const double* x, const double* u, const double* bar, double* d_x, double* back) {
  d_x[0] += bar[0];
  for (i64 i = 1; i < n; ++i) {
    d_x[i] += bar[i] * u[i - 1];
    back[i - 1] = bar[i] * x[i];
  }
  back[n - 1] = 0;
}

struct Stages {
  std::vector<double> k1, k2, k3, k4, u;

  explicit Stages(i64 n) : k1(n), k2(n), k3(n), k4(n), u(n) {}

  void step(i64 n, double h, const double* x, const double* y, double* next) {
    slope(n, x, y, k1.data());
    ahead(n, y, 0.5 * h, k1.data(), u.data());
    slope(n, x, u.data(), k2.data());
    ahead(n, y, 0.5 * h, k2.data(), u.data());
    slope(n, x, u.data(), k3.data());
    ahead(n, y, h, k3.data(), u.data());
    slope(n, x, u.data(), k4.data());
    for (i64 i = 0; i < n; ++i) next[i] = y[i] + h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  }
};

}  // namespace

extern "C" void ode_primal(i64 n, i64 s, const double* x, double* y) {
  const double h = 2.0 / s;
  Stages stages(n);
  std::fill(y, y + n, 0.0);
  for (i64 t = 0; t < s; ++t) stages.step(n, h, x, y, y);
}

extern "C" void ode_gradient(i64 n, i64 s, const double* x, double* d_x) {
  const double h = 2.0 / s;
  Stages stages(n);
  std::vector<double> states((s + 1) * n), u2(n), u3(n), u4(n), bar(n), k_bar(n), u_bar(n), next(n);
  for (i64 t = 0; t < s; ++t) stages.step(n, h, x, &states[t * n], &states[(t + 1) * n]);
  std::fill(d_x, d_x + n, 0.0);
  bar[n - 1] = 1;
  for (i64 t = s - 1; t >= 0; --t) {
    const double* y = &states[t * n];
    slope(n, x, y, stages.k1.data());
    ahead(n, y, 0.5 * h, stages.k1.data(), u2.data());
    slope(n, x, u2.data(), stages.k2.data());
    ahead(n, y, 0.5 * h, stages.k2.data(), u3.data());
    slope(n, x, u3.data(), stages.k3.data());
    ahead(n, y, h, stages.k3.data(), u4.data());
    for (i64 i = 0; i < n; ++i) k_bar[i] = h / 6 * bar[i];
    slope_back(n, x, u4.data(), k_bar.data(), d_x, u_bar.data());
    for (i64 i = 0; i < n; ++i) {
      next[i] = bar[i] + u_bar[i];
      k_bar[i] = h / 3 * bar[i] + h * u_bar[i];
    }
    slope_back(n, x, u3.data(), k_bar.data(), d_x, u_bar.data());
    for (i64 i = 0; i < n; ++i) {
      next[i] += u_bar[i];
      k_bar[i] = h / 3 * bar[i] + 0.5 * h * u_bar[i];
    }
    slope_back(n, x, u2.data(), k_bar.data(), d_x, u_bar.data());
    for (i64 i = 0; i < n; ++i) {
      next[i] += u_bar[i];
      k_bar[i] = h / 6 * bar[i] + 0.5 * h * u_bar[i];
    }
    slope_back(n, x, y, k_bar.data(), d_x, u_bar.data());
    for (i64 i = 0; i < n; ++i) bar[i] = next[i] + u_bar[i];
  }
}
