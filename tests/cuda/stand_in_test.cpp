// The CUDA backend on the GPU that is none: what it asks of the driver, in which order, and what
// happens where the driver says no.
#include "stand_in.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "cpu/call_for_test.h"
#include "cuda/compile.h"
#include "cuda/cuda.h"
#include "runtime/backends.h"

namespace tenon::cuda {
namespace {

using kernel::CopyKind;
using Calls = std::vector<std::string>;

constexpr int kOutOfMemory = 2, kIllegalAddress = 700;

class OnStandIn : public testing::Test {
 protected:
  OnStandIn() { stand_in::take_calls(); }
  ~OnStandIn() override { EXPECT_EQ(stand_in::current_contexts(), 0); }

  /// y = a / b of i32, launched once on `queue`.
  void divide(int a, int b, kernel::RunState& state) {
    const std::vector<int> values = {a, b};
    backend->copy(*queue, memory.get(), values.data(), 8, CopyKind::to_device);
    auto* const at = static_cast<int*>(memory.get());
    const kernel::Launch launch{.call = &test.call,
                                .buffers = {at, at + 1, at + 2},
                                .prepared = prepared.state.get(),
                                .queue = queue.get(),
                                .state = &state};
    backend->submit(*queue, division, {&launch, 1});
  }
  void read(int* to) {
    backend->copy(*queue, to, static_cast<int*>(memory.get()) + 2, 4, CopyKind::from_device);
  }

  std::shared_ptr<kernel::Backend> backend = cuda_backend(0);
  std::unique_ptr<kernel::Queue> queue = backend->queue();
  kernel::Buffer memory = backend->allocate(12);
  cpu::TestCall test = [this] {
    auto made = cpu::make_test_call(
        ir::Pointwise{ir::Expression::of(ir::Scalar::div)},
        {cpu::tensor_of(DType::i32, {1}, {0}), cpu::tensor_of(DType::i32, {1}, {0})});
    made.call.target = &backend->target();
    return made;
  }();
  const kernel::Kernel& division = backend->kernels(test.call.op).back();
  kernel::Prepared prepared = kernel::prepare(division, test.call, *backend);
};

TEST_F(OnStandIn, a_run_enqueues_and_waits_for_nothing) {
  kernel::RunState state;
  divide(6, 2, state);  // the code is loaded by the first
  backend->synchronize(*queue);
  stand_in::take_calls();
  stand_in::hold();
  int result = 0;
  divide(6, 2, state);
  read(&result);
  auto owner = std::make_shared<int>(0);
  const std::weak_ptr<int> kept = owner;
  backend->keep(*queue, std::move(owner));
  const kernel::EventPtr event = backend->record(*queue);
  EXPECT_FALSE(event->done());
  EXPECT_FALSE(kept.expired());
  Calls calls = stand_in::take_calls();
  std::erase_if(calls, [](const std::string& name) {
    return name == "cuEventCreate" || name == "cuEventQuery" || name == "cuMemHostAlloc";
  });
  EXPECT_EQ(calls, (Calls{"cuMemcpyHtoDAsync", "cuLaunchKernel", "cuMemcpyDtoHAsync",
                          "cuLaunchHostFunc", "cuEventRecord"}));
  stand_in::let_go();
  event->wait();
  EXPECT_EQ(result, 3);
  backend->synchronize(*queue);
  EXPECT_TRUE(kept.expired());
}

TEST_F(OnStandIn, a_data_error_reaches_its_state_before_the_event) {
  kernel::RunState failing, other;
  divide(1, 0, failing);
  divide(4, 2, other);
  backend->record(*queue)->wait();
  EXPECT_STREQ(failing.failure(), "integer division by zero");
  EXPECT_EQ(other.failure(), nullptr);
}

TEST_F(OnStandIn, a_launch_that_fails_is_an_error_of_its_submit) {
  kernel::RunState state;
  divide(6, 2, state);
  stand_in::fail("cuLaunchKernel", kIllegalAddress);
  try {
    divide(6, 2, state);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    EXPECT_STREQ(error.what(),
                 "the NVIDIA driver: cuLaunchKernel failed: as it was told "
                 "(CUDA_ERROR_OF_THE_STAND_IN)");
  }
  int result = 0;
  divide(8, 2, state);
  read(&result);
  backend->synchronize(*queue);
  EXPECT_EQ(result, 4);
}

TEST_F(OnStandIn, memory_that_nobody_uses_is_given_back_before_an_allocation_fails) {
  constexpr size_t bytes = size_t{1} << 20;
  backend->allocate(bytes);  // free at once, and kept
  stand_in::take_calls();
  stand_in::fail("cuMemAlloc", kOutOfMemory);
  EXPECT_NE(backend->allocate(8 * bytes), nullptr);
  EXPECT_EQ(stand_in::take_calls(), (Calls{"cuMemAlloc", "cuMemFree", "cuMemAlloc"}));
}

TEST_F(OnStandIn, no_memory_is_bad_alloc) {
  constexpr size_t more_than_all = size_t{1} << 40;
  EXPECT_THROW(backend->allocate(more_than_all), std::bad_alloc);
}

TEST_F(OnStandIn, freed_memory_is_used_again_without_the_driver) {
  backend->allocate(5000);
  stand_in::take_calls();
  backend->allocate(5000);
  EXPECT_EQ(stand_in::take_calls(), Calls{});
}

TEST_F(OnStandIn, the_last_backend_gives_all_memory_back) {
  queue.reset();
  memory.reset();
  backend.reset();
  EXPECT_EQ(stand_in::allocated(), 0);
}

TEST_F(OnStandIn, an_error_of_the_last_wait_is_not_lost) {
  stand_in::fail("cuStreamSynchronize", kIllegalAddress);
  EXPECT_THROW(backend->synchronize(*queue), Error);
  EXPECT_NO_THROW(backend->synchronize(*queue));
}

TEST_F(OnStandIn, an_owner_may_call_the_driver_when_it_ends) {
  // The driver's own thread must not; a queue's end waits.
  auto owner = std::shared_ptr<kernel::Queue>(backend->queue());
  backend->keep(*queue, std::move(owner));
  backend->record(*queue)->wait();
  backend->synchronize(*queue);
}

TEST_F(OnStandIn, large_copies_arrive_whole) {
  for (const size_t count : {size_t{300'000}, size_t{700'001}, size_t{3'000'000}}) {
    std::vector<int> values(count), back(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<int>(i);
    const auto block = backend->allocate(count * 4);
    backend->copy(*queue, block.get(), values.data(), count * 4, CopyKind::to_device);
    backend->copy(*queue, back.data(), block.get(), count * 4, CopyKind::from_device);
    backend->synchronize(*queue);
    EXPECT_EQ(back, values) << count;
  }
}

TEST_F(OnStandIn, staging_is_bounded) {
  constexpr size_t bytes = size_t{1} << 20;
  const std::vector<char> values(bytes, 1);
  const auto block = backend->allocate(bytes);
  const int before = stand_in::allocated();
  for (int i = 0; i < 100; ++i)
    backend->copy(*queue, block.get(), values.data(), bytes, CopyKind::to_device);
  EXPECT_LE(stand_in::allocated() - before, 16);
}

std::string message_of(const std::string& device) {
  try {
    runtime::make_backend(device, 0);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(Devices, are_named_by_number) {
  EXPECT_EQ(message_of("cuda"), "none");
  EXPECT_EQ(message_of("cuda:0"), "none");
  EXPECT_EQ(message_of("cuda:7"),
            "device \"cuda:7\": GPU 7 is not on this machine, which has cuda:0 to cuda:0");
  EXPECT_EQ(message_of("cuda:x"), "device \"cuda:x\": a GPU is named as cuda or cuda:1");
  stand_in::set_devices(2);
  EXPECT_EQ(message_of("cuda:1"), "none");
  std::string missing;
  EXPECT_EQ(device_names(missing), (std::vector<std::string>{"cuda:0", "cuda:1"}));
  stand_in::set_devices(1);
}

TEST(Code, is_compiled_once_and_kept_in_files) {
  const auto folder = std::filesystem::temp_directory_path() / "tenon_cuda_code_test";
  std::filesystem::remove_all(folder);
  ::setenv("TENON_CACHE_DIR", folder.c_str(), 1);
  const std::string text = "#define NUMBERS 1\nKERNEL {}\n";
  const auto compiled = [&](const std::string& architecture) {
    stand_in::take_calls();
    const Binary& first = compile(text, architecture);
    EXPECT_EQ(&first, &compile(text, architecture));
    return std::ranges::count(stand_in::take_calls(), "nvrtcCompileProgram");
  };
  EXPECT_EQ(compiled("sm_90"), 1);
  EXPECT_EQ(compiled("sm_90"), 0);
  EXPECT_EQ(compiled("sm_80"), 1);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "cuda"), {}), 2);
  std::filesystem::remove_all(folder);
}

TEST(Code, that_is_wrong_is_told_with_what_the_compiler_says) {
  try {
    compile("#define NUMBERS 1\nKERNEL { no such thing; }\n", "sm_90");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::build);
    EXPECT_NE(std::string(error.what()).find("no"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenon::cuda
