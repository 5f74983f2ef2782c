// Steps of a region that make the same call at whatever extents: layers repeat.
#pragma once

#include "lower/executable.h"

namespace tenon::lower {

/// Fills in Region::calls and ::callers, when views, dims and steps are decided.
void find_equal_calls(Executable& executable);

}  // namespace tenon::lower
