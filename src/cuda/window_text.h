// Device text for sliding windows.
#pragma once

#include "cuda/program.h"
#include "kernel/window.h"

namespace tenon::cuda {

/// Device functions over the window whose numbers stand from `first` on:
///   void window_start(n, Place position, Place* first)     input index of tap 0, by axis
///   Place window_offset(n, Place tap, const Place* first)  flat input index, or -1: outside it
///   Place window_taps(n, Place position)                   taps inside the padded input
/// with `typedef … Place` and `#define RANK`.
std::string window_text(const kernel::WindowGeometry& window, size_t first);
std::vector<int64_t> window_numbers(const kernel::WindowGeometry& window);

}  // namespace tenon::cuda
