// Gaussian mixture with packed inverse factors: objective and hand-written gradient.
//
// Plain scalar C++, one point at a time.  Arrays are row-major; `l` holds the strictly lower triangles column by
// column.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using i64 = std::int64_t;

double logsumexp(i64 n, const double* v) {
  double top = v[0];
  for (i64 i = 1; i < n; ++i) top = std::max(top, v[i]);
  double total = 0;
  for (i64 i = 0; i < n; ++i) total += std::exp(v[i] - top);
  return top + std::log(total);
}

double log_gamma_distribution(double a, i64 d) {
  double total = 0.25 * d * (d - 1) * std::log(M_PI);
  for (i64 j = 0; j < d; ++j) total += std::lgamma(a - 0.5 * j);
  return total;
}

// What depends on the parameters only.
struct Prepared {
  std::vector<double> exp_q, sum_q;

  Prepared(i64 d, i64 k, const double* q) : exp_q(k * d), sum_q(k) {
    for (i64 c = 0; c < k; ++c) {
      for (i64 j = 0; j < d; ++j) {
        exp_q[c * d + j] = std::exp(q[c * d + j]);
        sum_q[c] += q[c * d + j];
      }
    }
  }
};

double wishart(i64 d, i64 k, double gamma, i64 m, const Prepared& prepared, const double* l) {
  const i64 lt = d * (d - 1) / 2, freedom = d + m + 1;
  const double scale = freedom * d * (std::log(gamma) - 0.5 * std::log(2.0));
  const double constant = scale - log_gamma_distribution(0.5 * freedom, d);
  double total = 0;
  for (i64 c = 0; c < k; ++c) {
    double square = 0;
    for (i64 j = 0; j < d; ++j) square += prepared.exp_q[c * d + j] * prepared.exp_q[c * d + j];
    for (i64 j = 0; j < lt; ++j) square += l[c * lt + j] * l[c * lt + j];
    total += 0.5 * gamma * gamma * square - m * prepared.sum_q[c];
  }
  return k * constant - total;
}

// z = Q (x - mu) for one component; leaves x - mu in `centred`.
void whiten(i64 d, const double* x, const double* mu, const double* exp_q, const double* l, double* centred,
            double* z) {
  for (i64 j = 0; j < d; ++j) {
    centred[j] = x[j] - mu[j];
    z[j] = exp_q[j] * centred[j];
  }
  for (i64 c = 0, at = 0; c < d; ++c) {
    for (i64 r = c + 1; r < d; ++r, ++at) z[r] += l[at] * centred[c];
  }
}

double half_square(i64 d, const double* z) {
  double total = 0;
  for (i64 j = 0; j < d; ++j) total += z[j] * z[j];
  return 0.5 * total;
}

}  // namespace

extern "C" double gmm_primal(i64 n, i64 d, i64 k, const double* alpha, const double* mu, const double* q,
                             const double* l, const double* x, double gamma, i64 m) {
  const i64 lt = d * (d - 1) / 2;
  const Prepared prepared(d, k, q);
  std::vector<double> centred(d), z(d), beta(k);
  double total = 0;
  for (i64 i = 0; i < n; ++i) {
    for (i64 c = 0; c < k; ++c) {
      whiten(d, x + i * d, mu + c * d, &prepared.exp_q[c * d], l + c * lt, centred.data(), z.data());
      beta[c] = alpha[c] + prepared.sum_q[c] - half_square(d, z.data());
    }
    total += logsumexp(k, beta.data());
  }
  return -0.5 * n * d * std::log(2 * M_PI) + total - n * logsumexp(k, alpha) + wishart(d, k, gamma, m, prepared, l);
}

extern "C" double gmm_gradient(i64 n, i64 d, i64 k, const double* alpha, const double* mu, const double* q,
                               const double* l, const double* x, double gamma, i64 m, double* d_alpha, double* d_mu,
                               double* d_q, double* d_l) {
  const i64 lt = d * (d - 1) / 2;
  const Prepared prepared(d, k, q);
  std::vector<double> centred(k * d), z(k * d), beta(k);
  std::fill(d_alpha, d_alpha + k, 0.0);
  std::fill(d_mu, d_mu + k * d, 0.0);
  std::fill(d_q, d_q + k * d, 0.0);
  std::fill(d_l, d_l + k * lt, 0.0);
  double total = 0;
  for (i64 i = 0; i < n; ++i) {
    for (i64 c = 0; c < k; ++c) {
      whiten(d, x + i * d, mu + c * d, &prepared.exp_q[c * d], l + c * lt, &centred[c * d], &z[c * d]);
      beta[c] = alpha[c] + prepared.sum_q[c] - half_square(d, &z[c * d]);
    }
    const double lse = logsumexp(k, beta.data());
    total += lse;
    for (i64 c = 0; c < k; ++c) {
      const double weight = std::exp(beta[c] - lse);
      const double *zc = &z[c * d], *xc = &centred[c * d], *eq = &prepared.exp_q[c * d], *lc = l + c * lt;
      double *mc = d_mu + c * d, *qc = d_q + c * d, *dlc = d_l + c * lt;
      d_alpha[c] += weight;
      for (i64 j = 0; j < d; ++j) {
        mc[j] += weight * zc[j] * eq[j];
        qc[j] += weight * (1 - zc[j] * eq[j] * xc[j]);
      }
      for (i64 s = 0, at = 0; s < d; ++s) {
        const double scaled = weight * xc[s];
        double back = 0;
        for (i64 r = s + 1; r < d; ++r, ++at) {
          back += lc[at] * zc[r];
          dlc[at] -= scaled * zc[r];
        }
        mc[s] += weight * back;
      }
    }
  }
  const double lse = logsumexp(k, alpha);
  for (i64 c = 0; c < k; ++c) {
    d_alpha[c] -= n * std::exp(alpha[c] - lse);
    for (i64 j = 0; j < d; ++j) {
      const double eq = prepared.exp_q[c * d + j];
      d_q[c * d + j] += m - gamma * gamma * eq * eq;
    }
    for (i64 j = 0; j < lt; ++j) d_l[c * lt + j] -= gamma * gamma * l[c * lt + j];
  }
  return -0.5 * n * d * std::log(2 * M_PI) + total - n * lse + wishart(d, k, gamma, m, prepared, l);
}
