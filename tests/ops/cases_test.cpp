// Every kernel with every tactic that takes an op case, against the reference kernel; those of a
// GPU against the CPU's.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>

#include "corpus_for_test.h"
#include "cpu/call_for_test.h"
#include "kernel/poison_backend_for_test.h"
#include "lower/call.h"
#include "runtime/backends.h"

namespace tenon::cases {
namespace {

std::shared_ptr<kernel::Backend> make_test_backend() {
  const char* device = std::getenv("TENON_TEST_DEVICE");
  return std::make_shared<kernel::PoisonBackend>(
      runtime::make_backend(device && *device ? device : "cpu", 2));
}

/// Whose reference kernels define the ops: the CPU's, with what its memory held before poisoned.
std::shared_ptr<kernel::Backend> oracle_of(const std::shared_ptr<kernel::Backend>& backend) {
  if (backend->target().backend != "cuda") return backend;
  static const auto oracle =
      std::make_shared<kernel::PoisonBackend>(runtime::make_backend("cpu", 2));
  return oracle;
}

double default_tolerance(DType dtype) {
  switch (dtype) {
    case DType::f64: return 1e-12;
    case DType::f32: return 1e-5;
    case DType::f16: return 2e-3;
    case DType::bf16: return 2e-2;
    default: return 0;
  }
}

/// DESIGN section 10: max|got - want| <= tol * max(1, max|want|); what is not finite is equal.
void expect_close(const Tensor& got, const Tensor& want, std::optional<double> tolerance) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  if (is_integer(want.dtype()) || want.dtype() == DType::bool_) {
    EXPECT_TRUE(want.bytes() == 0 || std::memcmp(got.data(), want.data(), want.bytes()) == 0);
    return;
  }
  const std::vector<double> g = cpu::values_of(got), w = cpu::values_of(want);
  double greatest = 1;
  for (const double value : w)
    if (std::isfinite(value)) greatest = std::max(greatest, std::abs(value));
  const double allowed = tolerance.value_or(default_tolerance(want.dtype())) * greatest;
  for (size_t i = 0; i < w.size(); ++i) {
    if (g[i] == w[i] || (std::isnan(g[i]) && std::isnan(w[i]))) continue;
    ASSERT_LE(std::abs(g[i] - w[i]), allowed) << g[i] << " for " << w[i] << ", element " << i;
  }
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  EXPECT_TRUE(a.bytes() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0)
      << "bits depend on the thread count";
}

/// What a kernel that follows may be given: plain, and blocked or moved channels.
std::vector<ir::Layout> layouts_to_follow(size_t rank) {
  std::vector<ir::Layout> layouts = {{}};
  if (rank < 2) return layouts;
  for (const int block : {8, 16}) layouts.push_back({.splits = {{1, block}}});
  if (rank == 4) layouts.push_back(ir::Layout::parse("NHWC", rank));
  return layouts;
}

/// The call with all operands of its output's rank in the layout.
kernel::Call laid_out(kernel::Call call, const ir::Layout& layout) {
  const size_t rank = call.outputs[0].dims.size();
  for (kernel::Operand& operand : call.inputs)
    if (operand.present && operand.dims.size() == rank) operand.layout = layout;
  for (kernel::Operand& operand : call.outputs)
    if (operand.dims.size() == rank) operand.layout = layout;
  return call;
}

/// One way to run a call that its kernel accepts.
struct Candidate {
  const kernel::Kernel& kernel;
  kernel::Tactic tactic;
  ir::Layout follow;
};

std::vector<Candidate> candidates_of(kernel::Backend& backend, kernel::Call call) {
  std::vector<Candidate> found;
  for (const kernel::Kernel& kernel : backend.kernels(call.op)) {
    call.tactic.clear();
    if (kernel::refusal(kernel, call)) continue;
    for (const kernel::Tactic& tactic : kernel::tactics_of(kernel, call, backend)) {
      call.tactic = tactic.name;
      if (kernel::refusal(kernel, call)) continue;
      const bool follows = kernel.layouts && kernel.layouts(call).follow;
      for (const ir::Layout& layout : layouts_to_follow(call.outputs[0].dims.size())) {
        if (!layout.plain() && (!follows || kernel::refusal(kernel, laid_out(call, layout))))
          continue;
        found.push_back({kernel, tactic, layout});
      }
    }
  }
  return found;
}

/// A case's graph, evaluated node by node.
class Evaluation {
 public:
  Evaluation(const Case& test, Form form, std::shared_ptr<kernel::Backend> backend)
      : model_(import_case(test, form)),
        graph_(model_.network.graph),
        backend_(std::move(backend)),
        oracle_(oracle_of(backend_)),
        tensors_(graph_.values().size()),
        weights_(graph_.values().size()) {
    for (const auto& operand : test.operands) {
      for (const ir::ValueId id : graph_.inputs())
        if (operand && graph_.value(id).name == operand->name) tensor(id) = operand->tensor;
    }
    for (const ir::ValueId id : graph_.leaves()) read_leaf(id);
  }

  const std::vector<ir::Node>& nodes() const { return graph_.nodes(); }
  /// True when no extent waits for a run.
  bool is_static() const {
    return std::ranges::none_of(graph_.nodes(),
                                [](const ir::Node& node) { return node.op.info().binds; });
  }

  /// The node's call; operands that need no input are weights.
  cpu::TestCall call_of(const ir::Node& node) {
    cpu::TestCall test{lower::call_at(graph_, node, bindings_, backend_->target()), {}};
    bool all_weights = true;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::ValueId id = node.inputs[i];
      test.inputs.push_back(id == ir::absent ? Tensor() : tensor(id));
      if (id == ir::absent) continue;
      test.call.inputs[i].weight = weights_[static_cast<size_t>(id)];
      all_weights = all_weights && test.call.inputs[i].weight;
    }
    for (const ir::ValueId id : node.outputs) weights_[static_cast<size_t>(id)] = all_weights;
    return test;
  }

  /// Takes the reference's outputs over as the node's.
  void settle(const ir::Node& node, const cpu::TestResult& result) {
    for (size_t i = 0; i < node.outputs.size(); ++i) tensor(node.outputs[i]) = result.outputs[i];
    const std::vector<std::string> symbols = node.op.bound_symbols();
    for (size_t i = 0; i < symbols.size(); ++i)
      bindings_[symbols[i]] = static_cast<int64_t>(cpu::values_of(result.outputs[0])[i]);
  }

  /// Whether some of it is control flow or sequences, which no kernel runs: Python's tests see to
  /// the whole.
  bool needs_executor() const {
    return std::ranges::any_of(graph_.nodes(),
                               [](const ir::Node& node) { return !node.op.info().has_kernels; });
  }

  /// Checks every candidate for the node; its outputs are then the reference's.
  void check(const ir::Node& node, std::optional<double> tolerance) {
    const cpu::TestCall test = call_of(node);
    const cpu::TestResult want = cpu::run_reference(*oracle_, test);
    for (const Candidate& candidate : candidates_of(*backend_, test.call)) {
      SCOPED_TRACE(std::string(candidate.kernel.name) + " " + candidate.tactic.name + " {" +
                   candidate.follow.text(test.call.outputs[0].dims.size()) + "}");
      const auto run = [&](int threads) {
        return cpu::run_kernel(*backend_, candidate.kernel, test,
                               {candidate.tactic.name, threads, candidate.follow});
      };
      const cpu::TestResult one = run(1), two = run(2);
      ASSERT_STREQ(one.failure, want.failure);
      ASSERT_STREQ(two.failure, want.failure);
      if (want.failure) continue;
      for (size_t i = 0; i < want.outputs.size(); ++i) {
        expect_close(one.outputs[i], want.outputs[i], tolerance);
        expect_same_bits(one.outputs[i], two.outputs[i]);
      }
    }
    settle(node, want);
  }

 private:
  Tensor& tensor(ir::ValueId id) { return tensors_[static_cast<size_t>(id)]; }

  void read_leaf(ir::ValueId id) {
    const ir::GraphValue& leaf = graph_.value(id);
    Tensor made(leaf.value.type.dtype, leaf.value.type.shape());
    if (leaf.bytes && !leaf.bytes->empty()) {
      std::memcpy(made.data(), leaf.bytes->data(), leaf.bytes->size());
    } else if (!leaf.bytes) {
      weights::read_elements(model_.sources.at(leaf.name), 0, element_count(made.shape()),
                             made.dtype(), made.data());
    }
    tensor(id) = made;
    weights_[static_cast<size_t>(id)] = true;
  }

  onnx::Model model_;
  const ir::Graph& graph_;
  std::shared_ptr<kernel::Backend> backend_, oracle_;
  std::vector<Tensor> tensors_;  // by value
  std::vector<bool> weights_;    // by value: no input reaches it
  lower::Bindings bindings_;     // of the nodes so far
};

constexpr std::pair<Form, std::string_view> forms[] = {
    {Form::inputs, " (inputs): "}, {Form::weights, " (weights): "}, {Form::run, " (run): "}};

class Cases : public testing::TestWithParam<std::string> {};

TEST_P(Cases, give_the_same_answers_by_every_kernel_and_tactic) {
  const auto backend = make_test_backend();
  const std::vector<Case> cases = read_cases(GetParam());
  EXPECT_GT(cases.size(), 20u);
  for (const Case& test : cases) {
    if (!test.error.empty()) continue;
    for (const auto& [form, name] : forms) {
      if (form == Form::run && test.run.empty()) continue;
      SCOPED_TRACE(test.where + std::string(name) + test.line);
      ASSERT_NO_THROW({
        Evaluation evaluation(test, form, backend);
        if (!evaluation.needs_executor())
          for (const ir::Node& node : evaluation.nodes()) evaluation.check(node, test.tolerance);
      });
    }
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  return info.param.substr(0, info.param.find('.'));
}
INSTANTIATE_TEST_SUITE_P(Files, Cases, testing::ValuesIn(file_names()), test_name);

/// Whether the kernel's name ends in a vector unit that this machine lacks, or was told to.
bool needs_missing_unit(const kernel::Kernel& kernel, const kernel::Target& target) {
  const std::string_view unit = kernel.name.substr(kernel.name.rfind('.') + 1);
  return unit.starts_with("avx") && !target.has(unit);
}

TEST(Corpus, holds_a_case_for_every_kernel_of_its_ops) {
  const auto backend = make_test_backend();
  std::set<std::string> wanted, found;
  for (const std::string& file : file_names()) {
    for (const Case& test : read_cases(file)) {
      if (!test.error.empty()) continue;
      Evaluation evaluation(test, Form::weights, backend);
      if (evaluation.needs_executor()) continue;
      for (const ir::Node& node : evaluation.nodes()) {
        const cpu::TestCall call_test = evaluation.call_of(node);
        const kernel::Call& call = call_test.call;
        if (!evaluation.is_static())
          evaluation.settle(node, cpu::run_reference(*oracle_of(backend), call_test));
        for (const kernel::Kernel& kernel : backend->kernels(call.op))
          if (!needs_missing_unit(kernel, backend->target())) wanted.emplace(kernel.name);
        for (const Candidate& candidate : candidates_of(*backend, call))
          found.emplace(candidate.kernel.name);
      }
    }
  }
  EXPECT_EQ(found, wanted);
  EXPECT_GE(wanted.size(),
            13u);  // the references of all ops but Reorder, which lowering alone adds
}

}  // namespace
}  // namespace tenon::cases
