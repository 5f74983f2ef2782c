// The header of a .npy array: what NumPy wrote, as far as Tenon reads it.
#pragma once

#include <string>

#include "base/bytes.h"
#include "tenon/tensor.h"

namespace tenon::weights {

struct NpyHeader {
  DType dtype = DType::f32;
  bool fortran_order = false;
  Shape shape;
  uint64_t size = 0;  ///< of the header; the array's bytes follow it
};

/// The most bytes that a header may have.
inline constexpr uint64_t kLongestNpyHeader = uint64_t{64} << 10;

/// Reads the header at the front of `bytes` (the whole file, or its first kLongestNpyHeader bytes);
/// `who` names the array in errors. Pickled, structured and big-endian arrays are unsupported.
NpyHeader parse_npy_header(base::Bytes bytes, const std::string& who);

/// A version 1.0 header of a C-ordered array, padded to 64 bytes. bf16 has no NumPy name:
/// unsupported.
std::string npy_header(DType dtype, const Shape& shape, const std::string& who);

}  // namespace tenon::weights
