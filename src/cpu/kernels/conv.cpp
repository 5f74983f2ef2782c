// Convolution: the definition, for any number of spatial axes.
#include "cpu/activation.h"
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/window.h"

namespace tenon::cpu {

namespace {

struct ConvPlan {
  WindowGeometry window;
  int64_t batch = 0, outputs = 0, groups = 1;
  int64_t group_inputs = 0, group_outputs = 0;
};

kernel::Prepared prepare_conv(const Call& call, kernel::Backend&) {
  const auto& conv = call.as<ir::Conv>();
  const auto& x = call.inputs[0].dims;
  const auto& weight = call.inputs[1].dims;
  ConvPlan plan;
  plan.window = window_geometry(conv.window(std::span(weight).subspan(2)), x, call.outputs[0].dims);
  plan.batch = x[0];
  plan.outputs = weight[0];
  plan.groups = conv.groups;
  plan.group_inputs = weight[1];
  plan.group_outputs = weight[0] / conv.groups;
  return {std::make_shared<const ConvPlan>(plan)};
}

template <class T>
Sum<T> conv_at(const ConvPlan& plan, const T* x, const T* weight, int64_t position) noexcept {
  Sum<T> sum{};
  plan.window.for_taps(position, [&](int64_t tap, int64_t offset) {
    for (int64_t c = 0; c < plan.group_inputs; ++c) {
      sum += widen(x[c * plan.window.in_size + offset]) * widen(weight[c * plan.window.taps + tap]);
    }
  });
  return sum;
}

template <class T>
void conv_typed(const Launch& launch) noexcept {
  const auto& plan = prepared<ConvPlan>(launch);
  const Bounds<Compute<T>> bounds(launch.call->as<ir::Conv>());
  const T* bias = has_input(*launch.call, 2) ? launch.input<T>(2) : nullptr;
  const int64_t filter = plan.group_inputs * plan.window.taps;
  // A unit is one output channel of one image.
  base::parallel_for(launch.state->threads, plan.batch * plan.outputs, [&](int64_t unit) {
    const int64_t n = unit / plan.outputs;
    const int64_t o = unit % plan.outputs;
    const int64_t group = o / plan.group_outputs;
    const T* x =
        launch.input<T>(0) + (n * plan.groups + group) * plan.group_inputs * plan.window.in_size;
    T* y = launch.output<T>(0) + unit * plan.window.out_size;
    for (int64_t position = 0; position < plan.window.out_size; ++position) {
      Sum<T> sum = conv_at(plan, x, launch.input<T>(1) + o * filter, position);
      if (bias) sum += widen(bias[o]);
      y[position] = static_cast<T>(bounds(static_cast<Compute<T>>(sum)));
    }
  });
}

void conv_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->outputs[0].dtype,
                    [&](auto tag) { conv_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Conv>() {
  static const std::vector<Kernel> list =
      with_reference(vector_conv_kernels(), {.name = "cpu.conv.reference",
                                             .reject = plain_only,
                                             .prepare = prepare_conv,
                                             .run = conv_reference});
  return list;
}

}  // namespace tenon::cpu
