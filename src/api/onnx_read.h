// What load_onnx() and open_onnx() share.
#pragma once

#include "onnx/onnx.h"
#include "tenon/onnx.h"

namespace tenon {

onnx::ReadOptions to_read(const OnnxOptions& options);
Network network_of(onnx::Draft draft);

}  // namespace tenon
