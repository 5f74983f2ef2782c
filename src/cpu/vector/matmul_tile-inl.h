// Tiles of f32 products in registers, and blocks of them with their epilogue. Included once for
// each vector unit.
#if defined(TENON_MATMUL_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_MATMUL_TILE_INL
#undef TENON_MATMUL_TILE_INL
#else
#define TENON_MATMUL_TILE_INL
#endif

#include "cpu/vector/matmul_call.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
constexpr bool kManyRegisters = HWY_TARGET != HWY_AVX2;

/// Rows of a register tile: with so many vectors of b they fill 16 or 32 registers.
constexpr int64_t most_rows(int64_t vectors) {
  if (kManyRegisters) return vectors == 4 ? 6 : 8;
  return vectors == 3 ? 4 : 6;
}

/// One matrix product, or the part of it that a unit computes.
struct Product {
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_step, b_vector;  // from one k to the next, from one row of b to the next
  float* y;
  int64_t y_row;
  int64_t k;
  bool first, last;  // whether sums start here, and end here
  int64_t lanes;     // of the last vector that are columns
  const float* bias;
  float least, greatest;
  // Where the epilogue is more than bounds, which are then not kept to before it.
  const MatMulCall* whole;
  const std::byte* trailing[ir::most_epilogue_operands];
  TileProgram::Workspace* workspace;
  // What is asked of memory meanwhile, a line for each k: the panel after this, or none.
  const float* ahead;
  int64_t ahead_step;
};

// Operands in this order let a NaN in `value` pass on x86.
HWY_INLINE Vector bounded(float least, float greatest, Vector value) {
  const Tag tag;
  return hn::Min(hn::Set(tag, greatest), hn::Max(hn::Set(tag, least), value));
}

/// Stores the epilogue of dense rows of sums, which are gone then. The result may lie on an
/// operand: what is read there is read before.
void finish(const Product& p, float* sums, int64_t rows, int64_t columns) {
  const Tag tag;
  const MatMulCall& geometry = *p.whole;
  const Epilogue& epilogue = geometry.epilogue;
  if (!epilogue.adds()) {
    TileInput inputs[1 + ir::most_epilogue_operands];
    inputs[0] = {reinterpret_cast<const std::byte*>(sums), columns, 1};
    for (int i = 0; i < geometry.trailing_operands; ++i)
      inputs[1 + i] = {p.trailing[i], geometry.trailing[i].row, geometry.trailing[i].column};
    if (epilogue.opens())
      epilogue.open(sums, sums, rows * columns);
    else
      epilogue.run(*p.workspace, inputs, sums, columns, rows, columns);
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = sums + row * columns;
      float* y = p.y + row * p.y_row;
      int64_t j = 0;
      for (; j + kLanes <= columns; j += kLanes) hn::StoreU(hn::LoadU(tag, from + j), tag, y + j);
      if (j == columns) continue;
      const auto mask = hn::FirstN(tag, static_cast<size_t>(columns - j));
      hn::BlendedStore(hn::MaskedLoad(mask, tag, from + j), mask, tag, y + j);
    }
    return;
  }
  const float* residual = reinterpret_cast<const float*>(p.trailing[0]);
  for (int64_t row = 0; row < rows; ++row) {
    float* y = p.y + row * p.y_row;
    const float* from = sums + row * columns;
    const float* other = residual + row * geometry.trailing[0].row;
    for (int64_t j = 0; j < columns; j += kLanes) {
      const auto mask = hn::FirstN(tag, static_cast<size_t>(HWY_MIN(kLanes, columns - j)));
      const Vector sum =
          hn::Add(hn::MaskedLoad(mask, tag, from + j), hn::MaskedLoad(mask, tag, other + j));
      hn::BlendedStore(bounded(epilogue.least(), epilogue.greatest(), sum), mask, tag, y + j);
    }
  }
}

/// kRows x kVectors vectors of the result; with kMasked the last vector of b has p.lanes columns.
/// A single row adds up four sums, every fourth k each: one alone waits for its own additions.
template <int kRows, int kVectors, bool kMasked>
HWY_NOINLINE void panel_tile(const Product& p) {
  constexpr int kParts = kRows == 1 ? 4 : 1;
  const Tag tag;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(p.lanes));
  Vector sums[kParts * kRows][kVectors];
  HWY_UNROLL(8)
  for (int i = 0; i < kParts * kRows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const float* y = p.y + i * p.y_row + v * kLanes;
      const bool starts = p.first || i >= kRows;
      if (starts)
        sums[i][v] = hn::Zero(tag);
      else
        sums[i][v] = v == kVectors - 1 ? hn::MaskedLoad(mask, tag, y) : hn::LoadU(tag, y);
    }
  }
  const float* a = p.a;
  const float* b = p.b;
  const int64_t a_row = p.a_row, a_column = p.a_column, b_step = p.b_step;
  const float* ahead = p.ahead;
  const auto step = [&](int part) HWY_ATTR {
    Vector columns[kVectors];
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const float* from = b + v * kLanes;
      columns[v] =
          kMasked && v == kVectors - 1 ? hn::MaskedLoad(mask, tag, from) : hn::LoadU(tag, from);
    }
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector factor = hn::Set(tag, a[i * a_row]);
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v)
        sums[part + i][v] = hn::MulAdd(factor, columns[v], sums[part + i][v]);
    }
    a += a_column;
    b += b_step;
    if constexpr (!kMasked && kRows >= 4) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += p.ahead_step;
    }
  };
  int64_t k = 0;
  if constexpr (kParts == 4) {
    for (; k + 4 <= p.k; k += 4) {
      HWY_UNROLL(4)
      for (int part = 0; part < 4; ++part) step(part);
    }
  }
  for (; k < p.k; ++k) step(0);
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) {
    if constexpr (kParts == 4)
      sums[0][v] = hn::Add(hn::Add(sums[0][v], sums[1][v]), hn::Add(sums[2][v], sums[3][v]));
    const bool ends = v == kVectors - 1;
    const float* from = p.bias ? p.bias + v * kLanes : nullptr;
    Vector bias = hn::Zero(tag);
    if (p.last && from) bias = ends ? hn::MaskedLoad(mask, tag, from) : hn::LoadU(tag, from);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector value =
          p.last ? bounded(p.least, p.greatest, hn::Add(sums[i][v], bias)) : sums[i][v];
      float* to = p.y + i * p.y_row + v * kLanes;
      if (ends)
        hn::BlendedStore(value, mask, tag, to);
      else
        hn::StoreU(value, tag, to);
    }
  }
}

using TileFunction = void (*)(const Product&);

template <int kVectors, bool kMasked>
HWY_INLINE TileFunction tile_of(int64_t rows) {
  if constexpr (most_rows(kVectors) == 8) {
    if (rows == 8) return panel_tile<8, kVectors, kMasked>;
    if (rows == 7) return panel_tile<7, kVectors, kMasked>;
  }
  if constexpr (most_rows(kVectors) >= 6) {
    if (rows == 6) return panel_tile<6, kVectors, kMasked>;
    if (rows == 5) return panel_tile<5, kVectors, kMasked>;
  }
  if (rows == 4) return panel_tile<4, kVectors, kMasked>;
  if (rows == 3) return panel_tile<3, kVectors, kMasked>;
  return rows == 2 ? panel_tile<2, kVectors, kMasked> : panel_tile<1, kVectors, kMasked>;
}

template <bool kMasked>
HWY_INLINE TileFunction tile_of(int64_t vectors, int64_t rows) {
  if constexpr (kManyRegisters) {
    if (vectors == 4) return tile_of<4, kMasked>(rows);
  }
  if (vectors == 3) return tile_of<3, kMasked>(rows);
  return vectors == 2 ? tile_of<2, kMasked>(rows) : tile_of<1, kMasked>(rows);
}

/// All rows of some vectors of columns, dealt evenly to tiles: a last tile of one row would wait
/// for its sums. The first tile meets a panel that is on its way; those after it have time to ask
/// for `next`, the panel to come.
void panel_rows(Product p, int64_t rows, int64_t vectors, bool masked, const float* next) {
  constexpr int64_t kLine = 16;
  const int64_t most = most_rows(vectors);
  const int64_t tiles = (rows + most - 1) / most;
  const int64_t lines = vectors * kLanes / kLine * p.k;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t step = (rows + tiles - tile - 1) / (tiles - tile);
    const int64_t asked = (tile - 1) * p.k;
    const bool asks = next && tiles >= 8 && tile > 0 && asked < lines;
    p.ahead = asks ? next + asked * kLine : p.b;
    p.ahead_step = asks ? kLine : 0;
    (masked ? tile_of<true>(vectors, step) : tile_of<false>(vectors, step))(p);
    p.a += step * p.a_row;
    p.y += step * p.y_row;
    rows -= step;
  }
}

constexpr int64_t kBlockRows = 64, kBlockVectors = 4;
constexpr int64_t kPackedStretch = 4096, kPlainStretch = 256;  // of k

/// How b lies: in panels that are as wide as a tile and follow one another, as [k, n], or as [n, k]
/// with so short a k that panels of it are made while it runs.
enum class Form { packed, plain, transposed };

/// Columns [first, first + columns) of `rows` rows; pointers of `p` stand at the first column
/// already.
void panel_block(Product p, int64_t rows, int64_t columns, Form form, const float* next) {
  alignas(64) float sums[kBlockRows * kBlockVectors * kLanes];
  const int64_t stretch = form == Form::packed ? kPackedStretch : kPlainStretch;
  const Product whole = p;
  if (p.whole) {
    p.y = sums;
    p.y_row = columns;
  }
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  const int64_t rest = columns % kLanes;
  const int64_t all = p.k;
  p.lanes = rest == 0 ? kLanes : rest;
  for (int64_t done = 0; done == 0 || done < all; done += stretch) {
    p.k = HWY_MIN(stretch, all - done);
    p.first = done == 0;
    p.last = done + stretch >= all;
    panel_rows(p, rows, vectors, rest != 0 && form == Form::plain, next);
    p.a += stretch * p.a_column;
    p.b += stretch * p.b_step;
  }
  if (p.whole) finish(whole, sums, rows, columns);
}

/// The part of a product that begins at a row and a column of one matrix, whose operands of the
/// epilogue have these offsets. The caller moves a and b.
Product part_of(const Launch& launch, Product p, const int64_t* offsets, int64_t row,
                int64_t column) {
  p.y += row * p.y_row + column;
  p.bias = p.bias ? p.bias + column : nullptr;
  if (!p.whole) return p;
  const MatMulCall& geometry = *p.whole;
  for (int i = 0; i < geometry.trailing_operands; ++i) {
    const MatMulGeometry::Trailing& operand = geometry.trailing[i];
    const int64_t at = offsets[i] + row * operand.row + column * operand.column;
    p.trailing[i] = launch.input<std::byte>(static_cast<size_t>(ir::first_epilogue_operand + i)) +
                    at * operand.bytes;
  }
  return p;
}

/// kRows rows of a by kColumns rows of b, both along k.
template <int kRows, int kColumns>
HWY_NOINLINE void dot_tile(const Product& p) {
  const Tag tag;
  Vector sums[kRows][kColumns];
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::Zero(tag);
  }
  const auto accumulate = [&](auto load, int64_t k) HWY_ATTR {
    Vector columns[kColumns];
    HWY_UNROLL(8)
    for (int j = 0; j < kColumns; ++j) columns[j] = load(p.b + j * p.b_vector + k);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector row = load(p.a + i * p.a_row + k);
      HWY_UNROLL(8)
      for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::MulAdd(row, columns[j], sums[i][j]);
    }
  };
  int64_t k = 0;
  for (; k + kLanes <= p.k; k += kLanes) {
    accumulate([&](const float* from) HWY_ATTR { return hn::LoadU(tag, from); }, k);
  }
  if (k < p.k) {
    const auto mask = hn::FirstN(tag, static_cast<size_t>(p.k - k));
    accumulate([&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, tag, from); }, k);
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      float value = hn::GetLane(hn::SumOfLanes(tag, sums[i][j])) + (p.bias ? p.bias[j] : 0.0f);
      if (value < p.least) value = p.least;
      if (value > p.greatest) value = p.greatest;
      p.y[i * p.y_row + j] = value;
    }
  }
}

/// kRows rows against `columns` rows of b.
template <int kRows>
void dot_rows(Product p, int64_t columns) {
  constexpr int64_t kColumns = kRows == 1 ? 8 : 4;
  while (columns > 0) {
    const int64_t step = columns >= kColumns ? kColumns : 1;
    if (step == kColumns)
      dot_tile<kRows, kColumns>(p);
    else
      dot_tile<kRows, 1>(p);
    p.b += step * p.b_vector;
    p.y += step;
    p.bias = p.bias ? p.bias + step : nullptr;
    columns -= step;
  }
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS
#endif  // TENON_MATMUL_TILE_INL
