// Fuzzes the reader of safetensors headers: only tenon::Error may escape, and every source that it
// makes can be read.
#include "weights/safetensors.h"

#include "fuzz_weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tenon::fuzz::run(data, size, [](const auto& source) {
    return tenon::weights::read_safetensors(source).tensors;
  });
  return 0;
}
