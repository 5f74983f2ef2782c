// A GPU that is none: the driver's functions and those of the run-time compiler, over host memory
// and a thread that does what is queued, late and in any order that the streams allow. Device text
// is compiled by the host's compiler, and really run.
//
// It is a library of its own, libcuda.so.1 and libnvrtc.so.13: where LD_LIBRARY_PATH names its
// folder, every program of Tenon finds a device "cuda:0". Tests link it, and ask it:
#pragma once

#include <string>
#include <vector>

#define STAND_IN_API __attribute__((visibility("default")))

namespace stand_in {

/// The names of the driver's functions called since the last call of this.
STAND_IN_API std::vector<std::string> take_calls();
/// The call of that function after `passing` more ones fails with `code`, once.
STAND_IN_API void fail(const std::string& function, int code, int passing = 0);
/// Nothing queued is begun until let_go().
STAND_IN_API void hold();
STAND_IN_API void let_go();
/// Blocks of device and of pinned memory that are not freed.
STAND_IN_API int allocated();
/// Contexts that the calling thread has made current and not given back.
STAND_IN_API int current_contexts();
/// GPUs that it pretends to have, 1 at first, and the version of the driver.
STAND_IN_API void set_devices(int count);

}  // namespace stand_in
