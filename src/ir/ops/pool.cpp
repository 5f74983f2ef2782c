// Types of pooling.
#include "ir/ops/pool.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

template <class Pool>
Window window_of(const Pool& pool) {
  Window window{.kernel = pool.kernel,
                .strides = pool.strides,
                .pads = pool.pads,
                .dilations = pool.dilations,
                .auto_pad = pool.auto_pad,
                .ceil_mode = pool.ceil_mode};
  fill_defaults(window);
  return window;
}

// A window that lies in padding alone has neither a greatest element nor a mean. With dilations its
// reach does not tell: all taps may lie beside the input.
void require_smaller_pads(const Infer& in, const Window& window) {
  const size_t spatial = window.kernel.size();
  if (window.auto_pad != AutoPad::notset) return;
  for (size_t i = 0; i < 2 * spatial; ++i) {
    const int64_t extent = window.kernel[i % spatial];
    if (window.pads[i] < extent) continue;
    in.fail(
        fmt::format("pad {} must be smaller than the kernel's extent {}", window.pads[i], extent));
  }
}

Dims pooled(Infer& in, const Window& window) {
  const Dims& x = in.dims(0);
  if (x.size() < 3) in.fail(fmt::format("input has rank {}, and must have 3 or more", x.size()));
  Dims out{x[0], x[1]};
  for (const Dim& extent : window_output(in, window, x)) out.push_back(extent);
  require_smaller_pads(in, window);
  return out;
}

}  // namespace

Window MaxPool::window() const { return window_of(*this); }
Window AveragePool::window() const { return window_of(*this); }

std::vector<Value> MaxPool::infer(Infer& in) const {
  const DType dtype = in.dtype(0);
  if (!is_floating(dtype) && dtype != DType::i8 && dtype != DType::u8) {
    in.fail(fmt::format("it is not defined for {}; cast the operand", to_string(dtype)));
  }
  if (storage_order != 0 && storage_order != 1)
    in.fail(fmt::format("storage_order={} is not 0 or 1", storage_order));
  const Dims out = pooled(in, window());
  std::vector<Value> values{{ValueType(dtype, out), {}}};
  if (in.outputs() > 1) values.push_back({ValueType(DType::i64, out), {}});
  return values;
}

std::vector<Value> AveragePool::infer(Infer& in) const {
  in.require_floating(0);
  return {{ValueType(in.dtype(0), pooled(in, window())), {}}};
}

}  // namespace tenon::ir
