// The backends that this build has.
#include "runtime/backends.h"

#include "base/error.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "cpu/cpu.h"
#include "cuda/cuda.h"

namespace tenon::runtime {

std::shared_ptr<kernel::Backend> make_backend(const std::string& device, int threads) {
  if (threads < 0) {
    base::fail(ErrorCode::invalid_input, "threads: {} is negative; give 0 for all cores", threads);
  }
  const int wide = threads > 0 ? threads : base::default_threads();
  if (device == "cpu") return cpu::cpu_backend(wide);
#ifdef TENON_FAR
  if (device == "far" || device == "far:banks") {
    return cpu::far_backend(wide, device == "far:banks");
  }
#endif
  try {
    if (const auto number = cuda::device_number(device)) return cuda::cuda_backend(*number);
  } catch (const Error& error) {
    base::fail(error.code(), "device {}: {}", base::quoted(device), error.what());
  }
  base::fail(ErrorCode::unavailable, "device {} is not available in this build; it has: cpu, cuda",
             base::quoted(device));
}

std::vector<std::string> device_names() {
  std::vector<std::string> names = {"cpu"};
#ifdef TENON_FAR
  names.insert(names.end(), {"far", "far:banks"});
#endif
  return names;
}

std::vector<std::string> gpu_names(std::string& missing) { return cuda::device_names(missing); }

}  // namespace tenon::runtime
