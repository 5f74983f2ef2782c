// A backend of invented kernels on host memory, with a clock that moves by what each kernel is said
// to cost.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/backend.h"

namespace tenon::lower {

/// Kernels of f32 tensors:
///   reorder     fake.reorder              any layout to any other
///   cast        fake.cast.blocked         rank 4: wishes NCHW4c in and out · fake.cast.plain ·
///   fake.cast.reference
///   pointwise   fake.relu                 one operand: max(a, 0), follows any layout
///               fake.add                  two operands of equal extents, follows; refuses {NHWC}
///   matmul      fake.matmul.packed        a weight at the right: "transposed" packs it so,
///                                         "rows" in rows of four
///               fake.matmul.reference     plain
///   batch_norm  fake.batch_norm           wishes its weight operand 1 in layout A4a
///   transpose   fake.transpose            rank 2, reversed
///   softmax     fake.softmax.small        refuses more than 64 rows (it only copies) ·
///   fake.softmax.reference
class FakeBackend final : public kernel::Backend {
 public:
  FakeBackend() { target_ = {"fake", "test", {"units"}, 1}; }

  std::string_view name() const override { return "fake"; }
  const kernel::Target& target() const override { return target_; }
  bool host_memory() const override { return true; }
  kernel::Buffer allocate(size_t bytes) override;
  std::unique_ptr<kernel::Queue> queue() override { return std::make_unique<kernel::Queue>(); }
  void copy(kernel::Queue&, void* to, const void* from, size_t bytes, kernel::CopyKind) override;
  void submit(kernel::Queue&, const kernel::Kernel& kernel,
              std::span<const kernel::Launch> launches) override;
  kernel::EventPtr record(kernel::Queue&) override { return done_; }
  void wait(kernel::Queue&, const kernel::EventPtr&) override {}
  void keep(kernel::Queue&, std::shared_ptr<const void>) override {}
  void synchronize(kernel::Queue&) override {}
  double time(kernel::Queue&) override { return clock_; }
  kernel::Kernels kernels(const ir::Op& op) const override;

  /// Seconds of a kernel by "name" or "name/tactic"; others cost 100 µs.
  std::map<std::string, double> costs;
  /// Kernels of these names are gone.
  std::vector<std::string> missing;
  int submitted = 0;
  std::map<std::string, int> launches;  ///< by "name/tactic"
  size_t most_allocated = 0;            ///< bytes held at one time

  /// As if the machine were another one.
  void set_model(std::string model) { target_.model = std::move(model); }

 private:
  double cost(const std::string& name, const std::string& tactic) const;

  kernel::Target target_;
  double clock_ = 0;
  size_t allocated_ = 0;
  kernel::EventPtr done_;
  mutable std::map<std::string, std::vector<kernel::Kernel>> kept_;
};

/// Elements of a tensor in `layout`, by logical place in row-major order.
std::vector<float> to_layout(const std::vector<float>& plain, const std::vector<int64_t>& dims,
                             const ir::Layout& layout);

}  // namespace tenon::lower
