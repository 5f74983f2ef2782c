// Runs one kernel on one call, as an executor would: for unit tests and the runner of op cases.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "cpu/kernels.h"
#include "cpu/numeric.h"
#include "cpu/scalar_math.h"
#include "ir/ops.h"
#include "kernel/select.h"

namespace tenon::cpu {

/// What the kernel did.
struct TestResult {
  std::vector<Tensor> outputs;    ///< plain layout
  const char* failure = nullptr;  ///< the sentence of Launch::fail()
};

/// A call with its tensors; an absent input's has no data.
struct TestCall {
  kernel::Call call;
  std::vector<Tensor> inputs;
};

/// How run_kernel() runs.
struct TestRun {
  std::string tactic;
  int threads = 1;
  ir::Layout follow;  ///< of the operands of a kernel that follows
};

/// A tensor of these values, converted to the dtype.
inline Tensor tensor_of(DType dtype, Shape shape, const std::vector<double>& values) {
  Tensor tensor(dtype, std::move(shape));
  base::dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (size_t i = 0; i < values.size(); ++i) {
      T& element = tensor.as<T>()[i];
      if constexpr (is_small_float<T>)
        element = static_cast<T>(static_cast<float>(values[i]));
      else
        element = static_cast<T>(values[i]);
    }
  });
  return tensor;
}

/// The elements as doubles.
inline std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values;
  base::dispatch(tensor.dtype(), [&](auto tag) {
    for (const auto element : tensor.as<typename decltype(tag)::type>()) {
      values.push_back(static_cast<double>(element));
    }
  });
  return values;
}

/// Values in [-1, 1), the same for the same seed on any machine (SplitMix64).
inline Tensor random_tensor(DType dtype, Shape shape, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(element_count(shape)));
  for (double& value : values) {
    uint64_t bits = seed += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    value = std::ldexp(static_cast<double>((bits ^ bits >> 31) >> 12), -51) - 1;
  }
  return tensor_of(dtype, std::move(shape), values);
}

namespace test_call {

using kernel::Backend;
using kernel::Operand;

/// An operand in the backend's memory.
struct Placed {
  Operand operand;
  kernel::Buffer memory;
};

inline std::vector<Operand> infer_outputs(const ir::Op& op, const std::vector<Operand>& inputs,
                                          int outputs) {
  std::vector<ir::Value> values(inputs.size());
  std::vector<const ir::Value*> pointers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ir::Dims dims(inputs[i].dims.begin(), inputs[i].dims.end());
    values[i].type = ir::ValueType(inputs[i].dtype, dims);
    pointers.push_back(inputs[i].present ? &values[i] : nullptr);
  }
  ir::Infer infer(std::string(op.info().name), pointers, outputs);
  std::vector<Operand> inferred;
  for (const ir::Value& value : op.infer(infer)) {
    inferred.push_back({value.type.dtype, value.type.shape(), value.type.layout});
  }
  return inferred;
}

inline Placed allocate(Backend& backend, kernel::Queue& queue, const Operand& operand) {
  const std::vector<std::byte> poison(operand.bytes(), std::byte{0xCD});
  Placed placed{operand, backend.allocate(poison.size())};
  backend.copy(queue, placed.memory.get(), poison.data(), poison.size(),
               kernel::CopyKind::to_device);
  backend.synchronize(queue);
  return placed;
}

/// Runs `kernel` on operands that stand in the layouts that the call says.
inline std::vector<Placed> launch(Backend& backend, kernel::Queue& queue,
                                  const kernel::Kernel& kernel, const kernel::Call& call,
                                  const std::vector<Placed>& inputs, kernel::RunState& state) {
  kernel::Launch launch{.call = &call, .queue = &queue, .state = &state};
  std::vector<Placed> outputs;
  for (size_t i = 0; i < inputs.size(); ++i) launch.buffers[i] = inputs[i].memory.get();
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    outputs.push_back(allocate(backend, queue, call.outputs[i]));
    launch.buffers[inputs.size() + i] = outputs.back().memory.get();
  }
  const kernel::Prepared prepared = kernel::prepare(kernel, call, backend);
  const kernel::Buffer scratch = backend.allocate(prepared.scratch);
  launch.scratch = scratch.get();
  launch.prepared = prepared.state.get();
  backend.submit(queue, kernel, {&launch, 1});
  backend.synchronize(queue);
  return outputs;
}

/// Runs an op of one input by its first kernel.
inline Placed apply(Backend& backend, kernel::Queue& queue, const ir::Op& op, const Placed& input) {
  kernel::RunState state;
  kernel::Call call{.op = op, .inputs = {input.operand}, .target = &backend.target()};
  call.outputs = infer_outputs(op, call.inputs, 1);
  const Kernel& kernel = kernel::first_kernel(backend, std::string(op.info().name), {&call, 1});
  return launch(backend, queue, kernel, call, {input}, state)[0];
}

inline Placed in_layout(Backend& backend, kernel::Queue& queue, const Placed& input,
                        const ir::Layout& layout) {
  if (!input.memory || input.operand.layout == layout) return input;
  return apply(backend, queue, ir::Reorder{layout}, input);
}

/// Replaces weights by what the kernel's pack() makes of them: chains of ops of one input.
inline void pack(Backend& backend, kernel::Queue& queue, const kernel::Kernel& kernel,
                 kernel::Call& call, std::vector<Placed>& inputs) {
  call.plain_inputs = call.inputs;
  if (!kernel.pack) return;
  const ir::Graph graph = kernel.pack(call);
  std::vector<Placed> values(graph.values().size());
  for (const ir::ValueId id : graph.inputs()) {
    values[static_cast<size_t>(id)] = inputs[static_cast<size_t>(std::stoi(graph.value(id).name))];
  }
  for (const ir::Node& node : graph.nodes()) {
    values[static_cast<size_t>(node.outputs[0])] =
        apply(backend, queue, node.op, values[static_cast<size_t>(node.inputs[0])]);
  }
  for (const ir::Output& output : graph.outputs()) {
    const auto which = static_cast<size_t>(std::stoi(output.name));
    inputs[which] = values[static_cast<size_t>(output.value)];
    inputs[which].operand.weight = true;
    call.inputs[which] = inputs[which].operand;
  }
}

inline ir::Layout wish(const std::vector<ir::Layout>& layouts, size_t i) {
  return i < layouts.size() ? layouts[i] : ir::Layout{};
}

/// Brings the operands that are not packed into the layouts that the kernel wishes.
inline void arrange(Backend& backend, kernel::Queue& queue, const kernel::Kernel& kernel,
                    kernel::Call& call, std::vector<Placed>& inputs, const ir::Layout& follow) {
  const kernel::Layouts layouts = kernel.layouts ? kernel.layouts(call) : kernel::Layouts{};
  const size_t rank = call.outputs[0].dims.size();
  const auto wanted = [&](const Operand& operand, const std::vector<ir::Layout>& list, size_t i) {
    if (layouts.follow) return operand.dims.size() == rank ? follow : ir::Layout{};
    return wish(list, i);
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!call.inputs[i].layout.plain()) continue;
    inputs[i] = in_layout(backend, queue, inputs[i], wanted(call.inputs[i], layouts.inputs, i));
    call.inputs[i].layout = inputs[i].operand.layout;
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    if (!call.outputs[i].layout.plain()) continue;  // a Reorder's own
    call.outputs[i].layout = wanted(call.outputs[i], layouts.outputs, i);
  }
}

inline std::vector<Placed> upload(Backend& backend, kernel::Queue& queue, const TestCall& test) {
  std::vector<Placed> inputs;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    Placed placed{test.call.inputs[i], nullptr};
    if (placed.operand.present) {
      placed.memory = backend.allocate(placed.operand.bytes());
      backend.copy(queue, placed.memory.get(), test.inputs[i].data(), placed.operand.bytes(),
                   kernel::CopyKind::to_device);
      backend.synchronize(queue);
    }
    inputs.push_back(placed);
  }
  return inputs;
}

}  // namespace test_call

/// Infers the outputs of `op` on plain inputs. Bit i of `weights`: input i is a weight, so it may
/// be packed.
inline TestCall make_test_call(ir::Op op, std::vector<Tensor> inputs, uint32_t weights = 0,
                               int outputs = 1) {
  TestCall test{{.op = std::move(op)}, std::move(inputs)};
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    const Tensor& tensor = test.inputs[i];
    test.call.inputs.push_back({.dtype = tensor.dtype(),
                                .dims = tensor.shape(),
                                .present = tensor.data() != nullptr,
                                .weight = (weights >> i & 1) != 0});
  }
  test.call.outputs = test_call::infer_outputs(test.call.op, test.call.inputs, outputs);
  return test;
}

/// Runs the kernel's pack, the reorders into and out of the layouts that it wishes, and the kernel,
/// on any backend. Outputs are poisoned before it writes.
inline TestResult run_kernel(kernel::Backend& backend, const kernel::Kernel& kernel,
                             const TestCall& test, const TestRun& run = {}) {
  const auto queue = backend.queue();
  kernel::Call call = test.call;
  call.target = &backend.target();
  call.tactic = run.tactic;
  auto inputs = test_call::upload(backend, *queue, test);
  test_call::pack(backend, *queue, kernel, call, inputs);
  test_call::arrange(backend, *queue, kernel, call, inputs, run.follow);
  kernel::RunState state(run.threads);
  const auto outputs = test_call::launch(backend, *queue, kernel, call, inputs, state);
  TestResult result{{}, state.failure()};
  for (const auto& output : outputs) {
    const auto plain = test_call::in_layout(backend, *queue, output, {});
    result.outputs.emplace_back(plain.operand.dtype, plain.operand.dims);
    backend.copy(*queue, result.outputs.back().data(), plain.memory.get(), plain.operand.bytes(),
                 kernel::CopyKind::from_device);
    backend.synchronize(*queue);  // before the plain one goes
  }
  return result;
}

/// The last kernel of the op's list.
inline TestResult run_reference(kernel::Backend& backend, const TestCall& test,
                                const TestRun& run = {}) {
  return run_kernel(backend, backend.kernels(test.call.op).back(), test, run);
}

}  // namespace tenon::cpu
