// What the CPU's backends promise beside what every backend does (tests/devices).
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "cpu/backend_for_test.h"
#include "cpu/call_for_test.h"

namespace tenon::cpu {

namespace {

TEST(CpuBackend, features_are_narrowed_by_the_environment) {
  ::setenv("TENON_CPU_FEATURES", "reference", 1);
  EXPECT_TRUE(cpu_backend(1)->target().features.empty());
  EXPECT_EQ(cpu_backend(1)->target().key(), "cpu/x86_64/reference");
  ::setenv("TENON_CPU_FEATURES", "avx2", 1);
  EXPECT_FALSE(cpu_backend(1)->target().has("avx3"));
  ::setenv("TENON_CPU_FEATURES", "sse9", 1);
  EXPECT_THROW(cpu_backend(1), Error);
  ::unsetenv("TENON_CPU_FEATURES");
}

TEST(CpuBackend, its_target_names_the_model_as_the_system_does) {
  std::ifstream file("/proc/cpuinfo");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name = text.find("model name\t: ");
  if (name == std::string::npos) GTEST_SKIP() << "the system names none";
  const size_t value = name + std::strlen("model name\t: ");
  const std::string model = cpu_backend(1)->target().model;
  EXPECT_TRUE(model.ends_with(text.substr(value, text.find('\n', value) - value))) << model;
}

TEST(Selection, names_all_refusals_when_no_kernel_accepts) {
  const auto backend = cpu_backend(1);
  auto test = make_test_call(ir::Cumulate{}, {tensor_of(DType::f32, {1, 2}, {1, 2})});
  test.call.target = &backend->target();
  test.call.inputs[0].layout = ir::Layout::parse("BA", 2);
  try {
    kernel::first_kernel(*backend, "cumulate", {&test.call, 1});
    FAIL() << "a kernel accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "cumulate: no kernel of the cpu backend takes it (cpu.cumulate.reference: the "
                 "reference takes plain layout only)");
  }
}

#ifdef TENON_FAR
TEST(FarBackend, its_memory_cannot_be_read_from_here) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const auto backend = far_backend(1);
  const auto memory = backend->allocate(64);
  EXPECT_DEATH(
      {
        volatile char value = *static_cast<volatile char*>(memory.get());
        static_cast<void>(value);
      },
      "");
}
#endif

}  // namespace

}  // namespace tenon::cpu
