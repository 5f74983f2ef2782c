// Initializers that the caller has.
#include "onnx/given.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace tenon::onnx {

namespace wire = weights::wire;

void GivenInitializers::check_names(const wire::Graph& model,
                                    const wire::LiftedNames& lifted) const {
  std::vector<std::string> names;
  const auto add = [&](const wire::Graph& graph) {
    for (const wire::Tensor& each : graph.initializers)
      names.push_back(wire::whole_name(lifted, graph, each.name));
    for (const auto& [name, initializer] : wire::renamed_initializers(graph))
      names.push_back(wire::whole_name(lifted, graph, name));
  };
  add(model);
  for (const auto& [body, unused] : lifted) add(*body);
  std::vector<std::string> problems;
  for (const auto& [name, source] : weights_) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string near = base::nearest(name, names);
    problems.push_back(base::quoted(name) +
                       (near.empty() ? "" : " (the nearest is " + base::quoted(near) + ")"));
  }
  if (!problems.empty())
    base::fail(ErrorCode::build, "weights: the model has no initializer {}; leave it out",
               base::join(problems, ", "));
}

std::optional<weights::TensorSource> GivenInitializers::find(const std::string& name, DType dtype,
                                                             const Shape& shape) const {
  const auto found = weights_.find(name);
  if (found == weights_.end()) return std::nullopt;
  const weights::TensorSource& given = found->second;
  if (given.dtype != dtype || given.shape != shape)
    base::fail(ErrorCode::build, "weights: {} is {}{}, the model's is {}{}", base::quoted(name),
               to_string(given.dtype), to_string(given.shape), to_string(dtype), to_string(shape));
  return given;
}

}  // namespace tenon::onnx
