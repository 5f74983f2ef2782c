// A sliding window with all extents known, under the names of this folder.
#pragma once

#include "kernel/window.h"

namespace tenon::cpu {

using kernel::window_geometry;
using kernel::WindowGeometry;

}  // namespace tenon::cpu
