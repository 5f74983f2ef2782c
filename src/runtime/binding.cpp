// Steps that find symbols: what they read or make is looked at before the next region begins.
#include <algorithm>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/error.h"
#include "ir/ops/bind.h"
#include "lower/call.h"
#include "runtime/runner.h"

namespace tenon::runtime {
namespace {

size_t index(ir::ValueId id) { return static_cast<size_t>(id); }

}  // namespace

void Runner::run_binding_step(Frame& frame, const lower::Step& step, RunOutputs*) {
  const ir::Node& node = frame.executable.node_of(step);
  if (node.as<ir::Bind>()) return bind_elements(node, frame);
  base::fail(ErrorCode::build, "internal: nobody knows how {} finds symbols", ir::describe(node));
}

void Runner::bind_elements(const ir::Node& node, Frame& frame) {
  const ir::ValueId operand = node.inputs[0];
  const auto& symbols = node.as<ir::Bind>()->symbols;
  const auto values = read_elements(frame.buffers[index(operand)],
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
  if (!through_->host_memory()) data = host.data();
  std::vector<int64_t> values;
  base::dispatch(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < type.elements(); ++i) {
      const auto* at = static_cast<const std::byte*>(data) + static_cast<size_t>(i) * sizeof(T);
      values.push_back(static_cast<int64_t>(base::load<T>(at)));
    }
  });
  return values;
}

}  // namespace tenon::runtime
