// What leaves of graphs in attributes are called.
#pragma once

#include "weights/onnx_wire.h"

namespace tenon::weights::wire {

/// By body and by the name of an initializer or Constant node in it (or of an Identity node that
/// renames an initializer): its name in the whole model. That is its own where no other is called
/// so, else `node/attribute/name`.
using LiftedNames = std::map<const Graph*, std::map<std::string, std::string>>;
LiftedNames lifted_names(const Graph& model);
/// The name itself for all but these leaves.
const std::string& whole_name(const LiftedNames& lifted, const Graph& graph,
                              const std::string& name);

/// Who reads the leaves of the model, by their names in it.
std::map<std::string, std::vector<base::Consumer>> consumers_of(const Graph& model,
                                                                const LiftedNames& lifted);

}  // namespace tenon::weights::wire
