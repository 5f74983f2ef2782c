// Cutting an executable's steps after those that find symbols, and who outlives a region.
#include <algorithm>

#include "ir/ops/bind.h"
#include "lower/equal_calls.h"

namespace tenon::lower {
namespace {

using ir::index;

bool depends_on_symbols(const ir::Op& op) {
  for (const auto& [name, field] : op.table().fields(op.data())) {
    const auto* dims = std::get_if<ir::Dims>(&field);
    if (dims && !ir::all_constant(*dims)) return true;
  }
  return false;
}

/// When a root is written and read, in regions.
struct Life {
  int made = -1;  ///< region; -1: it is given from outside
  int last = -1;
  bool by_executor = false;  ///< the executor makes it
  bool by_body = false;      ///< a body reads it
  size_t first_step = 0, last_step = 0;
};

class Cutter {
 public:
  explicit Cutter(Executable& executable)
      : it_(executable), lives_(it_.graph.values().size()), is_output_(lives_.size()) {}

  void run() {
    cut();
    for (size_t r = 0; r < it_.regions.size(); ++r) follow(static_cast<int>(r));
    for (const ir::Output& output : it_.graph.outputs()) {
      is_output_[index(it_.storage[index(output.value)])] = true;
    }
    for (size_t i = 0; i < lives_.size(); ++i) place(static_cast<ir::ValueId>(i));
    for (Region& region : it_.regions) share_blocks(region);
    find_symbols();
  }

 private:
  void cut() {
    it_.regions.emplace_back();
    for (size_t step = 0; step < it_.steps.size(); ++step) {
      it_.regions.back().last = step + 1;
      if (it_.steps[step].is_queued()) continue;
      it_.regions.back().ends_in_executor = true;
      it_.regions.push_back({.first = step + 1, .last = step + 1});
    }
  }

  void follow(int r) {
    const Region& region = it_.regions[static_cast<size_t>(r)];
    for (size_t step = region.first; step < region.last; ++step) {
      const ir::Node& node = it_.node_of(it_.steps[step]);
      const bool executors = step == region.kernels_end();
      for (const ir::ValueId id : node.outputs) {
        Life& life = use(id, r, step);
        life.by_executor |= executors && life.first_step == step;
      }
      for (const ir::ValueId id : node.inputs) {
        if (id == ir::absent) continue;
        const bool on_host = it_.steps[step].on_host || node.as<ir::Bind>();
        use(id, r, step).by_body |= executors && !on_host;
      }
    }
  }

  Life& use(ir::ValueId id, int region, size_t step) {
    const ir::ValueId root = it_.storage[index(id)];
    Life& life = lives_[index(root)];
    if (life.made < 0 && it_.graph.value(id).origin == ir::Origin::node) {
      life.made = region;
      life.first_step = step;
    }
    life.last = region;
    life.last_step = step;
    return life;
  }

  void place(ir::ValueId root) {
    const Life& life = lives_[index(root)];
    const ir::GraphValue& value = it_.graph.value(root);
    if (life.made < 0 || value.origin != ir::Origin::node || it_.storage[index(root)] != root)
      return;
    Region& region = it_.regions[static_cast<size_t>(life.made)];
    if (is_output_[index(root)]) {
      if (!life.by_executor) region.outputs.push_back(root);
    } else if (life.made == life.last && !life.by_body && !life.by_executor) {
      region.arena.push_back(root);
    } else {
      if (!life.by_executor) region.kept.push_back(root);
      it_.regions[static_cast<size_t>(life.last)].done.push_back(root);
    }
  }

  /// One block for each root, but for a result that its kernel may write over an operand that dies
  /// there.
  void share_blocks(Region& region) {
    std::ranges::sort(region.arena, {},
                      [&](ir::ValueId id) { return lives_[index(id)].first_step; });
    std::vector<int> block_of(lives_.size(), -1);
    for (const ir::ValueId root : region.arena) {
      const Life& life = lives_[index(root)];
      int block = -1;
      if (const ir::ValueId under = dying_operand(root); under != ir::absent) {
        block = block_of[index(under)];
      }
      if (block < 0) {
        block = static_cast<int>(region.intervals.size());
        region.intervals.push_back({0, static_cast<int>(life.first_step), 0});
      }
      region.intervals[static_cast<size_t>(block)].last = static_cast<int>(life.last_step);
      block_of[index(root)] = block;
      region.blocks.push_back(block);
    }
  }

  /// The operand of a root's step on which the root may lie: dense, of equal extents and size of
  /// element, read by nobody later, and by this step under no other name, nor as an operand on
  /// which it may not lie.
  ir::ValueId dying_operand(ir::ValueId root) const {
    const size_t step = lives_[index(root)].first_step;
    const ir::Node& node = it_.node_of(it_.steps[step]);
    const uint32_t allowed = it_.steps[step].kernel->in_place;
    if (allowed == 0 || node.outputs.size() != 1 || node.outputs[0] != root) return ir::absent;
    const ir::ValueType& type = it_.graph.type(root);
    for (size_t i = 0; i < node.inputs.size() && i < 32; ++i) {
      const ir::ValueId id = node.inputs[i];
      if (!(allowed >> i & 1u) || id == ir::absent || it_.views[index(id)].of != ir::absent)
        continue;
      const ir::ValueType& under = it_.graph.type(id);
      const bool alike = under.dims == type.dims && under.layout == type.layout &&
                         byte_count(under.dtype, 1) == byte_count(type.dtype, 1);
      if (alike && lives_[index(id)].last_step == step && is_read_only_as(node, id, allowed))
        return id;
    }
    return ir::absent;
  }

  bool is_read_only_as(const ir::Node& node, ir::ValueId id, uint32_t operands) const {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::ValueId other = node.inputs[i];
      if (other == ir::absent || it_.storage[index(other)] != id) continue;
      if (other != id || !(operands >> i & 1u)) return false;
    }
    return true;
  }

  /// A symbol is known from the region behind its binding step on.
  std::vector<int> births() const {
    std::vector<int> births(it_.symbols->size(), 0);
    for (size_t r = 0; r + 1 < it_.regions.size(); ++r) {
      const ir::Node& node = it_.node_of(it_.steps[it_.regions[r].last - 1]);
      for (const std::string& name : node.op.bound_symbols()) {
        births[index(it_.symbols->number(name))] = static_cast<int>(r) + 1;
      }
    }
    return births;
  }

  std::vector<int> numbers_in(const ir::Dim& dim) const {
    std::vector<std::string> names;
    dim.symbols(names);
    std::vector<int> numbers;
    for (const std::string& name : names) numbers.push_back(it_.symbols->number(name));
    return numbers;
  }

  void find_symbols() {
    std::vector<std::vector<int>> of_dim;
    for (const ir::Dim& dim : it_.dims.dims()) of_dim.push_back(numbers_in(dim));
    for (Region& region : it_.regions) {
      for (size_t step = region.first; step < region.last; ++step) need_dims_of_step(region, step);
      for (const auto* roots : {&region.arena, &region.kept, &region.outputs}) {
        for (const ir::ValueId id : *roots)
          need_dims_of_value(region, id);  // no step may call it so
      }
      sort_out(region.dims);
      sort_out(region.aliases);
      for (const int dim : region.dims) add(region.symbols, of_dim[static_cast<size_t>(dim)]);
    }
    place_constraints();
    for (Region& region : it_.regions) sort_out(region.symbols);
  }

  void need_dims_of_value(Region& region, ir::ValueId id) const {
    if (id == ir::absent || !it_.dims.has_rank(id)) return;
    for (const DimTable::Axis& axis : it_.dims.axes(id)) {
      if (axis.dim >= 0) region.dims.push_back(axis.dim);
    }
  }

  // A binding step's results have extents that only it finds.
  void need_dims_of_step(Region& region, size_t step) {
    const ir::Node& node = it_.node_of(it_.steps[step]);
    const auto need = [&](ir::ValueId id) {
      if (id == ir::absent) return;
      if (it_.storage[index(id)] != id) region.aliases.push_back(id);
      need_place_of(region, id);
      need_dims_of_value(region, id);
    };
    std::ranges::for_each(node.inputs, need);
    if (step < region.kernels_end()) std::ranges::for_each(node.outputs, need);
    need_symbols_of(region, it_.steps[step].node);
  }

  void need_symbols_of(Region& region, int node) const {
    if (!it_.symbolic_op[static_cast<size_t>(node)]) return;
    const ir::Op& op = it_.graph.nodes()[static_cast<size_t>(node)].op;
    for (const auto& [name, field] : op.table().fields(op.data())) {
      const auto* dims = std::get_if<ir::Dims>(&field);
      if (!dims) continue;
      for (const ir::Dim& dim : *dims) add(region.symbols, numbers_in(dim));
    }
  }

  /// What the place of a value depends on: the extents around each view that leads to its root.
  void need_place_of(Region& region, ir::ValueId id) const {
    for (; it_.views[index(id)].of != ir::absent; id = it_.views[index(id)].of) {
      const int view = it_.views[index(id)].node;
      const ir::Node& node = it_.graph.nodes()[static_cast<size_t>(view)];
      for (const ir::ValueId around : node.inputs) need_dims_of_value(region, around);
      for (const ir::ValueId around : node.outputs) need_dims_of_value(region, around);
      need_symbols_of(region, view);
    }
  }

  // Each where all its symbols are known for the first time.
  void place_constraints() {
    const std::vector<int> births = this->births();
    const auto& constraints = it_.graph.constraints();
    for (size_t i = 0; i < constraints.size(); ++i) {
      std::vector<int> numbers = numbers_in(constraints[i].left);
      add(numbers, numbers_in(constraints[i].right));
      int region = 0;
      for (const int number : numbers) region = std::max(region, births[index(number)]);
      it_.regions[static_cast<size_t>(region)].constraints.push_back(static_cast<int>(i));
      add(it_.regions[static_cast<size_t>(region)].symbols, numbers);
    }
  }

  static void add(std::vector<int>& to, const std::vector<int>& numbers) {
    to.insert(to.end(), numbers.begin(), numbers.end());
  }
  static void sort_out(std::vector<int>& numbers) {
    std::ranges::sort(numbers);
    numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
  }

  Executable& it_;
  std::vector<Life> lives_;      // by root
  std::vector<bool> is_output_;  // by root
};

}  // namespace

void cut_regions(Executable& executable, std::shared_ptr<const Symbols> symbols) {
  executable.symbols = std::move(symbols);
  executable.dims = DimTable(executable.graph);
  for (const ir::Node& node : executable.graph.nodes()) {
    executable.symbolic_op.push_back(depends_on_symbols(node.op));
  }
  Cutter(executable).run();
  find_equal_calls(executable);
}

}  // namespace tenon::lower
