// One element a thread.
#include "cuda/kernels/strided_copy.h"

namespace tenon::cuda {

namespace {

constexpr std::string_view kCopy = R"(
KERNEL {
  const Bits* from = (const Bits*)buffers.at[0] + n[1];
  Bits* to = (Bits*)buffers.at[1];
  EACH(Index, i, n[0]) {
    Index o[1];
    walk(n, i, o);
    to[i] = from[o[0]];
  }
})";

}  // namespace

kernel::Prepared prepare_strided_copy(const Call& call, std::span<const int64_t> dims,
                                      kernel::Strides input, int64_t first) {
  const WalkText walk = walk_text("walk", 2, dims, {std::move(input)});
  Stage stage{.text = define_index(walk.reach) +
                      define_type("Bits", bits_name(call.outputs[0].dtype)) + walk.text +
                      std::string(kCopy),
              .numbers = {walk.count, first},
              .items = walk.count};
  stage.numbers.insert(stage.numbers.end(), walk.numbers.begin(), walk.numbers.end());
  return prepare_stages(call, {std::move(stage)});
}

}  // namespace tenon::cuda
