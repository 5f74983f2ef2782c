// Fuzzes the import of ONNX models, beside a file of external data: a model is refused with an
// Error, or it is a network whose graph holds.
#include "base/error.h"
#include "fuzz_folder.h"
#include "fuzz_weights.h"
#include "ir/verify.h"
#include "onnx/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tenon::fuzz::DataFolder folder;
  tenon::fuzz::run(data, size, [](const auto& source) {
    const tenon::onnx::Model model = tenon::onnx::load(source, folder.path());
    tenon::ir::verify(model.network.graph);
    return model.sources;
  });
  return 0;
}
