// The header of a .npy array: what NumPy wrote, as far as Tenon reads it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/bytes.h"
#include "tenon/error.h"
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

/// An array of a kind that Tenon does not read, whose bytes may still be left alone.
class UnreadableArray : public Error {
 public:
  UnreadableArray(const std::string& who, std::string kind)
      : Error(ErrorCode::unsupported,
              fmt::format("{}: is {}, which Tenon does not read; convert it", who, kind)),
        kind(std::move(kind)) {}
  std::string kind;  ///< "a structured array", say
};

/// Reads the header at the front of `bytes` (the whole file, or its first kLongestNpyHeader bytes);
/// `who` names the array in errors. Throws UnreadableArray for pickled, structured and big-endian
/// ones, and other dtypes.
NpyHeader parse_npy_header(base::Bytes bytes, const std::string& who);

/// A version 1.0 header of a C-ordered array, padded to 64 bytes. bf16 has no NumPy name:
/// unsupported.
std::string npy_header(DType dtype, const Shape& shape, const std::string& who);

}  // namespace tenon::weights
