// Where lines begin.
#include "cpu/lines.h"

namespace tenon::cpu {

Lines make_lines(const Call& call, int64_t axis) {
  const kernel::Operand &x = call.inputs[0], &y = call.outputs[0];
  const auto at = axis < 0 ? axis + std::ssize(x.dims) : axis;
  std::vector<int64_t> dims = x.dims;
  Strides from = strides_of(x), to = strides_of(y);
  Lines lines{.length = dims[static_cast<size_t>(at)],
              .x_step = from[static_cast<size_t>(at)],
              .y_step = to[static_cast<size_t>(at)]};
  for (std::vector<int64_t>* each : {&dims, &from, &to}) each->erase(each->begin() + at);
  lines.firsts = Walk(dims, {from, to});
  return lines;
}

}  // namespace tenon::cpu
