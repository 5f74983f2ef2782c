// Reductions over axes: a result is a thread's or, where many elements make it, a block's.
#include "ir/ops/reduce.h"

#include "cuda/channels_last.h"
#include "cuda/walk_text.h"

namespace tenon::cuda {

namespace {

using ir::ReduceKind;

// n: results, elements of each; the walk over the kept axes (result, input), and over the reduced.
constexpr std::string_view kReduce = R"(
KERNEL {
  const Index count = (Index)n[1];
  EACH_BY_TEAM(item, lane, n[0]) {
    Index place[2], o[1];
    kept(n, (Index)item, place);
    const T* x = (const T*)buffers.at[0] + place[1];
#define ALL(A, none, step)                           \
  A accumulated = none;                              \
  for (Index i = lane; i < count; i += TEAM) {       \
    reduced(n, i, o);                                \
    const T element = x[o[0]];                       \
    step;                                            \
  }
    REDUCE
    if (lane == 0) ((T*)buffers.at[1])[place[0]] = result;
  }
})";

// The greatest or least element; a NaN wins.
constexpr std::string_view kExtreme = R"(
typedef Facts<T>::Compute C;
#define BETTER(value, best) ((value) SIGN (best) || (value) != (value))
#define EXTREME                                                                    \
  ALL(C, START, const C value = get(element); if (BETTER(value, accumulated)) accumulated = value) \
  const C best = together<TEAM>(accumulated, [](C a, C b) { return BETTER(b, a) ? b : a; });
)";

constexpr std::string_view kSum = R"(
typedef Facts<T>::Sum S;
__device__ inline f64 real_of(S sum) {
  return !Facts<T>::real && Facts<T>::is_signed ? (f64)(i64)sum : (f64)sum;
}
__device__ inline T mean_of(S sum, i64 count) {
  if (Facts<T>::real) return As<T>::of(sum / (S)count);
  if (count == 0) return As<T>::of(0);
  return Facts<T>::is_signed ? As<T>::of((i64)sum / count) : As<T>::of(sum / (u64)count);
}
#define SUM(step)                                                                  \
  ALL(S, 0, accumulated += (step))                                                 \
  const S sum = together<TEAM>(accumulated, [](S a, S b) { return a + b; });
)";

std::string reduction(ReduceKind kind) {
  const auto sum = [](std::string_view step, std::string_view result) {
    return fmt::format("{}#define REDUCE SUM({}) const T result = {};\n", kSum, step, result);
  };
  const auto extreme = [](std::string_view sign, std::string_view start, std::string_view rest) {
    return fmt::format("#define SIGN {}\n#define START {}\n{}#define REDUCE EXTREME {}\n", sign,
                       start, kExtreme, rest);
  };
  constexpr std::string_view square = "widen(element) * widen(element)";
  constexpr std::string_view as_best = "const T result = As<T>::of(best);";
  switch (kind) {
    case ReduceKind::sum: return sum("widen(element)", "As<T>::of(sum)");
    case ReduceKind::mean: return sum("widen(element)", "mean_of(sum, count)");
    case ReduceKind::max: return extreme(">", "Facts<T>::least()", as_best);
    case ReduceKind::min: return extreme("<", "Facts<T>::greatest()", as_best);
    case ReduceKind::prod:
      return "typedef Facts<T>::Sum S;\n"
             "#define REDUCE ALL(S, 1, accumulated *= widen(element)) const T result = "
             "As<T>::of(together<TEAM>(accumulated, [](S a, S b) { return a * b; }));\n";
    case ReduceKind::l1:
      return sum("get(element) < 0 ? (S)0 - widen(element) : widen(element)", "As<T>::of(sum)");
    case ReduceKind::l2: return sum(square, "from_real<T>(sqrt(real_of(sum)))");
    case ReduceKind::sum_square: return sum(square, "As<T>::of(sum)");
    case ReduceKind::log_sum: return sum("widen(element)", "from_real<T>(log(real_of(sum)))");
    case ReduceKind::log_sum_exp: break;
  }
  // Shifted by the greatest, so that nothing overflows.
  return extreme(">", "Facts<T>::least()", R"( \
  const f64 greatest = (f64)best; \
  const f64 shift = fabs(greatest) < INFINITE ? greatest : 0; \
  f64 part = 0; \
  for (Index i = lane; i < count; i += TEAM) { \
    reduced(n, i, o); \
    part += exp((f64)get(x[o[0]]) - shift); \
  } \
  const f64 sum = together<TEAM>(part, [](f64 a, f64 b) { return a + b; }); \
  const T result = from_real<T>(log(sum) + shift);)");
}

kernel::Prepared prepare_reduce(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Reduce>();
  const auto& dims = call.inputs[0].dims;
  const kernel::Strides strides = *logical_strides(call.inputs[0]);
  const kernel::Operand& result = call.outputs[0];
  std::vector<bool> is_reduced(dims.size(), false);
  for (const int64_t axis : op.axes)
    is_reduced[static_cast<size_t>(axis < 0 ? axis + std::ssize(dims) : axis)] = true;
  std::vector<int64_t> kept_dims, reduced_dims;
  kernel::Strides kept_strides, reduced_strides, result_strides;
  for (size_t a = 0; a < dims.size(); ++a) {
    (is_reduced[a] ? reduced_dims : kept_dims).push_back(dims[a]);
    (is_reduced[a] ? reduced_strides : kept_strides).push_back(strides[a]);
    if (!is_reduced[a] && !result.layout.plain())
      result_strides.push_back((*logical_strides(result))[a]);
  }
  if (result.layout.plain()) result_strides = kernel::dense_strides(kept_dims);
  const WalkText kept = walk_text("kept", 2, kept_dims, {result_strides, kept_strides});
  const WalkText reduced =
      walk_text("reduced", 2 + kept.numbers.size(), reduced_dims, {reduced_strides});
  std::vector<int64_t> numbers = {kept.count, reduced.count};
  numbers.insert(numbers.end(), kept.numbers.begin(), kept.numbers.end());
  numbers.insert(numbers.end(), reduced.numbers.begin(), reduced.numbers.end());
  std::string text = define_type("T", type_name(call.inputs[0].dtype)) +
                     define_index(std::max(kept.reach, reduced.reach)) + kept.text + reduced.text +
                     reduction(op.kind) + std::string(kReduce);
  return prepare_stages(
      call, {team_stage(std::move(text), std::move(numbers), kept.count, reduced.count)});
}

}  // namespace

template <>
Kernels kernels<ir::Reduce>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.reduce.reference",
       .reject = refuse_without_strides,
       .layouts = follow_layout,
       .prepare = prepare_reduce,
       .run = run_stages,
       .strided_inputs = 1},
  };
  return list;
}

}  // namespace tenon::cuda
