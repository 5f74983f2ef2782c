// Which vector units there are: on the machine, in this build, and left by the environment.
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "cpu/host_backend.h"

namespace tenon::cpu {

namespace {

#if defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";

// What Highway's target of the name may use (hwy/ops/set_macros-inl.h); every CPU with AVX2 and FMA
// has F16C.
[[maybe_unused]] bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes");
}

[[maybe_unused]] bool has_avx3() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#else
constexpr const char* kArchitecture = "unknown";
#endif

std::vector<std::string> found_features() {
  std::vector<std::string> features;
#if defined(TENON_VECTOR_AVX3)
  if (has_avx3()) features.push_back("avx3");
#endif
#if defined(TENON_VECTOR_AVX2)
  if (has_avx2()) features.push_back("avx2");
#endif
  return features;
}

// Keeps the named unit and those below it; "reference" keeps none.
std::vector<std::string> narrowed(std::vector<std::string> features, std::string_view best) {
  if (best == "avx3") return features;
  if (best == "avx2") {
    std::erase(features, "avx3");
    return features;
  }
  if (best == "reference") return {};
  base::fail(ErrorCode::invalid_input,
             "TENON_CPU_FEATURES is {}; it may be reference, avx2 or avx3", base::quoted(best));
}

// Of the first processor: "AuthenticAMD 26 2 AMD EPYC"; a name alone is often a whole family's.
std::string read_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string model;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    for (const std::string_view key : {"vendor_id\t", "cpu family\t", "model\t", "model name\t",
                                       "CPU implementer\t", "CPU variant\t", "CPU part\t"}) {
      const size_t value = line.find(": ");
      if (!line.starts_with(key) || value == std::string::npos) continue;
      model += (model.empty() ? "" : " ") + line.substr(value + 2);
    }
  }
  return model;
}

}  // namespace

kernel::Target host_target(std::string backend, int threads) {
  std::vector<std::string> features = found_features();
  const char* best = std::getenv("TENON_CPU_FEATURES");
  if (best && *best) features = narrowed(std::move(features), best);
  static const std::string model = read_model();
  return {std::move(backend), kArchitecture, std::move(features), threads, model};
}

}  // namespace tenon::cpu
