// run(inputs, out) allocates nothing once the shapes have been seen. Sanitizers bring an operator
// new of their own.
#include <gtest/gtest.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)

#include <cstdlib>
#include <new>

#include "runtime/engine_for_test.h"

namespace {

thread_local bool counting = false;
thread_local int allocations = 0;

void* counted(std::size_t bytes) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace tenon::runtime::testing {
namespace {

TEST(Allocation, a_run_into_given_outputs_allocates_nothing_once_its_shapes_are_known) {
  if (test_device() != "cpu") GTEST_SKIP() << "far copies each launch";
  const Engine engine = engine_of(plan_file_of(product_program(16), product_weights(16, 1, 2, 3)));
  Context context(engine);
  const Tensor x = full({1, 16}, 1);
  const Tensor y(DType::f32, {1, 16});
  const std::map<std::string, TensorView> inputs = {{"x", x}}, outputs = {{"y", y}};
  context.run(inputs, outputs);
  counting = true;
  context.run(inputs, outputs);
  counting = false;
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(y.as<float>()[0], 16.0F * 16 * 1 * 2 * 3);
}

}  // namespace
}  // namespace tenon::runtime::testing

#endif
