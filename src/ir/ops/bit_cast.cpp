// Types of the same bytes.
#include "ir/ops/bit_cast.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> BitCast::infer(Infer& in) const {
  in.refuse_strings(dtype);
  if (byte_count(in.dtype(0), 1) != byte_count(dtype, 1))
    in.fail(fmt::format("an element of {} has not the bits of one of {}", to_string(in.dtype(0)),
                        to_string(dtype)));
  return {{ValueType(dtype, in.dims(0)), {}}};
}

}  // namespace tenon::ir
