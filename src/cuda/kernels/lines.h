// Lines along an axis: each is a thread's or, where it is long, a block's.
#pragma once

#include "cuda/program.h"

namespace tenon::cuda {

/// A stage over the lines of operand 0 along `axis`, which may count from the end. `constants` are
/// defined before; `body` finds x and y at a line's first elements, of type T, in operand and
/// result, `length`, `x_step`, `y_step`, and of its team `lane` and TEAM.
kernel::Prepared prepare_lines(const Call& call, int64_t axis, const std::string& constants,
                               std::string_view body);

}  // namespace tenon::cuda
