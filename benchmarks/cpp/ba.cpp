// Bundle adjustment: reprojection errors, and their Jacobian as a matrix in compressed rows.
//
// A camera is r(3), centre(3), focal, u0, v0, k1, k2.  Each observation has two rows of 15 entries (camera, point,
// weight); one row of one entry for each weight's own error follows.

#include <cmath>
#include <cstdint>

namespace {

using i64 = std::int64_t;

void cross(const double* a, const double* b, double* out) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

double dot(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// out = x turned by r.
void rotate(const double* r, const double* x, double* out) {
  const double square = dot(r, r);
  double turned[3];
  if (square == 0) {
    cross(r, x, turned);
    for (int j = 0; j < 3; ++j) out[j] = x[j] + turned[j];
    return;
  }
  const double theta = std::sqrt(square), c = std::cos(theta), s = std::sin(theta);
  const double w[3] = {r[0] / theta, r[1] / theta, r[2] / theta};
  cross(w, x, turned);
  const double along = dot(w, x) * (1 - c);
  for (int j = 0; j < 3; ++j) out[j] = x[j] * c + turned[j] * s + w[j] * along;
}

// The same with derivatives: by_x[i][j] = d out[i] / d x[j], by_r[i][j] = d out[i] / d r[j].
void rotate_jacobian(const double* r, const double* x, double* out, double by_x[3][3], double by_r[3][3]) {
  const double square = dot(r, r);
  double turned[3];
  if (square == 0) {
    cross(r, x, turned);
    for (int i = 0; i < 3; ++i) out[i] = x[i] + turned[i];
    for (int j = 0; j < 3; ++j) {
      const double unit[3] = {j == 0 ? 1.0 : 0.0, j == 1 ? 1.0 : 0.0, j == 2 ? 1.0 : 0.0};
      double a[3], b[3];
      cross(unit, x, a);
      cross(r, unit, b);
      for (int i = 0; i < 3; ++i) {
        by_r[i][j] = a[i];
        by_x[i][j] = unit[i] + b[i];
      }
    }
    return;
  }
  const double theta = std::sqrt(square), c = std::cos(theta), s = std::sin(theta);
  const double w[3] = {r[0] / theta, r[1] / theta, r[2] / theta};
  const double wx = dot(w, x);
  cross(w, x, turned);
  double by_theta[3];
  for (int i = 0; i < 3; ++i) {
    out[i] = x[i] * c + turned[i] * s + w[i] * wx * (1 - c);
    by_theta[i] = -x[i] * s + turned[i] * c + w[i] * wx * s;
  }
  for (int j = 0; j < 3; ++j) {
    const double unit[3] = {j == 0 ? 1.0 : 0.0, j == 1 ? 1.0 : 0.0, j == 2 ? 1.0 : 0.0};
    double dw[3], a[3], b[3];
    for (int i = 0; i < 3; ++i) dw[i] = (unit[i] - w[i] * w[j]) / theta;
    cross(w, unit, a);
    cross(dw, x, b);
    const double dwx = dot(dw, x);
    for (int i = 0; i < 3; ++i) {
      by_x[i][j] = unit[i] * c + a[i] * s + w[i] * w[j] * (1 - c);
      by_r[i][j] = by_theta[i] * w[j] + b[i] * s + (dw[i] * wx + w[i] * dwx) * (1 - c);
    }
  }
}

void residual(const double* cam, const double* point, double weight, const double* feat, double* out) {
  const double shifted[3] = {point[0] - cam[3], point[1] - cam[4], point[2] - cam[5]};
  double seen[3];
  rotate(cam, shifted, seen);
  const double p[2] = {seen[0] / seen[2], seen[1] / seen[2]};
  const double square = p[0] * p[0] + p[1] * p[1];
  const double lens = 1 + square * (cam[9] + square * cam[10]);
  for (int e = 0; e < 2; ++e) out[e] = weight * (cam[6] * lens * p[e] + cam[7 + e] - feat[e]);
}

// Two rows of 15: by the camera, by the point, by the weight.
void residual_rows(const double* cam, const double* point, double weight, const double* feat, double* rows) {
  const double shifted[3] = {point[0] - cam[3], point[1] - cam[4], point[2] - cam[5]};
  double seen[3], by_x[3][3], by_r[3][3];
  rotate_jacobian(cam, shifted, seen, by_x, by_r);
  const double inverse = 1 / seen[2];
  const double p[2] = {seen[0] * inverse, seen[1] * inverse};
  const double square = p[0] * p[0] + p[1] * p[1];
  const double lens = 1 + square * (cam[9] + square * cam[10]);
  const double slope = cam[9] + 2 * square * cam[10];
  for (int e = 0; e < 2; ++e) {
    double* row = rows + 15 * e;
    double by_p[2] = {2 * p[e] * slope * p[0], 2 * p[e] * slope * p[1]};
    by_p[e] += lens;
    const double scale = weight * cam[6];
    const double by_seen[3] = {scale * by_p[0] * inverse, scale * by_p[1] * inverse,
                               -scale * (by_p[0] * p[0] + by_p[1] * p[1]) * inverse};
    for (int j = 0; j < 3; ++j) {
      double turn = 0, shift = 0;
      for (int i = 0; i < 3; ++i) {
        turn += by_seen[i] * by_r[i][j];
        shift += by_seen[i] * by_x[i][j];
      }
      row[j] = turn;
      row[3 + j] = -shift;
      row[11 + j] = shift;
    }
    row[6] = weight * lens * p[e];
    row[7] = e == 0 ? weight : 0;
    row[8] = e == 1 ? weight : 0;
    row[9] = scale * square * p[e];
    row[10] = scale * square * square * p[e];
    row[14] = cam[6] * lens * p[e] + cam[7 + e] - feat[e];
  }
}

}  // namespace

extern "C" void ba_primal(i64 p, const double* cams, const double* points, const double* weights, const double* feats,
                          const i64* obs, double* errors, double* weight_errors) {
  for (i64 i = 0; i < p; ++i) {
    residual(cams + 11 * obs[2 * i], points + 3 * obs[2 * i + 1], weights[i], feats + 2 * i, errors + 2 * i);
    weight_errors[i] = 1 - weights[i] * weights[i];
  }
}

extern "C" void ba_jacobian(i64 n, i64 m, i64 p, const double* cams, const double* points, const double* weights,
                            const double* feats, const i64* obs, i64* rows, i64* cols, double* vals) {
  for (i64 i = 0; i < p; ++i) {
    const i64 cam = obs[2 * i], point = obs[2 * i + 1];
    residual_rows(cams + 11 * cam, points + 3 * point, weights[i], feats + 2 * i, vals + 30 * i);
    for (int e = 0; e < 2; ++e) {
      i64* col = cols + 30 * i + 15 * e;
      for (int j = 0; j < 11; ++j) col[j] = 11 * cam + j;
      for (int j = 0; j < 3; ++j) col[11 + j] = 11 * n + 3 * point + j;
      col[14] = 11 * n + 3 * m + i;
      rows[2 * i + e] = 30 * i + 15 * e;
    }
  }
  for (i64 i = 0; i < p; ++i) {
    rows[2 * p + i] = 30 * p + i;
    cols[30 * p + i] = 11 * n + 3 * m + i;
    vals[30 * p + i] = -2 * weights[i];
  }
  rows[3 * p] = 31 * p;
}
