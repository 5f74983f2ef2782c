// From the readers back: what nobody on the device reads need not be made there.
#include "lower/host_nodes.h"

#include <algorithm>

#include "lower/candidate.h"

namespace tenon::lower {
namespace {

using ir::index;

/// As many elements as a tensor has that carries its values: shapes, not data.
constexpr int64_t most_elements = 64;

bool is_small(const ir::ValueType& type) {
  if (!type.is_tensor() || !type.dims || !ir::all_constant(*type.dims)) return false;
  int64_t elements = 1;
  for (const ir::Dim& dim : *type.dims) {
    if (dim.constant() > most_elements) return false;
    elements *= dim.constant();
  }
  return elements <= most_elements;
}

bool is_small_work(const ir::Graph& graph, const ir::Node& node) {
  const auto small = [&](ir::ValueId id) { return id == ir::absent || is_small(graph.type(id)); };
  const auto whole = [&](ir::ValueId id) {
    const DType dtype = graph.type(id).dtype;
    return is_small(graph.type(id)) && (is_integer(dtype) || dtype == DType::bool_);
  };
  return std::ranges::all_of(node.inputs, small) && std::ranges::all_of(node.outputs, whole);
}

}  // namespace

std::vector<bool> host_nodes(const ir::Graph& graph) {
  const std::vector<ir::Node>& nodes = graph.nodes();
  std::vector<bool> result(nodes.size()), elsewhere(graph.values().size());
  for (const ir::Output& output : graph.outputs()) elsewhere[index(output.value)] = true;
  for (size_t n = nodes.size(); n-- > 0;) {
    const ir::Node& node = nodes[n];
    const bool executors = is_executors(node.op);
    const bool read_elsewhere = std::ranges::any_of(
        node.outputs, [&](ir::ValueId id) { return static_cast<bool>(elsewhere[index(id)]); });
    result[n] = !executors && !read_elsewhere && is_small_work(graph, node);
    if (result[n]) continue;
    // The results of a Bind, and of what renames, are their operands.
    const bool reads_here = executors && !(renames(node.op) && read_elsewhere);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool on_host = reads_here && i < 32 && (node.op.info().host_operands >> i & 1u);
      if (node.inputs[i] != ir::absent && !on_host) elsewhere[index(node.inputs[i])] = true;
    }
  }
  return result;
}

}  // namespace tenon::lower
