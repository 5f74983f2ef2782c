// What kernels are made of: stages, each one device function with its numbers and its grid.
#pragma once

#include <fmt/core.h>

#include <bit>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/compile.h"
#include "cuda/kernels.h"

namespace tenon::cuda {

/// One device function of a kernel. All of them get the operands, the scratch and `numbers`.
struct Stage {
  /// After the prelude and `#define NUMBERS`: types, constants, and KERNEL { … }.
  std::string text;
  std::vector<int64_t> numbers;
  int64_t items = 0;   ///< blocks are as many as take them all, one a thread, in EACH
  int64_t blocks = 0;  ///< or so many, where this is not 0
  unsigned threads = 256;
  size_t shared = 0;  ///< bytes of shared memory that the launch gives
};

/// What a kernel adds to its stages.
struct Needs {
  size_t scratch = 0;
  const char* sentence = nullptr;  ///< of its data error; a literal
};

/// Compiles the stages for the call's target.
kernel::Prepared prepare_stages(const Call& call, std::vector<Stage> stages, Needs needs = {});
/// Enqueues them. Loads their code into the device when it is first run there.
void run_stages(const Launch& launch) noexcept;

/// The name of the element type in device text.
std::string_view type_name(DType dtype);
/// An unsigned integer of the element's size.
std::string_view bits_name(DType dtype);
/// `typedef T name;`
std::string define_type(std::string_view name, std::string_view type);
/// `#define name value`
std::string define(std::string_view name, int64_t value);
/// The integer for indices up to `count`.
inline std::string_view index_type(int64_t count) { return count < INT32_MAX / 2 ? "i32" : "i64"; }

/// A stage of EACH_BY_TEAM over `items` of `length` steps each: `#define TEAM`, and its grid.
Stage team_stage(std::string text, std::vector<int64_t> numbers, int64_t items, int64_t length);

/// The refusal of kernels that know plain layout only.
const char* plain_only(const Call& call);
inline bool has_input(const Call& call, size_t i) {
  return i < call.inputs.size() && call.inputs[i].present;
}

/// A tensor as [outer, extent, inner] around one of its axes, which may count from the end.
struct AroundAxis {
  int64_t outer = 1, extent = 0, inner = 1;

  AroundAxis(std::span<const int64_t> dims, int64_t axis) noexcept;
};

}  // namespace tenon::cuda
