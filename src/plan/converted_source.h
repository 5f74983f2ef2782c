// A tensor's bytes in another dtype, converted as they are read.
#pragma once

#include "weights/source.h"

namespace tenon::plan {

/// The tensor as `dtype`; itself when it has that dtype already. Reads convert again each time and
/// keep nothing.
weights::TensorSource converted(const weights::TensorSource& source, DType dtype);

}  // namespace tenon::plan
