// Types of values: dtype, dims and layout; and values that are known while compiling.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "tenon/tensor.h"

namespace tenon::ir {

/// How a tensor's elements lie in memory: an order of axes, and axes cut into blocks. Physical dims
/// are the axes in `order` (a cut axis counts blocks, rounded up), then the blocks in the order of
/// `splits`. Padding lanes are zero.
struct Layout {
  struct Split {
    int axis = 0;
    int block = 1;
    bool operator==(const Split&) const = default;
  };
  std::vector<int> order;     ///< a permutation of the axes; empty means 0, 1, 2, …
  std::vector<Split> splits;  ///< innermost last

  bool plain() const noexcept { return order.empty() && splits.empty(); }
  /// True when it can lay out a tensor of `rank`: the order is a permutation, every block from 1 to
  /// 4096.
  bool fits(size_t rank) const;
  bool operator==(const Layout&) const = default;

  /// "NCHW16c"; axes are letters by rank: NCW, NCHW, NCDHW, otherwise A, B, C… (at most 26); "" for
  /// plain.
  std::string text(size_t rank) const;
  /// Reads text(); an order of 0, 1, 2… comes out empty. Throws bad_file.
  static Layout parse(std::string_view text, size_t rank);
};

/// Physical extents of a tensor with logical `dims` in `layout`.
std::vector<int64_t> physical_dims(std::span<const int64_t> dims, const Layout& layout);

/// What a value is: a tensor, or tensors that the executor holds.
enum class ValueKind : uint8_t {
  tensor,
  sequence,           ///< any number of tensors
  optional,           ///< one, or none
  optional_sequence,  ///< a sequence, or none
  maps,               ///< as many maps as a matrix has rows: their keys, and the matrix
};

/// The type of a tensor, of the tensors in a sequence or optional, or of a matrix of maps' values.
/// `dims` are logical; no dims
/// means unknown rank.
struct ValueType {
  DType dtype = DType::f32;
  std::optional<Dims> dims;
  Layout layout;
  ValueKind kind = ValueKind::tensor;

  ValueType() = default;
  ValueType(DType dtype, Dims dims, Layout layout = {})
      : dtype(dtype), dims(std::move(dims)), layout(std::move(layout)) {}

  /// A tensor whose dims are all constant.
  bool is_static() const;
  bool is_tensor() const { return kind == ValueKind::tensor; }
  /// The same type as another kind of value.
  ValueType as(ValueKind other) const;
  size_t rank() const { return dims ? dims->size() : 0; }
  /// Logical extents of a static type.
  Shape shape() const { return constants(*dims); }
  /// Bytes of a static type in its layout, padding included.
  size_t bytes() const;
  /// "f32[n, 3, 224, 224]{NCHW16c}"; unknown rank is "f32[...]"; "seq(f32[2])", "optional(i64[])",
  /// "optional(seq(i64[]))", "maps(f32[n, 3])".
  std::string text() const;
  bool operator==(const ValueType&) const = default;
};

/// The elements of a small frozen tensor (at most 64), where they are known: integers and bools as
/// dims, floats as doubles. Exactly one of the two is used, by dtype.
struct Known {
  std::vector<Dim> integers;
  std::vector<double> floats;
  static constexpr size_t limit = 64;
};

/// What `infer` sees and answers.
struct Value {
  ValueType type;
  std::optional<Known> known;
};

}  // namespace tenon::ir
