// Steps of a region that make the same call at whatever extents: layers repeat.
#include "lower/equal_calls.h"

#include <unordered_map>

#include "lower/candidate.h"

namespace tenon::lower {
namespace {

using ir::index;

/// Numbers for texts, equal ones for equal texts.
class Numbers {
 public:
  int operator()(std::string text) {
    return numbers_.emplace(std::move(text), static_cast<int>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<std::string, int> numbers_;
};

/// Bytes that tell parts of a call from others.
class Key {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void add(const T& part) {
    text_.append(reinterpret_cast<const char*>(&part), sizeof part);
  }
  void add(const std::string& text) {
    add(text.size());
    text_ += text;
  }
  void add(std::span<const DimTable::Axis> axes) {
    add(axes.size());
    for (const DimTable::Axis& axis : axes) {
      add(axis.extent);
      add(axis.dim);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Finder {
 public:
  explicit Finder(Executable& executable)
      : it_(executable), operands_(it_.views.size(), -1), strides_(it_.views.size(), -1) {}

  void run(Region& region) {
    std::unordered_map<std::string, int> numbers;
    for (size_t step = region.first; step < region.kernels_end(); ++step) {
      const auto [at, is_new] = numbers.emplace(call(step), static_cast<int>(numbers.size()));
      if (is_new) region.callers.push_back(step);
      region.calls.push_back(at->second);
    }
  }

 private:
  std::string call(size_t index) {
    const Step& step = it_.steps[index];
    const ir::Node& node = it_.node_of(step);
    Key key;
    key.add(step.kernel);
    key.add(step.tactic);
    key.add(op(node.op));
    key.add(node.inputs.size());
    for (const ir::ValueId id : node.inputs) key.add(id == ir::absent ? -1 : operand(id));
    for (const ir::ValueId id : node.outputs) key.add(operand(id));
    return key.take();
  }

  int op(const ir::Op& op) {
    std::vector<std::pair<ir::Op, int>>& alike = ops_[op.hash()];
    for (const auto& [other, number] : alike) {
      if (other == op) return number;
    }
    alike.emplace_back(op, ++last_op_);
    return last_op_;
  }

  int operand(ir::ValueId id) {
    int& number = operands_[index(id)];
    if (number >= 0) return number;
    const ir::GraphValue& value = it_.graph.value(id);
    const ir::ValueType& type = it_.graph.type(id);
    Key key;
    key.add(type.dtype);
    key.add(type.layout.text(type.rank()));
    key.add(it_.dims.has_rank(id));
    key.add(it_.dims.axes(id));
    key.add(value.origin == ir::Origin::slot);
    key.add(value.plain ? value.plain->type.text() : std::string());
    key.add(strides(id));
    return number = numbers_(key.take());
  }

  /// What the strides of a value follow from: the views between it and its root, and the extents
  /// there.
  int strides(ir::ValueId id) {
    const ViewOf& view = it_.views[index(id)];
    if (view.of == ir::absent) return -1;
    const ir::Op& by = it_.graph.nodes()[static_cast<size_t>(view.node)].op;
    if (renames(by) && strides(view.of) < 0) return -1;  // dense
    int& number = strides_[index(id)];
    if (number >= 0) return number;
    Key key;
    key.add(op(by));
    key.add(view.operand < 0);
    key.add(it_.dims.axes(view.of));
    key.add(strides(view.of));
    return number = numbers_(key.take());
  }

  Executable& it_;
  Numbers numbers_;
  std::unordered_map<uint64_t, std::vector<std::pair<ir::Op, int>>> ops_;  // by hash
  int last_op_ = -1;
  std::vector<int> operands_, strides_;  // by value
};

}  // namespace

void find_equal_calls(Executable& executable) {
  Finder finder(executable);
  for (Region& region : executable.regions) finder.run(region);
}

}  // namespace tenon::lower
