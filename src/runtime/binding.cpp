// The executor's own steps: what they read or make is looked at before the next region begins.
#include <algorithm>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/error.h"
#include "ir/ops.h"
#include "lower/call.h"
#include "runtime/runner.h"
#include "runtime/timed_backend.h"

namespace tenon::runtime {
using ir::index;
namespace {

std::vector<int64_t> integers_at(const void* host, const kernel::Operand& type) {
  std::vector<int64_t> values;
  base::dispatch(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < type.elements(); ++i) {
      const auto* at = static_cast<const std::byte*>(host) + static_cast<size_t>(i) * sizeof(T);
      values.push_back(static_cast<int64_t>(base::load<T>(at)));
    }
  });
  return values;
}

}  // namespace

void Runner::run_executors_step(Frame& frame, const lower::Step& step, RunOutputs* outputs) {
  if (step.on_host) return run_on_host(frame, step, outputs != nullptr);
  const ir::Node& node = frame.executable.node_of(step);
  if (node.as<ir::Bind>()) return bind_elements(node, frame);
  if (!step.bodies.empty()) return run_bodies(frame, step, outputs);
  if (run_strings(frame, node, outputs)) return;
  run_sequence(frame, node, outputs);
}

void Runner::run_bodies(Frame& frame, const lower::Step& step, RunOutputs* outputs) {
  const bool timed = timed_ && outputs;
  const double start = timed ? timed_->time(*queue_) : 0;
  if (frame.executable.node_of(step).as<ir::If>())
    run_if(frame, step, outputs);
  else
    run_loop(frame, step, outputs);
  if (timed) timed_->add(timed_->time(*queue_) - start);
}

void Runner::bind_elements(const ir::Node& node, Frame& frame) {
  const ir::ValueId operand = node.inputs[0];
  const auto& symbols = node.as<ir::Bind>()->symbols;
  const auto values = integers_at(bring_to_host(frame, {&operand, 1})[0],
                                  lower::operand_of(frame.executable, operand, symbols_));
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (values[i] < 0 || values[i] > INT32_MAX) {
      throw InputError(fmt::format("{}: element {} is {}, outside 0 to {}", ir::describe(node), i,
                                   values[i], INT32_MAX));
    }
    bind(symbols[i], values[i], node, frame.executable);
  }
}

// A symbol that is found twice must be the same.
void Runner::bind(const std::string& symbol, int64_t value, const ir::Node& node,
                  const lower::Executable& executable) {
  int64_t& known = symbols_[static_cast<size_t>(executable.symbols->number(symbol))];
  if (known != lower::unknown && known != value) {
    const auto finds = [&](const ir::Node& other) {
      return std::ranges::count(other.op.bound_symbols(), symbol) > 0;
    };
    const auto first = std::ranges::find_if(executable.graph.nodes(), finds);
    throw InputError(fmt::format("{}: finds {} for \"{}\", where {} found {}", ir::describe(node),
                                 value, symbol, ir::describe(*first), known));
  }
  known = value;
}

std::vector<int64_t> Runner::read_elements(const void* data, const kernel::Operand& type) {
  const size_t bytes = type.bytes();
  std::vector<std::byte> host(bytes);
  if (!through_->host_memory() && bytes > 0) {
    through_->copy(*queue_, host.data(), data, bytes, kernel::CopyKind::from_device);
  }
  wait();
  return integers_at(through_->host_memory() ? data : host.data(), type);
}

int64_t Runner::read_scalar(Frame& frame, const ir::Node& node, size_t operand) {
  const RunValue value = value_of(frame, node.inputs[operand]);
  if (value.type.elements() == 1) {
    return integers_at(bring_to_host(frame, {&node.inputs[operand], 1})[0], value.type)[0];
  }
  throw InputError(fmt::format("{}: operand {} is {} here, and must have one element",
                               ir::describe(node), operand, value.type.text()));
}

RunValue Runner::value_of(const Frame& frame, ir::ValueId id) const {
  if (id == ir::absent) return {};
  if (!frame.executable.graph.type(id).is_tensor()) {
    return {.tensors = frame.tensors[index(id)]};
  }
  const auto found = frame.types.find(id);
  return {.memory = frame.blocks[index(frame.executable.storage[index(id)])],
          .data = frame.buffers[index(id)],
          .type = found != frame.types.end() ? found->second
                                             : lower::operand_of(frame.executable, id, symbols_)};
}

/// The value is the node's output from now on: in its own block, or copied where the caller gave
/// memory for it.
void Runner::give(Frame& frame, const ir::Node& node, size_t output, RunValue value,
                  RunOutputs* outputs) {
  const ir::ValueId id = node.outputs[output];
  const ir::ValueType& type = frame.executable.graph.type(id);
  if (!type.is_tensor()) {
    frame.tensors[index(id)] = std::move(value.tensors);
    return;
  }
  std::vector<int> binds;
  for (const std::string& name : node.op.bound_symbols()) {
    binds.push_back(frame.executable.symbols->number(name));
  }
  check_type(node, type, value, binds);
  if (!type.dims) frame.types.insert_or_assign(id, value.type);
  const ir::ValueId root = frame.executable.storage[index(id)];
  const size_t wanted = outputs ? frame.output_of_root[index(root)] : SIZE_MAX;
  void*& buffer = frame.buffers[index(root)];
  if (wanted != SIZE_MAX) {
    place_output(wanted, value.type, *outputs);
    copy(buffer, value.data, value.type.bytes());
  } else {
    if (!value.memory) {
      RunValue own = fresh(value.type, node);
      copy(own.data, value.data, value.type.bytes());
      value = std::move(own);
    }
    buffer = value.data;
    frame.blocks[index(root)] = std::move(value.memory);
  }
  frame.buffers[index(id)] = buffer;
}

/// Extents that are symbols of `binds` are what the value has; all others must be equal, for what
/// reads the value takes its memory to be as large as that.
void Runner::check_type(const ir::Node& node, const ir::ValueType& type, const RunValue& value,
                        std::span<const int> binds) {
  if (!type.is_tensor()) return;
  const lower::Symbols& symbols = *frame_.executable.symbols;
  const auto require = [&](bool fits) {
    if (fits) return;
    throw InputError(fmt::format("{}: {} is made where {} was expected", ir::describe(node),
                                 value.type.text(), type.text()));
  };
  require(type.dtype == value.type.dtype);
  if (!type.dims) return;
  require(type.rank() == value.type.dims.size());
  for (size_t axis = 0; axis < type.rank(); ++axis) {
    const ir::Dim& dim = (*type.dims)[axis];
    const int64_t extent = value.type.dims[axis];
    const auto name = dim.as_symbol();
    const int symbol = name ? symbols.number(*name) : -1;
    if (symbol >= 0 && std::ranges::count(binds, symbol) > 0) {
      symbols_[static_cast<size_t>(symbol)] = extent;
    } else {
      require(lower::extent_at(dim, symbols.bindings(symbols_)) == extent);
    }
  }
}

RunValue Runner::fresh(kernel::Operand type, const ir::Node& node) {
  const auto what = [&] { return fmt::format("{} of {}", type.text(), ir::describe(node)); };
  kernel::Buffer memory = block(type.bytes(), what);
  void* const data = memory.get();
  return {std::move(memory), data, std::move(type), nullptr};
}

/// In the backend's memory; the host's copy lives to the end of the run.
RunValue Runner::scalar(DType dtype, int64_t value, const ir::Node& node) {
  RunValue made = fresh({.dtype = dtype}, node);
  scalars_.push_back(value);  // little-endian: its first bytes are the number in any integer type
  through_->copy(*queue_, made.data, &scalars_.back(), made.type.bytes(),
                 kernel::CopyKind::to_device);
  return made;
}

}  // namespace tenon::runtime
