// Lists of the Highway kernels, one entry for each vector unit compiled in, best first.
#pragma once

#include <vector>

#include "cpu/kernels.h"
#include "cpu/scalar_functions.h"
#include "ir/ops/epilogue.h"

namespace tenon::cpu {

std::vector<Kernel> vector_attention_kernels();
std::vector<Kernel> vector_matmul_kernels();
std::vector<Kernel> vector_conv_kernels();
std::vector<Kernel> vector_depthwise_kernels();
std::vector<Kernel> vector_winograd_kernels();
std::vector<Kernel> vector_winograd_filter_kernels();
std::vector<Kernel> vector_max_pool_kernels();
std::vector<Kernel> vector_average_pool_kernels();
std::vector<Kernel> vector_recurrent_kernels();
std::vector<Kernel> vector_reduce_kernels();
std::vector<Kernel> vector_reorder_kernels();
std::vector<Kernel> vector_softmax_kernels();
std::vector<Kernel> vector_layer_norm_kernels();
std::vector<Kernel> vector_transpose_kernels();

/// The vector kernels, then the reference.
inline std::vector<Kernel> with_reference(std::vector<Kernel> list, const Kernel& reference) {
  list.push_back(reference);
  return list;
}

/// What code outside the vector files knows of a vector unit. That code is compiled for the
/// baseline: it runs on every machine, and only Kernel::run enters a function that was compiled for
/// the unit.
struct Avx2 {
  static constexpr const char* feature = "avx2";
  static constexpr const char* missing = "this machine has no AVX2, or it is switched off";
  static constexpr int lanes = 8;  ///< of f32
};

struct Avx3 {
  static constexpr const char* feature = "avx3";
  static constexpr const char* missing = "this machine has no AVX-512, or it is switched off";
  static constexpr int lanes = 16;
};

/// Loops for `op`: the unit's own where it has one, for f32, else those of tile_function().
template <class Unit>
TileFunction vector_function(ir::Scalar op, DType dtype) noexcept;
template <class Unit>
TileFunction vector_gate(Gate::Kind kind) noexcept;
template <class Unit>
inline constexpr TileFunctions vector_functions{vector_function<Unit>, vector_gate<Unit>};

template <class Unit>
const char* refuse_unit(const Call& call) {
  return call.target && call.target->has(Unit::feature) ? nullptr : Unit::missing;
}

/// Refuses machines without the unit and operands that are not f32; the epilogue's are left to
/// refuse_epilogue().
template <class Unit>
const char* refuse_unit_and_dtype(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  const size_t operands = ir::epilogue_of(call.op) ? ir::first_epilogue_operand : SIZE_MAX;
  for (size_t i = 0; i < call.inputs.size() && i < operands; ++i) {
    const kernel::Operand& operand = call.inputs[i];
    if (operand.present && operand.dtype != DType::f32) return "it computes f32 only";
  }
  return nullptr;
}

}  // namespace tenon::cpu
