// What a model's graph says about its names, before any node is imported.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnx/leaf_table.h"
#include "weights/lifted_names.h"

namespace tenon::onnx {

namespace wire = weights::wire;

/// Facts by the name of a tensor, of all graphs of a model.
struct ModelNames {
  std::map<std::string, bool> uses;  ///< of what is used: by a node, or as a graph output only
  /// Nodes and initializers of the model's graph, and all in bodies of such nodes, that no output
  /// of the model depends on.
  std::set<const void*> unneeded;
  wire::LiftedNames lifted;
  LeafFacts leaves;
};

/// Throws bad_file, naming `file`, for a name that is defined twice, never, or after its use.
ModelNames study_names(const wire::Graph& model, const std::string& file);

/// Names that a graph in an attribute reads of those around it, each once, in order of first use.
std::vector<std::string> free_names(const wire::Graph& graph);

}  // namespace tenon::onnx
