// Sequences and optionals: tensors that the executor holds.
#include <algorithm>

#include "base/convert.h"
#include "base/error.h"
#include "ir/ops.h"
#include "runtime/runner.h"

namespace tenon::runtime {
namespace {

using ir::index;

RunValue holding(std::vector<RunValue> tensors) {
  return {.tensors = std::make_shared<const std::vector<RunValue>>(std::move(tensors))};
}

}  // namespace

void Runner::run_sequence(Frame& frame, const ir::Node& node, RunOutputs* outputs) {
  const auto held = [&]() -> const std::vector<RunValue>& {
    return *frame.tensors[index(node.inputs[0])];
  };
  RunValue result;
  if (node.as<ir::SequenceConstruct>() || node.as<ir::Optional>() || node.as<ir::RowMaps>()) {
    std::vector<RunValue> tensors;
    for (const ir::ValueId id : node.inputs) tensors.push_back(value_of(frame, id));
    result = holding(std::move(tensors));
  } else if (node.as<ir::SequenceAt>()) {
    result = held()[position(frame, node, 1, held().size())];
  } else if (node.as<ir::SequenceInsert>()) {
    std::vector<RunValue> tensors = held();
    const size_t at = node.inputs.size() < 3 || node.inputs[2] == ir::absent
                          ? tensors.size()
                          : position(frame, node, 2, tensors.size(), true);
    tensors.insert(tensors.begin() + static_cast<std::ptrdiff_t>(at),
                   value_of(frame, node.inputs[1]));
    result = holding(std::move(tensors));
  } else if (node.as<ir::SequenceErase>()) {
    std::vector<RunValue> tensors = held();
    if (tensors.empty())
      throw InputError(fmt::format("{}: the sequence is empty", ir::describe(node)));
    const size_t at = node.inputs.size() < 2 || node.inputs[1] == ir::absent
                          ? tensors.size() - 1
                          : position(frame, node, 1, tensors.size());
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(at));
    result = holding(std::move(tensors));
  } else if (node.as<ir::SequenceLength>()) {
    result = scalar(DType::i64, static_cast<int64_t>(held().size()), node);
  } else if (node.as<ir::ConcatFromSequence>()) {
    result = concatenated(frame, node);
  } else if (node.as<ir::OptionalHasElement>()) {
    result = scalar(DType::bool_, held().empty() ? 0 : 1, node);
  } else if (node.as<ir::OptionalGetElement>()) {
    if (held().empty()) {
      throw InputError(fmt::format("{}: the optional holds nothing", ir::describe(node)));
    }
    result = held()[0];
  } else {
    base::fail(ErrorCode::build, "internal: the executor cannot run {}", ir::describe(node));
  }
  give(frame, node, 0, std::move(result), outputs);
}

/// A position among `count`, or `behind` them; negative ones count from the end.
size_t Runner::position(Frame& frame, const ir::Node& node, size_t operand, size_t count,
                        bool behind) {
  const int64_t given = read_scalar(frame, node, operand);
  const auto all = static_cast<int64_t>(count);
  if (given >= -all && given < all + (behind ? 1 : 0))
    return static_cast<size_t>(given < 0 ? given + all : given);
  throw InputError(
      fmt::format("{}: position {} is outside a sequence of {}", ir::describe(node), given, count));
}

RunValue Runner::concatenated(const Frame& frame, const ir::Node& node) {
  const auto& op = *node.as<ir::ConcatFromSequence>();
  const std::vector<RunValue>& parts = *frame.tensors[index(node.inputs[0])];
  if (parts.empty()) {
    throw InputError(fmt::format("{}: an empty sequence has nothing to join", ir::describe(node)));
  }
  kernel::Operand whole = parts[0].type;
  const auto rank = static_cast<int64_t>(whole.dims.size()) + (op.new_axis ? 1 : 0);
  if (op.axis < -rank || op.axis >= rank) {
    throw InputError(
        fmt::format("{}: axis {} is outside rank {}", ir::describe(node), op.axis, rank));
  }
  const auto axis = static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  if (op.new_axis) whole.dims.insert(whole.dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  int64_t extent = 0;
  for (const RunValue& part : parts) {
    std::vector<int64_t> dims = part.type.dims;
    if (op.new_axis && dims.size() + 1 == whole.dims.size()) {
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    }
    const bool fits = dims.size() == whole.dims.size() && part.type.dtype == whole.dtype;
    if (fits) extent += std::exchange(dims[axis], whole.dims[axis]);
    if (!fits || dims != whole.dims) {
      throw InputError(fmt::format("{}: {} cannot be joined to {} along axis {}",
                                   ir::describe(node), part.type.text(), parts[0].type.text(),
                                   axis));
    }
  }
  whole.dims[axis] = extent;
  int64_t outer = 1;
  for (size_t a = 0; a < axis; ++a) outer *= whole.dims[a];
  RunValue result = fresh(std::move(whole), node);
  auto* to = static_cast<std::byte*>(result.data);
  for (int64_t row = 0; row < outer; ++row) {
    for (const RunValue& part : parts) {
      const size_t bytes = part.type.bytes() / static_cast<size_t>(std::max<int64_t>(outer, 1));
      copy(to, static_cast<const std::byte*>(part.data) + static_cast<size_t>(row) * bytes, bytes);
      to += bytes;
    }
  }
  return result;
}

Tensors Runner::held_input(size_t input, const Sequences& sequences) {
  const auto given = sequences.find(rules_.name(input));
  if (graph().type(graph().inputs()[input]).kind != ir::ValueKind::optional_sequence)
    return held_copies(input, given->second);
  std::vector<RunValue> held;
  if (given != sequences.end()) held.push_back({.tensors = held_copies(input, given->second)});
  return std::make_shared<const std::vector<RunValue>>(std::move(held));
}

/// What a caller gives, in blocks of its own: the run's values may outlive the step that reads
/// them.
Tensors Runner::held_copies(size_t input, const std::vector<TensorView>& views) {
  std::vector<RunValue> tensors;
  for (const TensorView& view : views) {
    RunValue value{.type = {.dtype = view.dtype, .dims = view.shape}};
    value.memory = block(view.bytes(), [&] { return rules_.text(input, view); });
    value.data = value.memory.get();
    if (through_->host_memory()) {
      base::make_dense(view, value.data);
    } else {
      const auto dense = std::make_shared<std::vector<std::byte>>(view.bytes());
      base::make_dense(view, dense->data());
      if (!dense->empty())
        through_->copy(*queue_, value.data, dense->data(), dense->size(),
                       kernel::CopyKind::to_device);
      retire(dense);
    }
    tensors.push_back(std::move(value));
  }
  return std::make_shared<const std::vector<RunValue>>(std::move(tensors));
}

/// Outputs that are no tensors; the frame keeps what they are copied from to the next run.
void Runner::give_sequences(RunOutputs& outputs) {
  for (size_t i = 0; i < graph().outputs().size(); ++i) {
    const ir::ValueId id = graph().outputs()[i].value;
    if (graph().type(id).is_tensor()) continue;
    const Tensors* held_by = &frame_.tensors[index(id)];
    if (graph().type(id).kind == ir::ValueKind::optional_sequence) {
      if ((*held_by)->empty()) continue;
      held_by = &(**held_by)[0].tensors;
    }
    outputs.begin_sequence(i);
    for (const RunValue& held : **held_by) {
      Tensor tensor = outputs.add_to_sequence(i, held.type);
      if (tensor.data() && held.type.bytes() > 0)
        host_copies_.push_back({tensor.data(), held.data, held.type.bytes()});
    }
  }
}

}  // namespace tenon::runtime
