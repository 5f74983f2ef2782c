// Tensors in a sequence.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// A sequence of the operands, all of `dtype`; its extents are theirs where these are equal, else
/// its rank is not known.
struct SequenceConstruct {
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "sequence_construct",
                               .min_inputs = 0,
                               .max_inputs = -1,
                               .has_kernels = false,
                               .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"dtype", &SequenceConstruct::dtype}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// (sequence, position: one i64 or i32): the tensor there; negative positions count from the end.
/// `symbols`, if there are any, name its extents where they are none of the sequence's; "" keeps
/// one.
struct SequenceAt {
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "sequence_at",
                               .min_inputs = 2,
                               .max_inputs = 2,
                               .has_kernels = false,
                               .any_kind = true,
                               .host_operands = 2,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"symbols", &SequenceAt::symbols}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// (sequence, tensor, position: one i64 or i32, or absent): the sequence with the tensor before
/// that position, or at the end.
struct SequenceInsert {
  static constexpr OpInfo info{.name = "sequence_insert",
                               .min_inputs = 2,
                               .max_inputs = 3,
                               .has_kernels = false,
                               .any_kind = true,
                               .host_operands = 4,
                               .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// (sequence, position: one i64 or i32, or absent): the sequence without the tensor there, or
/// without the last.
struct SequenceErase {
  static constexpr OpInfo info{.name = "sequence_erase",
                               .min_inputs = 1,
                               .max_inputs = 2,
                               .has_kernels = false,
                               .any_kind = true,
                               .host_operands = 2,
                               .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// The type of a tensor that is taken from among those of `type`: its extents are `symbols`, where
/// these are not "".
ValueType taken_type(Infer& in, const ValueType& type, const std::vector<std::string>& symbols);

/// The number of tensors, i64[].
struct SequenceLength {
  static constexpr OpInfo info{
      .name = "sequence_length", .has_kernels = false, .any_kind = true, .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// (keys [k], values [n, k]): n maps.
struct RowMaps {
  static constexpr OpInfo info{
      .name = "row_maps", .min_inputs = 2, .max_inputs = 2, .has_kernels = false, .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// The tensors joined along `axis`, which is a new one where `new_axis` says so. `symbols` names
/// its extent, if the rank is known.
struct ConcatFromSequence {
  int64_t axis = 0;
  bool new_axis = false;
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "concat_from_sequence",
                               .has_kernels = false,
                               .any_kind = true,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &ConcatFromSequence::axis},
                      Field{"new_axis", &ConcatFromSequence::new_axis},
                      Field{"symbols", &ConcatFromSequence::symbols}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
