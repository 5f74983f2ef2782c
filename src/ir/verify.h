// The legal graph, as an executable specification.
#pragma once

#include "ir/graph.h"

namespace tenon::ir {

/// Throws BuildError("internal: …") naming the first broken rule: order, arity, single definition,
/// unique names, types equal to what infer() says (dims and dtype; layouts are lowering's),
/// origins, constants' sizes.
void verify(const Graph& graph);

}  // namespace tenon::ir
