// What a model's graph says about its names, before any node is imported.
#pragma once

#include <map>
#include <string>

#include "onnx/leaf_table.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {

namespace wire = weights::wire;

/// Facts by the name of a tensor.
struct GraphNames {
  std::map<std::string, int> uses;  ///< by nodes and as graph outputs
  LeafFacts leaves;
};

/// Throws bad_file, naming `file`, for a name that is defined twice, never, or after its use.
GraphNames study_names(const wire::Graph& graph, const std::string& file);

}  // namespace tenon::onnx
