// Convolution: the definition, for any number of spatial axes.
#include "cpu/epilogue.h"
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/window.h"

namespace tenon::cpu {

namespace {

struct ConvGeometry {
  ReferenceEpilogue epilogue;
  WindowGeometry window;
  int64_t batch = 0, outputs = 0, groups = 1;
  int64_t group_inputs = 0, group_outputs = 0;
};

kernel::Prepared prepare_conv(const Call& call, kernel::Backend&) {
  const auto& conv = call.as<ir::Conv>();
  const auto& x = call.inputs[0].dims;
  const auto& weight = call.inputs[1].dims;
  ConvGeometry geometry{.epilogue = ReferenceEpilogue(call)};
  geometry.window =
      window_geometry(conv.window(std::span(weight).subspan(2)), x, call.outputs[0].dims);
  geometry.batch = x[0];
  geometry.outputs = weight[0];
  geometry.groups = conv.groups;
  geometry.group_inputs = weight[1];
  geometry.group_outputs = weight[0] / conv.groups;
  return {std::make_shared<const ConvGeometry>(geometry)};
}

template <class T>
Sum<T> conv_at(const ConvGeometry& geometry, const T* x, const T* weight,
               int64_t position) noexcept {
  Sum<T> sum{};
  geometry.window.for_taps(position, [&](int64_t tap, int64_t offset) {
    for (int64_t c = 0; c < geometry.group_inputs; ++c) {
      sum += widen(x[c * geometry.window.in_size + offset]) *
             widen(weight[c * geometry.window.taps + tap]);
    }
  });
  return sum;
}

template <class T>
void conv_typed(const Launch& launch) noexcept {
  const auto& geometry = prepared<ConvGeometry>(launch);
  const T* bias = optional_input<T>(launch, 2);
  const int64_t filter = geometry.group_inputs * geometry.window.taps;
  // A unit is one output channel of one image.
  base::parallel_for(launch.state->threads, geometry.batch * geometry.outputs, [&](int64_t unit) {
    const int64_t n = unit / geometry.outputs;
    const int64_t o = unit % geometry.outputs;
    const int64_t group = o / geometry.group_outputs;
    const T* x = launch.input<T>(0) +
                 (n * geometry.groups + group) * geometry.group_inputs * geometry.window.in_size;
    T* y = launch.output<T>(0) + unit * geometry.window.out_size;
    for (int64_t position = 0; position < geometry.window.out_size; ++position) {
      Sum<T> sum = conv_at(geometry, x, launch.input<T>(1) + o * filter, position);
      if (bias) sum += widen(bias[o]);
      y[position] = static_cast<T>(sum);
    }
  });
}

void conv_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->outputs[0].dtype,
                    [&](auto tag) { conv_typed<typename decltype(tag)::type>(launch); });
  prepared<ConvGeometry>(launch).epilogue.run(launch);
}

}  // namespace

template <>
Kernels kernels<ir::Conv>() {
  static const std::vector<Kernel> list = [] {
    std::vector<Kernel> all = vector_winograd_kernels();
    for (const Kernel& kernel : vector_conv_kernels()) all.push_back(kernel);
    for (const Kernel& kernel : vector_depthwise_kernels()) all.push_back(kernel);
    return with_reference(std::move(all), {.name = "cpu.conv.reference",
                                           .reject = plain_only,
                                           .prepare = prepare_conv,
                                           .run = conv_reference});
  }();
  return list;
}

}  // namespace tenon::cpu
