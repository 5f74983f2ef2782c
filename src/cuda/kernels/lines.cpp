// A walk over lines around what is done to each.
#include "cuda/kernels/lines.h"

#include "cuda/walk_text.h"

namespace tenon::cuda {

namespace {

// n: lines, length of one, its steps in x and y; the walk over lines.
constexpr std::string_view kBegin = R"(
typedef Facts<T>::Sum S;
KERNEL {
  const i64 length = n[1], x_step = n[2], y_step = n[3];
  EACH_BY_TEAM(line, lane, n[0]) {
    Index o[2];
    lines(n, (Index)line, o);
    const T* x = (const T*)buffers.at[0] + o[0];
    T* y = (T*)buffers.at[RESULT] + o[1];
)";
constexpr std::string_view kEnd = R"(
  }
})";

}  // namespace

kernel::Prepared prepare_lines(const Call& call, int64_t axis, const std::string& constants,
                               std::string_view body) {
  std::vector<int64_t> dims = call.inputs[0].dims;
  kernel::Strides x = kernel::strides_of(call.inputs[0]), y = kernel::dense_strides(dims);
  const auto at = axis < 0 ? axis + std::ssize(dims) : axis;
  const auto take = [&](std::vector<int64_t>& list) {
    const int64_t taken = list[static_cast<size_t>(at)];
    list.erase(list.begin() + at);
    return taken;
  };
  const int64_t length = take(dims), x_step = take(x), y_step = take(y);
  const WalkText walk = walk_text("lines", 4, dims, {x, y});
  const int64_t count = length == 0 ? 0 : walk.count;
  std::vector<int64_t> numbers = {count, length, x_step, y_step};
  numbers.insert(numbers.end(), walk.numbers.begin(), walk.numbers.end());
  std::string text = define_type("T", type_name(call.inputs[0].dtype)) + define_index(walk.reach) +
                     walk.text + define("RESULT", std::ssize(call.inputs)) + constants;
  text.append(kBegin).append(body).append(kEnd);
  return prepare_stages(call, {team_stage(std::move(text), std::move(numbers), count, length)});
}

}  // namespace tenon::cuda
