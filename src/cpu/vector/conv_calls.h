// What direct and depthwise convolutions take, in which layouts, and how their filters lie.
#pragma once

#include "cpu/vector/conv_geometry.h"
#include "cpu/vector/vector_kernels.h"
#include "ir/ops.h"

namespace tenon::cpu {

template <class Unit>
const char* reject_any_conv(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  const size_t rank = call.inputs[0].dims.size();
  if (rank != 3 && rank != 4) return "it runs over one or two spatial axes only";
  if (!call.inputs[1].weight) return "the filter is not a weight, so it cannot be packed";
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i) {
    if (call.inputs[i].dims.size() != rank && call.inputs[i].elements() != 1)
      return "operands of the epilogue have the result's rank or one element";
  }
  return refuse_epilogue(call);
}

template <class Unit>
ir::Layout blocked_channels() {
  return {.splits = {{1, Unit::lanes}}};
}

// Images of a few channels would be mostly padding.
template <class Unit>
kernel::Layouts conv_layouts(const Call& call) {
  std::vector<ir::Layout> inputs(call.inputs.size());
  if (call.inputs[0].dims[1] > 4 || call.as<ir::Conv>().groups != 1)
    inputs[0] = blocked_channels<Unit>();
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < inputs.size(); ++i) {
    if (call.inputs[i].dims.size() == call.outputs[0].dims.size())
      inputs[i] = blocked_channels<Unit>();
  }
  return {.inputs = inputs, .outputs = {blocked_channels<Unit>()}};
}

template <class Unit>
ir::Graph pack_conv(const Call& call) {
  const auto& dims = call.inputs[1].dims;
  ir::GraphBuilder graph;
  const auto w = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  graph.output("1", graph.add(ir::Reorder{{.splits = {{0, Unit::lanes}}}}, {w}));
  return graph.finish();
}

}  // namespace tenon::cpu
