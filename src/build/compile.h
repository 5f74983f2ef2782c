// Compiling: from a network and where its weights are to an engine.
#pragma once

#include "ir/program.h"
#include "runtime/engine_impl.h"
#include "tenon/build.h"
#include "weights/source.h"

// Not tenon::build: that name is the public function.
namespace tenon::compiler {

/// freeze, passes, hoist, lower, refit: the whole of build(). `backend` null: made from the
/// options' device. Progress and cancelling as in BuildOptions.
std::shared_ptr<Engine::Impl> compile(ir::Network network,
                                      std::map<std::string, weights::TensorSource> sources,
                                      const BuildOptions& options,
                                      std::shared_ptr<kernel::Backend> backend = nullptr);

/// The network with BuildOptions::shapes applied, and the ranges of all symbols that remain (axis 0
/// of an input is typically 1, others 128). Throws BuildError naming the input and axis.
ir::Network apply_shapes(ir::Network network,
                         const std::map<std::string, std::vector<Axis>>& shapes,
                         std::map<std::string, plan::SymbolRange>& ranges);

}  // namespace tenon::compiler
