// NumPy's .npz: a zip archive of .npy arrays, stored or deflated.
#pragma once

#include "weights/source.h"

namespace tenon::weights {

/// Reads the archive's directory and each array's header. Stored C-ordered arrays are referred to
/// in the file; deflated or Fortran-ordered ones are read into memory. Pickled (object), structured
/// and big-endian arrays are refused by name; zip64 is read; sizes are bounded by what the header
/// of the array says. A name loses its ".npy".
WeightFile read_npz(std::shared_ptr<const base::ByteSource> bytes);

/// A file that is one .npy array, under the same rules.
TensorSource read_npy(std::shared_ptr<const base::ByteSource> bytes);

/// Writes arrays as a stored .npz (f16 as such; bf16 as uint16 with a suffix-free name is refused:
/// unsupported).
void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, TensorView>>& arrays);

}  // namespace tenon::weights
