// A process that has the lean library alone: it runs, refits and saves plans, and builds none.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "NvInferRuntime.h"

namespace {

using namespace nvinfer1;

struct Log final : ILogger {
  std::vector<std::string> errors;
  void log(Severity severity, const char* line) noexcept override {
    if (severity <= Severity::kERROR) errors.emplace_back(line);
  }
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// y [n, 3] of x [n, 2]: what the plan makes of it.
std::vector<float> run(ICudaEngine& engine, std::vector<float> x) {
  std::vector<float> y(3, NAN);
  const std::unique_ptr<IExecutionContext> context(engine.createExecutionContext());
  EXPECT_TRUE(context->setInputShape("x", Dims{2, {1, 2}}));
  EXPECT_EQ(context->getTensorShape("y").d[1], 3);
  EXPECT_TRUE(context->setTensorAddress("x", x.data()));
  EXPECT_TRUE(context->setTensorAddress("y", y.data()));
  EXPECT_TRUE(context->enqueueV3(nullptr));
  return y;
}

TEST(Lean, runs_refits_and_saves_a_plan) {
  Log log;
  const std::unique_ptr<IRuntime> runtime(createInferRuntime(log));
  const std::string plan = bytes_of("tests/fuzz/corpus/plan/small.plan");
  const std::unique_ptr<ICudaEngine> engine(
      runtime->deserializeCudaEngine(plan.data(), plan.size()));
  ASSERT_TRUE(engine && engine->isRefittable());
  const std::vector<float> zero = run(*engine, {0, 0}), before = run(*engine, {1, 0});
  const std::unique_ptr<IRefitter> refitter(createInferRefitter(*engine, log));
  const std::vector<float> weight{10, 20, 30, 0, 0, 0};
  EXPECT_TRUE(refitter->setNamedWeights("fc.weight", {DataType::kFLOAT, weight.data(), 6}));
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_NE(run(*engine, {1, 0}), before);
  EXPECT_EQ(run(*engine, {0, 0}), zero);  // no product is left of the weight
  const std::unique_ptr<IHostMemory> saved(engine->serialize());
  const std::unique_ptr<ICudaEngine> again(
      runtime->deserializeCudaEngine(saved->data(), saved->size()));
  ASSERT_TRUE(again);
  EXPECT_EQ(run(*again, {1, 0}), run(*engine, {1, 0}));
  EXPECT_TRUE(log.errors.empty());
}

TEST(Lean, has_neither_builder_nor_parser) {
  for (const char* name : {"createInferBuilder_INTERNAL", "createNvOnnxParser_INTERNAL"})
    EXPECT_EQ(dlsym(RTLD_DEFAULT, name), nullptr) << name;
  EXPECT_NE(dlsym(RTLD_DEFAULT, "createInferRuntime_INTERNAL"), nullptr);
  const std::string maps = bytes_of("/proc/self/maps");
  EXPECT_NE(maps.find("libtenon_runtime.so"), std::string::npos);
  EXPECT_EQ(maps.find("libtenon.so"), std::string::npos);
}

}  // namespace
