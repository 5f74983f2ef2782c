// Fuzzes the reader of ONNX's wire format, beside a file of external data: only tenon::Error may
// escape, and every source that it makes can be read.
#include "fuzz_folder.h"
#include "fuzz_weights.h"
#include "weights/onnx_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const tenon::fuzz::DataFolder folder;
  tenon::fuzz::run(data, size, [](const auto& source) {
    return tenon::weights::wire::read_onnx_weights(source, folder.path()).tensors;
  });
  return 0;
}
