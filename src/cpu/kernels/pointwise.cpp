// Element-wise expressions, interpreted in tiles.
#include "cpu/interpreter.h"
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_pointwise(const Call& call, kernel::Backend&) {
  return {std::make_shared<const Interpreter>(call)};
}

void pointwise_reference(const Launch& launch) noexcept {
  prepared<Interpreter>(launch).run(launch);
}

/// A result in blocks of one axis: [outer, rows / block, columns, block], with padding in the last
/// row of blocks.
struct BlockedGeometry {
  Interpreter interpreter;
  int64_t outer = 1, rows = 0, columns = 1, block = 1;
  int64_t padding = 0;  ///< lanes of the last row of blocks
};

bool one_blocked_axis(const ir::Layout& layout) {
  return layout.order.empty() && layout.splits.size() == 1;
}

// A division of integers by a padding lane would be an error that the data does not have.
bool divides_integers(const Call& call) {
  std::vector<DType> dtypes;
  for (const kernel::Operand& operand : call.inputs) dtypes.push_back(operand.dtype);
  const ir::Expression& expression = call.as<ir::Pointwise>().expression;
  dtypes = expression.infer(dtypes);
  for (size_t i = 0; i < dtypes.size(); ++i) {
    const ir::Scalar op = expression.instructions()[i].op;
    const bool divides = op == ir::Scalar::div || op == ir::Scalar::mod || op == ir::Scalar::fmod;
    if (divides && is_integer(dtypes[i])) return true;
  }
  return false;
}

const char* reject_blocked(const Call& call) {
  const kernel::Operand& result = call.outputs[0];
  if (!result.layout.plain() && divides_integers(call)) return "padding lanes cannot be divided by";
  for (const kernel::Operand& operand : call.inputs) {
    const bool same_rank = operand.dims.size() == result.dims.size();
    if (!same_rank && operand.elements() != 1 && !result.layout.plain())
      return "its operands have the result's rank or one element";
    if (!operand.layout.plain() && !one_blocked_axis(operand.layout))
      return "it knows one blocked axis only";
  }
  return nullptr;
}

kernel::Layouts follow(const Call&) { return {.follow = true}; }

kernel::Prepared make_blocked(const Call& call, TileFunctions functions) {
  const kernel::Operand& result = call.outputs[0];
  BlockedGeometry geometry{.interpreter = Interpreter(call, functions)};
  if (!result.layout.plain()) {
    const ir::Layout::Split split = result.layout.splits[0];
    const auto axis = static_cast<size_t>(split.axis);
    geometry.block = split.block;
    geometry.rows = (result.dims[axis] + geometry.block - 1) / geometry.block;
    geometry.padding = geometry.rows * geometry.block - result.dims[axis];
    for (size_t a = 0; a < axis; ++a) geometry.outer *= result.dims[a];
    for (size_t a = axis + 1; a < result.dims.size(); ++a) geometry.columns *= result.dims[a];
  }
  return {std::make_shared<const BlockedGeometry>(std::move(geometry))};
}

kernel::Prepared prepare_blocked(const Call& call, kernel::Backend&) {
  return make_blocked(call, {});
}

// The expression need not give 0 for 0, and a repeated operand is not 0 there.
void clear_padding(const Launch& launch, const BlockedGeometry& geometry) noexcept {
  const auto size = static_cast<int64_t>(byte_count(launch.call->outputs[0].dtype, 1));
  const auto bytes = static_cast<size_t>(geometry.padding * size);
  const int64_t row = geometry.columns * geometry.block * size;
  for (int64_t n = 0; n < geometry.outer; ++n) {
    auto* block = launch.output<std::byte>(0) + ((n + 1) * geometry.rows - 1) * row;
    for (int64_t i = 1; i <= geometry.columns; ++i) {
      std::memset(block + (i * geometry.block - geometry.padding) * size, 0, bytes);
    }
  }
}

void pointwise_blocked(const Launch& launch) noexcept {
  const auto& geometry = prepared<BlockedGeometry>(launch);
  geometry.interpreter.run(launch);
  if (geometry.padding > 0) clear_padding(launch, geometry);
}

constexpr Kernel blocked{.name = "cpu.pointwise.blocked",
                         .reject = reject_blocked,
                         .layouts = follow,
                         .prepare = prepare_blocked,
                         .run = pointwise_blocked,
                         .strided_inputs = kernel::every_operand,
                         .strided_output = true,
                         .in_place = kernel::every_operand};

/// The same with a vector unit's loops, which are for f32.
template <class Unit>
Kernel vectorised(std::string_view name) {
  Kernel kernel = blocked;
  kernel.name = name;
  kernel.reject = [](const Call& call) {
    const char* reason = refuse_unit<Unit>(call);
    if (!reason && call.inputs[0].dtype != DType::f32) reason = "it computes f32 only";
    return reason ? reason : reject_blocked(call);
  };
  kernel.prepare = [](const Call& call, kernel::Backend&) {
    return make_blocked(call, vector_functions<Unit>);
  };
  return kernel;
}

}  // namespace

template <>
Kernels kernels<ir::Pointwise>() {
  static const std::vector<Kernel> list{
#ifdef TENON_VECTOR_AVX3
      vectorised<Avx3>("cpu.pointwise.avx3"),
#endif
#ifdef TENON_VECTOR_AVX2
      vectorised<Avx2>("cpu.pointwise.avx2"),
#endif
      blocked,
      {.name = "cpu.pointwise.reference",
       .reject = plain_only,
       .prepare = prepare_pointwise,
       .run = pointwise_reference,
       .strided_inputs = kernel::every_operand,
       .strided_output = true,
       .in_place = kernel::every_operand},
  };
  return list;
}

}  // namespace tenon::cpu
