// Softmax and its logarithm: a line of the axis is a thread's or, where it is long, a block's.
#include "ir/ops/softmax.h"

#include "cuda/walk_text.h"

namespace tenon::cuda {

namespace {

// n: lines, length of one, its steps in x and y; the walk over lines.
constexpr std::string_view kSoftmax = R"(
typedef Facts<T>::Sum S;
KERNEL {
  const i64 length = n[1], x_step = n[2], y_step = n[3];
  EACH_BY_TEAM(line, lane, n[0]) {
    Index o[2];
    lines(n, (Index)line, o);
    const T* x = (const T*)buffers.at[0] + o[0];
    T* y = (T*)buffers.at[1] + o[1];
    S greatest = (S)-INFINITE;
    for (i64 i = lane; i < length; i += TEAM) {
      const S value = widen(x[i * x_step]);
      greatest = greatest < value ? value : greatest;
    }
    greatest = together<TEAM>(greatest, [](S a, S b) { return a < b ? b : a; });
    S sum = 0;
    for (i64 i = lane; i < length; i += TEAM) sum += s_exp(widen(x[i * x_step]) - greatest);
    sum = together<TEAM>(sum, [](S a, S b) { return a + b; });
    const S log_sum = s_log(sum);
    for (i64 i = lane; i < length; i += TEAM) {
      const S shifted = widen(x[i * x_step]) - greatest;
      y[i * y_step] = As<T>::of(LOG ? shifted - log_sum : s_exp(shifted) / sum);
    }
  }
})";

kernel::Prepared prepare_softmax(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Softmax>();
  std::vector<int64_t> dims = call.inputs[0].dims;
  kernel::Strides x = kernel::strides_of(call.inputs[0]), y = kernel::dense_strides(dims);
  const auto axis = op.axis < 0 ? op.axis + std::ssize(dims) : op.axis;
  const auto take = [&](std::vector<int64_t>& list) {
    const int64_t taken = list[static_cast<size_t>(axis)];
    list.erase(list.begin() + axis);
    return taken;
  };
  const int64_t length = take(dims), x_step = take(x), y_step = take(y);
  const WalkText walk = walk_text("lines", 4, dims, {x, y});
  const int64_t count = length == 0 ? 0 : walk.count;
  std::vector<int64_t> numbers = {count, length, x_step, y_step};
  numbers.insert(numbers.end(), walk.numbers.begin(), walk.numbers.end());
  return prepare_stages(call, {team_stage(define_type("T", type_name(call.inputs[0].dtype)) +
                                              define_index(walk.reach) + walk.text +
                                              define("LOG", op.log ? 1 : 0) + std::string(kSoftmax),
                                          std::move(numbers), count, length)});
}

}  // namespace

template <>
Kernels kernels<ir::Softmax>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.softmax.reference",
       .reject = plain_only,
       .prepare = prepare_softmax,
       .run = run_stages,
       .strided_inputs = 1},
  };
  return list;
}

}  // namespace tenon::cuda
