// The device text of products on tensor cores: what its parts are for says tensor_cores.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::cuda {

/// Chunks, and how they are copied, read and multiplied: before the loaders.
extern const std::string_view tensor_head_text;
/// `Rows<count>`, a loader of rows that lie `stride` elements apart.
extern const std::string_view tensor_rows_text;
/// `start_products`: the products of a slice by wgmma, for tiles of so many columns.
std::string wide_products_text(int64_t columns, std::string_view dtype);
/// The kernel itself: behind the loaders and `finish_chunk`.
extern const std::string_view tensor_product_text;

}  // namespace tenon::cuda
