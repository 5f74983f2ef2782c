// pointwise -> pointwise  becomes  one pointwise with a longer expression.
#include "passes/formula.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

std::optional<ir::ValueId> fuse(ir::GraphBuilder& out, const ir::Node& node) {
  const auto formula = chain(out, node);
  if (!formula) return std::nullopt;
  return formula->add_to(out, node.name);
}

}  // namespace

ir::Graph fuse_pointwise(const ir::Graph& graph, Door&) { return ir::rewrite(graph, fuse); }

}  // namespace tenon::passes
