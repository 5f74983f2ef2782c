// build(), the front door.
#include "tenon/build.h"

#include "api/network_impl.h"
#include "build/compile.h"
#include "passes/pass.h"

namespace tenon {

Axis Axis::range(int64_t least, int64_t typical, int64_t greatest) {
  Axis axis(least);
  axis.typical = typical;
  axis.greatest = greatest;
  return axis;
}

Engine build(const Network& network, const BuildOptions& options) {
  onnx::Model model = network.impl()->finish();
  return Engine(compiler::compile(std::move(model.network), std::move(model.sources), options));
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const passes::Pass& pass : passes::passes()) names.emplace_back(pass.name);
  return names;
}

}  // namespace tenon
