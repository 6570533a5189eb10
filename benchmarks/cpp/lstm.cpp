// A stack of l elementwise LSTM layers over a sequence of c characters of b bits: the loss and its gradient in the
// parameters, by a reverse sweep over the stored gates.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using i64 = std::int64_t;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One layer's step: reads x, updates hidden and cell.  `gates`, if any, keeps forget, in, out, change.
void layer(i64 b, const double* weight, const double* bias, const double* x, double* hidden, double* cell,
           double* gates) {
  for (i64 j = 0; j < b; ++j) {
    const double forget = sigmoid(x[j] * weight[j] + bias[j]);
    const double in = sigmoid(hidden[j] * weight[b + j] + bias[b + j]);
    const double out = sigmoid(x[j] * weight[2 * b + j] + bias[2 * b + j]);
    const double change = std::tanh(hidden[j] * weight[3 * b + j] + bias[3 * b + j]);
    cell[j] = cell[j] * forget + in * change;
    hidden[j] = out * std::tanh(cell[j]);
    if (gates) {
      gates[j] = forget;
      gates[b + j] = in;
      gates[2 * b + j] = out;
      gates[3 * b + j] = change;
    }
  }
}

}  // namespace

extern "C" double lstm_primal(i64 l, i64 b, i64 c, const double* main, const double* extra, const double* state,
                              const double* sequence) {
  std::vector<double> s(state, state + 2 * l * b), input(b), y(b);
  double total = 0;
  for (i64 t = 0; t + 1 < c; ++t) {
    for (i64 j = 0; j < b; ++j) input[j] = sequence[t * b + j] * extra[j];
    const double* x = input.data();
    for (i64 i = 0; i < l; ++i) {
      layer(b, main + 8 * i * b, main + (8 * i + 4) * b, x, &s[2 * i * b], &s[(2 * i + 1) * b], nullptr);
      x = &s[2 * i * b];
    }
    double sum = 2;
    for (i64 j = 0; j < b; ++j) {
      y[j] = x[j] * extra[b + j] + extra[2 * b + j];
      sum += std::exp(y[j]);
    }
    const double lse = std::log(sum);
    for (i64 j = 0; j < b; ++j) total += sequence[(t + 1) * b + j] * (y[j] - lse);
  }
  return -total / ((c - 1) * b);
}

extern "C" double lstm_gradient(i64 l, i64 b, i64 c, const double* main, const double* extra, const double* state,
                                const double* sequence, double* d_main, double* d_extra) {
  const i64 width = 2 * l * b;
  std::vector<double> states(c * width), gates((c - 1) * 4 * l * b), input(b), y(b), sums(c - 1);
  std::copy(state, state + width, states.begin());
  double total = 0;
  for (i64 t = 0; t + 1 < c; ++t) {
    double* s = &states[(t + 1) * width];
    std::copy(s - width, s, s);
    for (i64 j = 0; j < b; ++j) input[j] = sequence[t * b + j] * extra[j];
    const double* x = input.data();
    for (i64 i = 0; i < l; ++i) {
      double *hidden = s + 2 * i * b, *cell = hidden + b;
      layer(b, main + 8 * i * b, main + (8 * i + 4) * b, x, hidden, cell, &gates[(t * l + i) * 4 * b]);
      x = hidden;
    }
    double sum = 2;
    for (i64 j = 0; j < b; ++j) {
      y[j] = x[j] * extra[b + j] + extra[2 * b + j];
      sum += std::exp(y[j]);
    }
    sums[t] = sum;
    const double lse = std::log(sum);
    for (i64 j = 0; j < b; ++j) total += sequence[(t + 1) * b + j] * (y[j] - lse);
  }

  const double scale = -1.0 / ((c - 1) * b);
  std::fill(d_main, d_main + 8 * l * b, 0.0);
  std::fill(d_extra, d_extra + 3 * b, 0.0);
  std::vector<double> s_bar(width), x_bar(b);
  for (i64 t = c - 2; t >= 0; --t) {
    const double *after = &states[(t + 1) * width], *before = after - width;
    const double* top = after + 2 * (l - 1) * b;
    double ones = 0;
    for (i64 j = 0; j < b; ++j) ones += sequence[(t + 1) * b + j];
    for (i64 j = 0; j < b; ++j) {
      const double weighted = std::exp(top[j] * extra[b + j] + extra[2 * b + j]) / sums[t];
      const double y_bar = scale * (sequence[(t + 1) * b + j] - ones * weighted);
      d_extra[b + j] += y_bar * top[j];
      d_extra[2 * b + j] += y_bar;
      x_bar[j] = y_bar * extra[b + j];
    }
    for (i64 i = l - 1; i >= 0; --i) {
      const double *weight = main + 8 * i * b, *gate = &gates[(t * l + i) * 4 * b];
      const double *hidden = before + 2 * i * b, *cell = hidden + b, *new_cell = after + (2 * i + 1) * b;
      double *h_bar = &s_bar[2 * i * b], *c_bar = h_bar + b, *dw = d_main + 8 * i * b, *db = dw + 4 * b;
      for (i64 j = 0; j < b; ++j) {
        const double x = i ? after[2 * (i - 1) * b + j] : sequence[t * b + j] * extra[j];
        const double forget = gate[j], in = gate[b + j], out = gate[2 * b + j], change = gate[3 * b + j];
        const double bounded = std::tanh(new_cell[j]);
        const double out_bar = h_bar[j] + x_bar[j];
        const double cell_bar = c_bar[j] + out_bar * out * (1 - bounded * bounded);
        const double f = cell_bar * cell[j] * forget * (1 - forget);
        const double g = cell_bar * change * in * (1 - in);
        const double o = out_bar * bounded * out * (1 - out);
        const double h = cell_bar * in * (1 - change * change);
        dw[j] += f * x;
        dw[b + j] += g * hidden[j];
        dw[2 * b + j] += o * x;
        dw[3 * b + j] += h * hidden[j];
        db[j] += f;
        db[b + j] += g;
        db[2 * b + j] += o;
        db[3 * b + j] += h;
        h_bar[j] = g * weight[b + j] + h * weight[3 * b + j];
        c_bar[j] = cell_bar * forget;
        x_bar[j] = f * weight[j] + o * weight[2 * b + j];
      }
    }
    for (i64 j = 0; j < b; ++j) d_extra[j] += x_bar[j] * sequence[t * b + j];
  }
  return scale * total;
}
