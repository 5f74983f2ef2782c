// Views: a node whose result is its operand's memory, or a join or transpose whose operands are
// made in place.
#include "lower/places.h"

#include <algorithm>

#include "ir/ops/concat.h"
#include "ir/ops/repeat.h"
#include "ir/ops/reshape.h"
#include "ir/ops/slice.h"
#include "ir/ops/transpose.h"
#include "lower/candidate.h"

namespace tenon::lower {
namespace {

using ir::index;

/// Whether strides address the elements of `dims` as dense ones do; where there is one index or
/// none, a stride does not matter.
bool is_dense(std::span<const int64_t> dims, std::span<const int64_t> strides) {
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i] == 0) return true;
    if (dims[i] != 1 && strides[i] != stride) return false;
    stride *= dims[i];
  }
  return true;
}

bool is_one(const ir::Dim& dim) { return dim == ir::Dim(1); }

size_t axis_of(const ir::Concat& concat, size_t rank) {
  return static_cast<size_t>(concat.axis < 0 ? concat.axis + static_cast<int64_t>(rank)
                                             : concat.axis);
}

/// Whether a part of `whole` lies densely there: it is cut along one axis, before which all are 1.
bool is_dense_part(const ir::Slice& slice, const ir::Dims& whole) {
  size_t axis = 0;
  while (axis < whole.size() && is_one(whole[axis])) ++axis;
  if (axis < whole.size() && slice.step(axis) != 1) return false;
  for (size_t i = axis + 1; i < whole.size(); ++i) {
    if (!(slice.dims[i] == whole[i]) || slice.step(i) != 1) return false;
  }
  return true;
}

/// Whether a view keeps the last axis as it is.
bool keeps_rows(const ir::Node& view, const ir::Dims& from, const ir::Dims& to) {
  if (from.empty() || to.empty()) return false;
  const size_t last = to.size() - 1;
  if (const auto* slice = view.as<ir::Slice>()) return slice->step(last) == 1;
  if (const auto* transpose = view.as<ir::Transpose>())
    return transpose->permutation.back() == static_cast<int64_t>(last);
  return from.back() == to.back();  // Expand
}

/// Whether both have the same axes but for those of extent 1: strides carry over.
bool only_moves_ones(const ir::Dims& from, const ir::Dims& to) {
  ir::Dims a, b;
  std::ranges::remove_copy_if(from, std::back_inserter(a), is_one);
  std::ranges::remove_copy_if(to, std::back_inserter(b), is_one);
  return a == b;
}

/// A node of a graph's that reads a value.
struct Reader {
  size_t node = 0, operand = 0;
};

class Decider {
 public:
  Decider(Executable& executable, const std::vector<Step>& steps)
      : it_(executable),
        steps_(steps),
        readers_(it_.graph.values().size()),
        fixed_(it_.graph.values().size()),
        is_dense_(it_.graph.values().size(), true),
        has_rows_(it_.graph.values().size(), true),
        is_view_(it_.graph.nodes().size()) {
    it_.views.assign(readers_.size(), {});
    for (size_t n = 0; n < nodes().size(); ++n) {
      for (size_t i = 0; i < nodes()[n].inputs.size(); ++i) {
        if (nodes()[n].inputs[i] != ir::absent)
          readers_[index(nodes()[n].inputs[i])].push_back({n, i});
      }
    }
    fix_outputs();
  }

  void run() {
    for (size_t n = nodes().size(); n-- > 0;) {
      join_in_place(n);
      turn_in_place(n);
    }
    for (size_t n = 0; n < nodes().size(); ++n) view_operand(n);
    find_roots();
    for (const Step& step : steps_) {
      const auto n = static_cast<size_t>(step.node);
      const bool runs = step.kernel ? !is_view_[n] : is_executors(nodes()[n].op);
      if (runs) it_.steps.push_back(step);
    }
  }

 private:
  const std::vector<ir::Node>& nodes() const { return it_.graph.nodes(); }

  /// An output's memory is its own and dense, also under the names that it had before.
  void fix_outputs() {
    for (const ir::Output& output : it_.graph.outputs()) {
      ir::ValueId id = output.value;
      fixed_[index(id)] = true;
      while (it_.graph.value(id).node >= 0) {
        const ir::Node& node = nodes()[static_cast<size_t>(it_.graph.value(id).node)];
        if (!renames(node.op)) break;
        id = node.inputs[0];
        fixed_[index(id)] = true;
      }
    }
  }

  bool is_plain(ir::ValueId id) const {
    const ir::ValueType& type = it_.graph.type(id);
    return type.dims && type.layout.plain();
  }

  /// Of a step among the others; null: the executor's, or the host's.
  const kernel::Kernel* queued_kernel(size_t node) const {
    return steps_[node].is_queued() ? steps_[node].kernel : nullptr;
  }

  /// Whether all that read a value, but for `except`, take it with strides; `has_rows`: its last
  /// axis is dense.
  bool readers_take_strides(ir::ValueId id, bool has_rows, size_t except = SIZE_MAX) const {
    return std::ranges::all_of(readers_[index(id)], [&](const Reader& reader) {
      if (reader.node == except) return true;
      if (nodes()[reader.node].as<ir::Reshape>())
        return renamed_take_strides(reader.node, has_rows);
      const kernel::Kernel* kernel = queued_kernel(reader.node);
      if (!kernel || reader.operand >= 32) return false;
      const uint32_t taken = kernel->strided_inputs | (has_rows ? kernel->rows_inputs : 0);
      return (taken >> reader.operand & 1u) != 0;
    });
  }

  /// The same of those behind a reshape that only adds or drops axes of extent 1.
  bool renamed_take_strides(size_t reshape, bool has_rows) const {
    const ir::Node& node = nodes()[reshape];
    const ir::ValueId to = node.outputs[0];
    if (steps_[reshape].on_host || fixed_[index(to)] || !is_plain(to)) return false;
    const ir::Dims &from = *it_.graph.type(node.inputs[0]).dims, &dims = *it_.graph.type(to).dims;
    return only_moves_ones(from, dims) &&
           readers_take_strides(to, has_rows && keeps_rows(node, from, dims));
  }

  bool has_executors_between(size_t first, size_t last) const {
    for (size_t n = first; n < last; ++n) {
      if (steps_[n].on_host || is_executors(nodes()[n].op)) return true;
    }
    return false;
  }

  /// The operands of a join are made where they are to lie, if each is made by a kernel for that
  /// purpose alone, or for readers who do not mind.
  void join_in_place(size_t n) {
    const ir::Node& node = nodes()[n];
    const auto* concat = node.as<ir::Concat>();
    if (!concat || steps_[n].on_host || !it_.graph.type(node.outputs[0]).dims) return;
    const ir::Dims& dims = *it_.graph.type(node.outputs[0]).dims;
    const size_t axis = axis_of(*concat, dims.size());
    const bool dense = std::all_of(dims.begin(), dims.begin() + static_cast<int64_t>(axis), is_one);
    const bool plain = is_plain(node.outputs[0]);
    if (!plain && !(dense && joins_blocks(node, axis))) return;
    for (const ir::ValueId id : node.inputs) {
      if ((plain && !is_plain(id)) || !may_be_made_in(id, n, dense)) return;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      it_.views[index(node.inputs[i])] = {node.outputs[0], static_cast<int>(n),
                                          static_cast<int>(i)};
      is_dense_[index(node.inputs[i])] = dense;
    }
    is_view_[n] = true;
  }

  /// What a transpose reads is made where it is to lie, by a kernel for that purpose alone. Readers
  /// that take strides may have it as it is.
  void turn_in_place(size_t n) {
    const ir::Node& node = nodes()[n];
    const auto* transpose = node.as<ir::Transpose>();
    if (!transpose || steps_[n].on_host || transpose->permutation.empty()) return;
    const ir::ValueId from = node.inputs[0], to = node.outputs[0];
    const auto last = static_cast<int64_t>(transpose->permutation.size()) - 1;
    if (transpose->permutation.back() != last || !is_plain(from) || !is_plain(to)) return;
    if (!fixed_[index(to)] && readers_take_strides(to, true)) return;
    if (!may_be_made_in(from, n, false)) return;
    it_.views[index(from)] = {to, static_cast<int>(n), 0};
    is_dense_[index(from)] = false;
    is_view_[n] = true;
  }

  /// Whether all parts are whole blocks of the joined axis: they lie behind one another as in plain
  /// layout.
  bool joins_blocks(const ir::Node& join, size_t axis) const {
    const ir::Layout& layout = it_.graph.type(join.outputs[0]).layout;
    if (!layout.order.empty() || layout.splits.size() != 1 ||
        static_cast<size_t>(layout.splits[0].axis) != axis)
      return false;
    return std::ranges::all_of(join.inputs, [&](ir::ValueId id) {
      const ir::ValueType& type = it_.graph.type(id);
      if (!type.dims || type.layout != layout) return false;
      return (*type.dims)[axis].try_constant().value_or(1) % layout.splits[0].block == 0;
    });
  }

  bool may_be_made_in(ir::ValueId id, size_t join, bool dense) const {
    const ir::GraphValue& value = it_.graph.value(id);
    if (value.node < 0 || fixed_[index(id)] || !value.value.type.dims) return false;
    if (it_.views[index(id)].of != ir::absent) return false;
    const auto maker = static_cast<size_t>(value.node);
    const kernel::Kernel* kernel = queued_kernel(maker);
    const bool once = std::ranges::count(nodes()[join].inputs, id) == 1;
    if (!kernel || !once || nodes()[maker].outputs.size() != 1) return false;
    if (has_executors_between(maker, join)) return false;
    if (dense) return true;
    return kernel->strided_output && readers_take_strides(id, has_rows_[index(id)], join);
  }

  void view_operand(size_t n) {
    const ir::Node& node = nodes()[n];
    if (is_view_[n]) return;
    if (renames(node.op)) {
      const ir::ValueId from = node.inputs[0], to = node.outputs[0];
      it_.views[index(to)] = {from, static_cast<int>(n), -1};
      if (is_dense_[index(from)]) return;
      is_dense_[index(to)] = false;
      has_rows_[index(to)] = has_rows_[index(from)] &&
                             keeps_rows(node, *it_.graph.type(from).dims, *it_.graph.type(to).dims);
      return;
    }
    const auto* slice = node.as<ir::Slice>();
    const bool is_view = slice || node.as<ir::Transpose>() || node.as<ir::Expand>();
    if (!is_view || fixed_[index(node.outputs[0])]) return;
    if (it_.views[index(node.outputs[0])].of != ir::absent) return;
    if (!is_plain(node.inputs[0]) || !is_plain(node.outputs[0])) return;
    const ir::Dims& from = *it_.graph.type(node.inputs[0]).dims;
    const bool dense = slice && is_dense_[index(node.inputs[0])] && is_dense_part(*slice, from);
    has_rows_[index(node.outputs[0])] =
        has_rows_[index(node.inputs[0])] &&
        keeps_rows(node, from, *it_.graph.type(node.outputs[0]).dims);
    if (!dense && !readers_take_strides(node.outputs[0], has_rows_[index(node.outputs[0])])) {
      has_rows_[index(node.outputs[0])] = true;
      return;
    }
    is_dense_[index(node.outputs[0])] = dense;
    it_.views[index(node.outputs[0])] = {node.inputs[0], static_cast<int>(n), -1};
    is_view_[n] = true;
  }

  void find_roots() {
    it_.storage.resize(it_.views.size());
    for (size_t i = 0; i < it_.views.size(); ++i) {
      auto id = static_cast<ir::ValueId>(i);
      while (it_.views[index(id)].of != ir::absent) id = it_.views[index(id)].of;
      it_.storage[i] = id;
    }
    std::vector<ir::ValueId> output_at(it_.views.size(), ir::absent);  // by root
    for (const ir::Output& output : it_.graph.outputs()) {
      output_at[index(it_.storage[index(output.value)])] = output.value;
    }
    for (ir::ValueId& root : it_.storage) {
      if (output_at[index(root)] != ir::absent) root = output_at[index(root)];
    }
  }

  Executable& it_;
  const std::vector<Step>& steps_;  // by node
  std::vector<std::vector<Reader>> readers_;
  std::vector<bool> fixed_;     // by value: an output's memory, dense
  std::vector<bool> is_dense_;  // by value: whatever the extents are
  std::vector<bool> has_rows_;  // by value: the last axis is dense
  std::vector<bool> is_view_;   // by node
};

}  // namespace

void decide_places(Executable& executable, std::vector<Step> steps) {
  Decider(executable, steps).run();
}

std::vector<int64_t> Places::strides_of(ir::ValueId id, const Place& place) const {
  return place.strides.empty() ? kernel::dense_strides(extents_(id)) : place.strides;
}

Place Places::within(const ir::Node& view, ir::ValueId id) const {
  Place place = of(id);
  if (renames(view.op) && place.strides.empty()) return place;
  const std::vector<int64_t> strides = strides_of(id, place);
  place.strides.clear();
  if (renames(view.op)) {  // axes of extent 1 come or go
    const std::vector<int64_t> from = extents_(id);
    size_t at = 0;
    for (const int64_t extent : extents_(view.outputs[0])) {
      while (extent != 1 && from[at] == 1) ++at;
      place.strides.push_back(extent == 1 ? 0 : strides[at++]);
    }
    return place;
  }
  if (const auto* transpose = view.as<ir::Transpose>()) {
    for (const int64_t axis : transpose->permutation) {
      place.strides.push_back(strides[static_cast<size_t>(axis)]);
    }
  } else if (view.as<ir::Slice>()) {
    const ir::Op op = op_at_(view);
    const auto& slice = *op.as<ir::Slice>();
    for (size_t i = 0; i < strides.size(); ++i) {
      place.offset += slice.starts[i].constant() * strides[i];
      place.strides.push_back(slice.step(i) * strides[i]);
    }
  } else {  // Expand: what repeats takes no step
    const std::vector<int64_t> from = extents_(id), to = extents_(view.outputs[0]);
    place.strides.assign(to.size() - from.size(), 0);
    for (size_t i = 0; i < from.size(); ++i) place.strides.push_back(from[i] == 1 ? 0 : strides[i]);
  }
  return place;
}

Place Places::before(const ir::Node& transpose) const {
  const ir::ValueId whole = transpose.outputs[0];
  Place place = of(whole);
  const std::vector<int64_t> strides = strides_of(whole, place);
  place.strides.assign(strides.size(), 0);
  const auto& permutation = transpose.as<ir::Transpose>()->permutation;
  for (size_t i = 0; i < strides.size(); ++i)
    place.strides[static_cast<size_t>(permutation[i])] = strides[i];
  return place;
}

Place Places::part_of_concat(const ir::Node& concat, int operand) const {
  const ir::ValueId whole = concat.outputs[0];
  Place place = of(whole);
  place.strides = strides_of(whole, place);
  const size_t axis = axis_of(*concat.as<ir::Concat>(), place.strides.size());
  for (int i = 0; i < operand; ++i) {
    place.offset += extents_(concat.inputs[static_cast<size_t>(i)])[axis] * place.strides[axis];
  }
  return place;
}

Place Places::of(ir::ValueId id) const {
  const ViewOf& view = it_.views[index(id)];
  if (view.of == ir::absent) return {};
  const ir::Node& node = it_.graph.nodes()[static_cast<size_t>(view.node)];
  Place place = view.operand < 0           ? within(node, view.of)
                : node.as<ir::Transpose>() ? before(node)
                                           : part_of_concat(node, view.operand);
  if (!place.strides.empty() && is_dense(extents_(id), place.strides)) place.strides.clear();
  return place;
}

}  // namespace tenon::lower
