// Fuzzes the reader of ONNX's wire format: only tenon::Error may escape, and every source that it
// makes can be read.
#include "fuzz_weights.h"
#include "weights/onnx_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tenon::fuzz::run(data, size, [](const auto& source) {
    return tenon::weights::wire::read_onnx_weights(source, {}).tensors;
  });
  return 0;
}
