// The backends that unit tests run on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "cpu/cpu.h"

namespace tenon::cpu {

inline std::shared_ptr<kernel::Backend> test_backend(const std::string& name) {
#ifdef TENON_FAR
  if (name == "far") return far_backend(2);
#endif
  return cpu_backend(2);
}

/// A suite that runs on every backend: TEST_P with `backend`.
class OnEveryBackend : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<kernel::Backend> backend = test_backend(GetParam());
};

inline std::string backend_name(const testing::TestParamInfo<std::string>& info) {
  return info.param;
}

inline auto every_backend() {
#ifdef TENON_FAR
  return testing::Values(std::string("cpu"), std::string("far"));
#else
  return testing::Values(std::string("cpu"));
#endif
}

}  // namespace tenon::cpu
