// Sizes of operands.
#include "kernel/kernel.h"

namespace tenon::kernel {

int64_t Operand::elements() const { return element_count(dims); }

size_t Operand::bytes() const {
  return static_cast<size_t>(element_count(ir::physical_dims(dims, layout))) * size_of(dtype);
}

}  // namespace tenon::kernel
