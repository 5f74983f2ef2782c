// Programs that keep their tensors in CUDA's memory, on a machine without it.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "door.h"

namespace door {
namespace {

TEST(HostCuda, carries_a_program_from_allocation_to_answer) {
  Bench bench;
  const LeNet net;
  const auto engine = bench.engine(net, {});
  ASSERT_TRUE(engine);
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  const std::vector<float> input = numbers(144, 9);
  std::vector<float> output(10, NAN);
  float *device_input = nullptr, *device_output = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  ASSERT_EQ(cudaMalloc(&device_input, 144 * sizeof(float)), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&device_output, 10 * sizeof(float)), cudaSuccess);
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&begin), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&end), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(device_input, input.data(), 144 * sizeof(float), cudaMemcpyHostToDevice,
                            stream),
            cudaSuccess);
  EXPECT_TRUE(context->setTensorAddress("input", device_input));
  EXPECT_TRUE(context->setTensorAddress("prob", device_output));
  EXPECT_EQ(cudaEventRecord(begin, stream), cudaSuccess);
  EXPECT_TRUE(context->enqueueV3(stream));
  EXPECT_EQ(cudaEventRecord(end, stream), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(output.data(), device_output, 10 * sizeof(float),
                            cudaMemcpyDeviceToHost, stream),
            cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaSuccess);
  EXPECT_GE(milliseconds, 0);
  EXPECT_EQ(output, run(*engine, input, 10));
  EXPECT_EQ(cudaEventDestroy(begin), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(end), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaFree(device_input), cudaSuccess);
  EXPECT_EQ(cudaFree(device_output), cudaSuccess);
}

TEST(HostCuda, tells_what_does_not_fit) {
  char* memory = nullptr;
  std::vector<char> host(64);
  ASSERT_EQ(cudaMalloc(&memory, 32), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(memory, host.data(), 33, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(memory + 16, host.data(), 17, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(memory + 16, host.data(), 16, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(memory, host.data(), 8, static_cast<cudaMemcpyKind>(9)),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaFree(memory + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(memory)),
            cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue");
}

TEST(HostCuda, has_one_device_without_capability) {
  int count = 0;
  cudaDeviceProp properties{};
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_STREQ(properties.name, "Tenon host");
  EXPECT_EQ(properties.major, 0);
  size_t available = 0, total = 0;
  EXPECT_EQ(cudaMemGetInfo(&available, &total), cudaSuccess);
  EXPECT_LE(available, total);
}

}  // namespace
}  // namespace door
