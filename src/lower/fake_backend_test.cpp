// The invented kernels, written for reading.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "ir/ops.h"
#include "lower/fake_backend_for_test.h"

namespace tenon::lower {
namespace {

using kernel::Call;
using kernel::Kernel;
using kernel::Launch;
using kernel::Operand;

/// Where a logical place lies in a layout: digits of each axis, block by block, then the physical
/// row-major offset.
size_t physical_offset(std::vector<int64_t> place, const std::vector<int64_t>& dims,
                       const ir::Layout& layout) {
  std::vector<int64_t> coordinates;
  std::vector<int64_t> inner(layout.splits.size());
  for (size_t s = layout.splits.size(); s-- > 0;) {
    int64_t& axis = place[static_cast<size_t>(layout.splits[s].axis)];
    inner[s] = axis % layout.splits[s].block;
    axis /= layout.splits[s].block;
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    coordinates.push_back(place[layout.order.empty() ? i : static_cast<size_t>(layout.order[i])]);
  }
  coordinates.insert(coordinates.end(), inner.begin(), inner.end());
  const std::vector<int64_t> extents = ir::physical_dims(dims, layout);
  int64_t offset = 0;
  for (size_t i = 0; i < extents.size(); ++i) offset = offset * extents[i] + coordinates[i];
  return static_cast<size_t>(offset);
}

template <class F>
void for_places(const std::vector<int64_t>& dims, F&& f) {
  const int64_t count = element_count(dims);
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int64_t> place(dims.size());
    int64_t rest = i;
    for (size_t axis = dims.size(); axis-- > 0; rest /= dims[axis]) place[axis] = rest % dims[axis];
    f(place);
  }
}

int64_t physical_count(const Operand& operand) {
  return static_cast<int64_t>(operand.bytes() / sizeof(float));
}

void reorder(const Launch& launch) noexcept {
  const Operand& in = launch.call->inputs[0];
  const Operand& out = launch.call->outputs[0];
  std::memset(launch.output<float>(0), 0, out.bytes());
  for_places(in.dims, [&](const std::vector<int64_t>& place) {
    launch.output<float>(0)[physical_offset(place, out.dims, out.layout)] =
        launch.input<float>(0)[physical_offset(place, in.dims, in.layout)];
  });
}

void copy_all(const Launch& launch) noexcept {
  std::memcpy(launch.output<float>(0), launch.input<float>(0), launch.call->outputs[0].bytes());
}

void relu(const Launch& launch) noexcept {
  for (int64_t i = 0; i < physical_count(launch.call->outputs[0]); ++i) {
    launch.output<float>(0)[i] = std::max(launch.input<float>(0)[i], 0.0F);
  }
}

void add(const Launch& launch) noexcept {
  for (int64_t i = 0; i < physical_count(launch.call->outputs[0]); ++i) {
    launch.output<float>(0)[i] = launch.input<float>(0)[i] + launch.input<float>(1)[i];
  }
}

/// `b(k, n)` reads the right operand.
template <class F>
void matmul(const Launch& launch, F&& b) {
  const std::vector<int64_t>& a = launch.call->inputs[0].dims;
  const int64_t columns = launch.call->outputs[0].dims[1];
  for (int64_t m = 0; m < a[0]; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < a[1]; ++k) sum += launch.input<float>(0)[m * a[1] + k] * b(k, n);
      launch.output<float>(0)[m * columns + n] = sum;
    }
  }
}

void matmul_reference(const Launch& launch) noexcept {
  const int64_t columns = launch.call->outputs[0].dims[1];
  matmul(launch, [&](int64_t k, int64_t n) { return launch.input<float>(1)[k * columns + n]; });
}

void matmul_packed(const Launch& launch) noexcept {
  const Call& call = *launch.call;
  const int64_t depth = call.plain_inputs[1].dims[0];
  matmul(launch, [&](int64_t k, int64_t n) {
    if (call.tactic == "transposed") return launch.input<float>(1)[n * depth + k];
    return launch.input<float>(
        1)[physical_offset({k, n}, call.inputs[1].dims, call.inputs[1].layout)];
  });
}

/// y = x * scale, the scale read from layout A4a; other operands are not looked at.
void batch_norm(const Launch& launch) noexcept {
  const Call& call = *launch.call;
  for_places(call.inputs[0].dims, [&](const std::vector<int64_t>& place) {
    const size_t at = physical_offset(place, call.inputs[0].dims, {});
    const size_t channel = physical_offset({place[1]}, call.inputs[1].dims, call.inputs[1].layout);
    launch.output<float>(0)[at] = launch.input<float>(0)[at] * launch.input<float>(1)[channel];
  });
}

void transpose(const Launch& launch) noexcept {
  const std::vector<int64_t>& dims = launch.call->inputs[0].dims;
  for_places(dims, [&](const std::vector<int64_t>& place) {
    launch.output<float>(0)[place[1] * dims[0] + place[0]] =
        launch.input<float>(0)[place[0] * dims[1] + place[1]];
  });
}

const char* plain_only(const Call& call) {
  for (const Operand& operand : call.inputs) {
    if (!operand.layout.plain()) return "an operand is not plain";
  }
  return nullptr;
}

const char* one_operand(const Call& call) {
  return call.inputs.size() == 1 ? nullptr : "it has more than one operand";
}

const char* two_equal_operands(const Call& call) {
  if (call.inputs.size() != 2) return "it has not two operands";
  if (call.inputs[0].dims != call.inputs[1].dims) return "the operands differ in extents";
  if (call.inputs[0].layout == ir::Layout::parse("NHWC", 4)) return "it takes no NHWC";
  return nullptr;
}

const char* rank_4(const Call& call) {
  return call.inputs[0].dims.size() == 4 ? nullptr : "the rank is not 4";
}

const char* weight_at_right(const Call& call) {
  if (!call.inputs[1].weight) return "the right operand is no weight";
  return call.inputs[0].dims.size() == 2 ? nullptr : "the rank is not 2";
}

const char* at_most_64_rows(const Call& call) {
  return call.inputs[0].dims[0] <= 64 ? nullptr : "there are more than 64 rows";
}

kernel::Layouts blocked(const Call&) {
  const ir::Layout layout = ir::Layout::parse("NCHW4c", 4);
  return {{layout}, {layout}};
}

kernel::Layouts follow(const Call&) { return {{}, {}, true}; }

kernel::Layouts blocked_scale(const Call&) { return {{{}, ir::Layout::parse("A4a", 1)}, {}}; }

std::vector<kernel::Tactic> two_tactics(const Call&, kernel::Backend&) {
  return {{"transposed"}, {"rows"}};
}

ir::Graph pack_right(const Call& call) {
  const Operand& right = call.inputs[1];
  ir::GraphBuilder builder;
  const ir::ValueId in =
      builder.input("1", {right.dtype, ir::Dims(right.dims.begin(), right.dims.end())});
  const ir::Layout rows = ir::Layout::parse("AB4b", 2);
  builder.output("1", call.tactic == "transposed" ? builder.add(ir::Transpose{{1, 0}}, {in})
                                                  : builder.add(ir::Reorder{rows}, {in}));
  return builder.finish();
}

const std::map<std::string_view, std::vector<Kernel>>& all_kernels() {
  static const std::map<std::string_view, std::vector<Kernel>> kernels = {
      {"reorder", {{.name = "fake.reorder", .run = reorder}}},
      {"cast",
       {{.name = "fake.cast.blocked", .reject = rank_4, .layouts = blocked, .run = copy_all},
        {.name = "fake.cast.plain", .reject = plain_only, .run = copy_all},
        {.name = "fake.cast.reference", .reject = plain_only, .run = copy_all}}},
      {"pointwise",
       {{.name = "fake.relu", .reject = one_operand, .layouts = follow, .run = relu},
        {.name = "fake.add", .reject = two_equal_operands, .layouts = follow, .run = add}}},
      {"matmul",
       {{.name = "fake.matmul.packed",
         .reject = weight_at_right,
         .tactics = two_tactics,
         .pack = pack_right,
         .prepare =
             [](const Call&, kernel::Backend&) {
               return kernel::Prepared{nullptr, 100};
             },
         .run = matmul_packed},
        {.name = "fake.matmul.reference", .reject = plain_only, .run = matmul_reference}}},
      {"batch_norm", {{.name = "fake.batch_norm", .layouts = blocked_scale, .run = batch_norm}}},
      {"transpose", {{.name = "fake.transpose", .reject = plain_only, .run = transpose}}},
      {"softmax",
       {{.name = "fake.softmax.small", .reject = at_most_64_rows, .run = copy_all},
        {.name = "fake.softmax.reference", .reject = plain_only, .run = copy_all}}},
  };
  return kernels;
}

}  // namespace

kernel::Buffer FakeBackend::allocate(size_t bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* const memory = std::aligned_alloc(64, std::max<size_t>(rounded, 64));
  if (!memory) throw std::bad_alloc();
  allocated_ += bytes;
  most_allocated = std::max(most_allocated, allocated_);
  return {memory, [this, bytes](void* freed) {
            std::free(freed);
            allocated_ -= bytes;
          }};
}

void FakeBackend::copy(kernel::Queue&, void* to, const void* from, size_t bytes, kernel::CopyKind) {
  std::memcpy(to, from, bytes);
}

void FakeBackend::submit(kernel::Queue&, const Kernel& kernel, std::span<const Launch> given) {
  const std::string name(kernel.name);
  for (const Launch& launch : given) {
    ++submitted;
    const std::string tactic = fmt::format("{}/{}", name, launch.call->tactic);
    ++launches[tactic];
    clock_ += cost(name, tactic);
    kernel.run(launch);
  }
}

double FakeBackend::cost(const std::string& name, const std::string& tactic) const {
  for (const std::string& key : {tactic, name}) {
    if (const auto at = costs.find(key); at != costs.end()) return at->second;
  }
  return 1e-4;
}

kernel::Kernels FakeBackend::kernels(const ir::Op& op) const {
  const std::string name(op.info().name);
  if (const auto kept = kept_.find(name); kept != kept_.end()) return kept->second;
  std::vector<Kernel>& list = kept_[name];
  const auto all = all_kernels().find(name);
  if (all == all_kernels().end()) return list;
  for (const Kernel& kernel : all->second) {
    if (std::find(missing.begin(), missing.end(), kernel.name) == missing.end()) {
      list.push_back(kernel);
    }
  }
  return list;
}

std::vector<float> to_layout(const std::vector<float>& plain, const std::vector<int64_t>& dims,
                             const ir::Layout& layout) {
  std::vector<float> result(static_cast<size_t>(element_count(ir::physical_dims(dims, layout))));
  size_t i = 0;
  for_places(dims, [&](const std::vector<int64_t>& place) {
    result[physical_offset(place, dims, layout)] = plain[i++];
  });
  return result;
}

TEST(fake_backend, blocked_places_are_where_the_layout_says) {
  // [1, 5, 1, 2] in blocks of four channels: 2 blocks, 2 columns, 4 lanes; channel 4 column 1 is
  // lane 0 of block 1.
  const ir::Layout layout = ir::Layout::parse("NCHW4c", 4);
  EXPECT_EQ(physical_offset({0, 4, 0, 1}, {1, 5, 1, 2}, layout), 12u);
  EXPECT_EQ(physical_offset({0, 3, 0, 0}, {1, 5, 1, 2}, layout), 3u);
}

}  // namespace tenon::lower
