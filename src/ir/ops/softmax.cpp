// Types of softmax.
#include "ir/ops/softmax.h"

namespace tenon::ir {

std::vector<Value> Softmax::infer(Infer& in) const {
  in.require_floating(0);
  const Dims& x = in.dims(0);
  in.axis(axis, x.size());
  return {{ValueType(in.dtype(0), x), {}}};
}

}  // namespace tenon::ir
