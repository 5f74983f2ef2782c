// Fuzzes the import of ONNX models: a model is refused with an Error, or it is a network whose
// graph holds.
#include "base/error.h"
#include "fuzz_weights.h"
#include "ir/verify.h"
#include "onnx/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tenon::fuzz::run(data, size, [](const auto& source) {
    const tenon::onnx::Model model = tenon::onnx::load(source, {});
    tenon::ir::verify(model.network.graph);
    return model.sources;
  });
  return 0;
}
