// Recurrent layers: some sequences of one direction, step by step.
#include "cpu/recurrent.h"

#include <cmath>

#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "ir/enum_names.h"

namespace tenon::cpu {

namespace {

using ir::Activation;
using ir::RecurrentKind;

constexpr int64_t most_panel = 64;

/// One of the functions that a gate or a candidate goes through.
struct Function {
  Activation kind = Activation::tanh;
  double alpha = 0, beta = 0;
  TileFunction loop = nullptr;  ///< null: there is none, see apply()

  template <class C>
  C apply(C x) const noexcept {
    const C a = static_cast<C>(alpha), b = static_cast<C>(beta);
    switch (kind) {
      case Activation::affine: return a * x + b;
      case Activation::leaky_relu: return x < 0 ? a * x : x;
      case Activation::thresholded_relu: return x > a ? x : C{0};
      case Activation::scaled_tanh: return a * std::tanh(b * x);
      case Activation::hard_sigmoid: return std::clamp<C>(a * x + b, 0, 1);
      case Activation::elu: return x < 0 ? a * (std::exp(x) - 1) : x;
      case Activation::softsign: return x / (1 + std::fabs(x));
      default: return x;
    }
  }

  template <class C>
  void run(const C* x, C* y, int64_t count) const noexcept {
    if (loop) return loop({y, x, nullptr, nullptr, count, nullptr});
    for (int64_t i = 0; i < count; ++i) y[i] = apply(x[i]);
  }
};

TileFunction loop_of(Activation kind, DType dtype, FunctionOf* function) {
  switch (kind) {
    case Activation::relu: return function(ir::Scalar::relu, dtype);
    case Activation::tanh: return function(ir::Scalar::tanh, dtype);
    case Activation::sigmoid: return function(ir::Scalar::sigmoid, dtype);
    case Activation::softplus: return function(ir::Scalar::softplus, dtype);
    default: return nullptr;
  }
}

struct Geometry {
  int64_t steps = 0, batch = 0, directions = 1, hidden = 0, width = 0;
  int64_t stride = 0;       ///< from sums of one sequence to those of the next
  int64_t weight_size = 0;  ///< of one direction
  int64_t rows = 1;         ///< of a unit of work
  size_t functions_each = 0;
  std::vector<Function> functions;  ///< direction by direction
  RowProductFunction product = nullptr;

  Geometry(const Call& call, int64_t rows, DType computed, FunctionOf* function) : rows(rows) {
    const auto& op = call.as<ir::Recurrent>();
    const auto &x = call.inputs[0].dims, &weight = call.inputs[1].dims;
    steps = x[0];
    batch = x[1];
    directions = weight[0];
    hidden = weight[1];
    width = weight[2];
    stride = (width + most_panel - 1) / most_panel * most_panel;
    weight_size = hidden * width;
    functions_each = ir::activations_of(op.kind);
    for (size_t i = 0; i < op.activations.size(); ++i) {
      const Activation kind = *ir::parse_enum<Activation>(op.activations[i]);
      functions.push_back({kind, op.alphas[i], op.betas[i], loop_of(kind, computed, function)});
    }
  }
  int64_t blocks() const { return (batch + rows - 1) / rows; }
  int64_t units() const { return directions * blocks(); }
  /// Numbers of one sequence: hidden and cell state, what goes into the product, sums and gates.
  int64_t numbers() const { return 4 * hidden + 2 * stride; }
};

/// The sequences of one unit. T is the type in memory, C the one that is computed in.
template <class T, class C>
class Sequences {
 public:
  Sequences(const Launch& launch, int64_t unit) noexcept
      : launch_(launch),
        op_(launch.call->as<ir::Recurrent>()),
        g_(prepared<Geometry>(launch)),
        direction_(unit / g_.blocks()),
        first_(unit % g_.blocks() * g_.rows),
        rows_(std::min(g_.rows, g_.batch - first_)),
        functions_(g_.functions.data() + direction_ * static_cast<int64_t>(g_.functions_each)) {
    C* at = static_cast<C*>(launch.scratch) + unit * g_.rows * g_.numbers();
    const auto take = [&](int64_t width) {
      C* const taken = at;
      at += g_.rows * width;
      return taken;
    };
    h_ = take(g_.hidden);
    c_ = take(g_.hidden);
    reset_ = take(g_.hidden);
    squashed_ = take(g_.hidden);
    sums_ = take(g_.stride);
    gates_ = take(g_.stride);
  }

  void run() noexcept {
    start(4, h_);
    start(5, c_);
    int64_t steps = 0;
    for (int64_t r = 0; r < rows_; ++r) steps = std::max(steps, length(r));
    for (int64_t step = 0; step < steps; ++step) {
      switch (op_.kind) {
        case RecurrentKind::rnn: rnn(step); break;
        case RecurrentKind::gru: gru(step); break;
        case RecurrentKind::lstm: lstm(step); break;
      }
    }
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t t = length(r); t < g_.steps; ++t) std::fill_n(output_at(t, r), g_.hidden, T{});
    finish(1, h_);
    finish(2, c_);
  }

 private:
  int64_t length(int64_t row) const noexcept {
    if (!has_input(*launch_.call, 3)) return g_.steps;
    return std::clamp<int64_t>(launch_.input<int32_t>(3)[first_ + row], 0, g_.steps);
  }
  int64_t state_offset(int64_t row) const noexcept {
    return (direction_ * g_.batch + first_ + row) * g_.hidden;
  }
  T* output_at(int64_t t, int64_t row) const noexcept {
    return launch_.output<T>(0) +
           ((t * g_.directions + direction_) * g_.batch + first_ + row) * g_.hidden;
  }

  void start(size_t operand, C* state) noexcept {
    std::fill_n(state, rows_ * g_.hidden, C{0});
    if (!has_input(*launch_.call, operand)) return;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t i = 0; i < g_.hidden; ++i)
        state[r * g_.hidden + i] = static_cast<C>(launch_.input<T>(operand)[state_offset(r) + i]);
  }
  void finish(size_t output, const C* state) noexcept {
    if (output >= launch_.call->outputs.size() || !launch_.call->outputs[output].present) return;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t i = 0; i < g_.hidden; ++i)
        launch_.output<T>(output)[state_offset(r) + i] = static_cast<T>(state[r * g_.hidden + i]);
  }

  /// The step of time of sequence `row`; -1 where it has ended.
  int64_t time(int64_t row, int64_t step) const noexcept {
    const int64_t steps = length(row);
    if (step >= steps) return -1;
    return op_.reverse || direction_ == 1 ? steps - 1 - step : step;
  }

  /// What the input gives to the sums [begin, end) of all sequences.
  void project(int64_t step) noexcept {
    for (int64_t r = 0; r < rows_; ++r) {
      const int64_t t = time(r, step);
      C* const sums = sums_ + r * g_.stride;
      if (t < 0) {
        std::fill_n(sums, g_.width, C{0});
        continue;
      }
      const T* const x = launch_.input<T>(0) +
                         ((t * g_.batch + first_ + r) * g_.directions + direction_) * g_.width;
      for (int64_t j = 0; j < g_.width; ++j) sums[j] = static_cast<C>(x[j]);
    }
  }

  void multiply(const C* h, int64_t begin, int64_t end) noexcept {
    const T* const weight = launch_.input<T>(1) + direction_ * g_.weight_size;
    if constexpr (std::is_same_v<C, float> && std::is_same_v<T, float>)
      return g_.product({h, weight, sums_, rows_, g_.hidden, g_.width, g_.stride, begin, end});
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t k = 0; k < g_.hidden; ++k)
        for (int64_t j = begin; j < end; ++j)
          sums_[r * g_.stride + j] +=
              h[r * g_.hidden + k] * static_cast<C>(weight[k * g_.width + j]);
  }

  /// Gate `gate` of a sequence, its sums clipped.
  C* activate(int64_t row, int64_t gate, size_t function) noexcept {
    C* const sums = sums_ + row * g_.stride + gate * g_.hidden;
    if (const auto limit = static_cast<C>(op_.clip); limit > 0)
      for (int64_t i = 0; i < g_.hidden; ++i) sums[i] = std::clamp(sums[i], -limit, limit);
    C* const result = gates_ + row * g_.stride + gate * g_.hidden;
    functions_[function].run(sums, result, g_.hidden);
    return result;
  }

  void write(int64_t row, int64_t step) noexcept {
    T* const y = output_at(time(row, step), row);
    for (int64_t i = 0; i < g_.hidden; ++i) y[i] = static_cast<T>(h_[row * g_.hidden + i]);
  }

  void rnn(int64_t step) noexcept {
    project(step);
    multiply(h_, 0, g_.width);
    for (int64_t r = 0; r < rows_; ++r) {
      if (time(r, step) < 0) continue;
      std::copy_n(activate(r, 0, 0), g_.hidden, h_ + r * g_.hidden);
      write(r, step);
    }
  }

  void gru(int64_t step) noexcept {
    const int64_t n = g_.hidden;
    project(step);
    if (op_.linear_before_reset) return linear_gru(step);
    multiply(h_, 0, 2 * n);
    for (int64_t r = 0; r < rows_; ++r) {
      const C* const gate = activate(r, 1, 0);
      for (int64_t i = 0; i < n; ++i) reset_[r * n + i] = gate[i] * h_[r * n + i];
    }
    multiply(reset_, 2 * n, 3 * n);
    for (int64_t r = 0; r < rows_; ++r) mix(r, step);
  }

  // The candidate's share of the hidden state is multiplied before it is reset.
  void linear_gru(int64_t step) noexcept {
    const int64_t n = g_.hidden;
    for (int64_t r = 0; r < rows_; ++r) {
      C* const candidate = sums_ + r * g_.stride + 2 * n;
      std::copy_n(candidate, n, squashed_ + r * n);
      for (int64_t i = 0; i < n; ++i)
        candidate[i] = has_input(*launch_.call, 2)
                           ? static_cast<C>(launch_.input<T>(2)[direction_ * n + i])
                           : C{0};
    }
    multiply(h_, 0, 3 * n);
    for (int64_t r = 0; r < rows_; ++r) {
      const C* const gate = activate(r, 1, 0);
      C* const candidate = sums_ + r * g_.stride + 2 * n;
      for (int64_t i = 0; i < n; ++i) candidate[i] = squashed_[r * n + i] + gate[i] * candidate[i];
      mix(r, step);
    }
  }

  void mix(int64_t row, int64_t step) noexcept {
    if (time(row, step) < 0) return;
    const C* const update = activate(row, 0, 0);
    const C* const candidate = activate(row, 2, 1);
    C* const h = h_ + row * g_.hidden;
    for (int64_t i = 0; i < g_.hidden; ++i)
      h[i] = (1 - update[i]) * candidate[i] + update[i] * h[i];
    write(row, step);
  }

  // A gate looks at the cell state.
  void peep(int64_t row, int64_t gate, int64_t which) noexcept {
    if (!has_input(*launch_.call, 6)) return;
    const T* const peephole = launch_.input<T>(6) + (direction_ * 3 + which) * g_.hidden;
    C* const sums = sums_ + row * g_.stride + gate * g_.hidden;
    for (int64_t i = 0; i < g_.hidden; ++i)
      sums[i] += static_cast<C>(peephole[i]) * c_[row * g_.hidden + i];
  }

  void lstm(int64_t step) noexcept {
    project(step);
    multiply(h_, 0, g_.width);
    for (int64_t r = 0; r < rows_; ++r) {
      if (time(r, step) < 0) continue;
      C *const c = c_ + r * g_.hidden, *const h = h_ + r * g_.hidden;
      peep(r, 0, 0);
      const C* const in = activate(r, 0, 0);
      const C* const forget = op_.input_forget ? nullptr : (peep(r, 2, 2), activate(r, 2, 0));
      const C* const candidate = activate(r, 3, 1);
      for (int64_t i = 0; i < g_.hidden; ++i)
        c[i] = (forget ? forget[i] : 1 - in[i]) * c[i] + in[i] * candidate[i];
      peep(r, 1, 1);
      const C* const out = activate(r, 1, 0);
      C* const squashed = squashed_ + r * g_.hidden;
      functions_[2].run(c, squashed, g_.hidden);
      for (int64_t i = 0; i < g_.hidden; ++i) h[i] = out[i] * squashed[i];
      write(r, step);
    }
  }

  const Launch& launch_;
  const ir::Recurrent& op_;
  const Geometry& g_;
  int64_t direction_, first_, rows_;
  const Function* functions_;
  C *h_, *c_, *reset_, *squashed_, *sums_, *gates_;
};

template <class T, class C>
void run_sequences(const Launch& launch) noexcept {
  base::parallel_for(launch.state->threads, prepared<Geometry>(launch).units(),
                     [&](int64_t unit) { Sequences<T, C>(launch, unit).run(); });
}

kernel::Prepared made_ready(Geometry geometry, size_t element) {
  const auto numbers = static_cast<size_t>(geometry.units() * geometry.rows * geometry.numbers());
  return {std::make_shared<const Geometry>(std::move(geometry)), numbers * element};
}

bool computes_in_f32(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// One sequence a unit; f32 is computed in f64, as in all references.
kernel::Prepared prepare_recurrent(const Call& call, kernel::Backend&) {
  const bool small = computes_in_f32(call.inputs[0].dtype);
  return made_ready(Geometry(call, 1, small ? DType::f32 : DType::f64, tile_function),
                    small ? sizeof(float) : sizeof(double));
}

void recurrent_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_sequences<T, std::conditional_t<is_small_float<T>, float, double>>(launch);
  });
}

}  // namespace

kernel::Prepared prepare_recurrent_f32(const Call& call, RowProductFunction product, int64_t panel,
                                       FunctionOf* function) {
  Geometry geometry(call, recurrent_rows, DType::f32, function);
  geometry.product = product;
  if (panel > 0)
    geometry.weight_size = (geometry.width + panel - 1) / panel * panel * geometry.hidden;
  return made_ready(std::move(geometry), sizeof(float));
}

void run_recurrent_f32(const Launch& launch) noexcept { run_sequences<float, float>(launch); }

template <>
Kernels kernels<ir::Recurrent>() {
  static const std::vector<Kernel> list =
      with_reference(vector_recurrent_kernels(), {.name = "cpu.recurrent.reference",
                                                  .reject = plain_only,
                                                  .prepare = prepare_recurrent,
                                                  .run = recurrent_reference});
  return list;
}

}  // namespace tenon::cpu
