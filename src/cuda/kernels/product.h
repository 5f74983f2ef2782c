// What matrix products and convolutions share: the tile of a result, and what is done to it last.
#pragma once

#include "cuda/program.h"
#include "ir/scalar.h"

namespace tenon::cuda {

/// Rows and columns of the result that a block makes, and its threads.
inline constexpr int64_t product_tile = 64;
inline constexpr unsigned product_threads = 256;

/// How a product is cut: tiles of the result that cannot fill a GPU are made of several sums over
/// parts of the depth, which a second stage adds up in order. By shape alone.
struct ProductCut {
  int64_t tiles_m = 0, tiles_n = 0, tiles = 0;
  int64_t depth = 0;  ///< of one part
  int64_t parts = 1;
  size_t scratch = 0;

  /// Of `matrices` results [m, n], each a sum over `depth`.
  ProductCut(int64_t matrices, int64_t m, int64_t n, int64_t depth);
};

/// The device text of a product.
struct ProductText {
  std::string types;         ///< what a KERNEL of either stage needs: T, BIAS, INPUTS, FINISH, …
  std::string tile;          ///< KERNEL of a tile; it ends in STORE(index, channel, sum)
  std::string_view channel;  ///< of the bias, of element i of the result
  const char* sentence = nullptr;
};

/// Prepares the tiles and, where they are parts, what adds them up. n[0] counts the elements of the
/// result, n[10] is the depth of a part and n[11] the number of parts.
kernel::Prepared prepare_product(const Call& call, const ProductText& text,
                                 std::vector<int64_t> numbers, const ProductCut& cut);

/// Device text of `void product_tile(A, B, begin, end, f32 (&sums)[4][4])`: sums over k, rising, of
/// load_a(row, k) * load_b(k, column), functors that give 0 outside. Thread t holds the rows
/// t / 16 * 4 + 0…3 and the columns t % 16 * 4 + 0…3 of the block's tile. `A_BY_ROWS` and
/// `B_BY_ROWS` say which of the two indices runs fastest in memory.
extern const std::string_view product_text;

/// What is done to each element last: `#define FINISH(sum, index)` stores it, through the epilogue.
/// `T`, `Index` and `INPUTS` stand before it.
struct Finish {
  std::string text;
  std::vector<int64_t> numbers;  ///< from the one on that it was made for
  int64_t reach = 0;             ///< of its Index
  const char* sentence = nullptr;
};

Finish make_finish(const Call& call, const ir::Expression& epilogue, size_t first_number);

}  // namespace tenon::cuda
