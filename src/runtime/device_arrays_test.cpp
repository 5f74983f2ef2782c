// Arrays in the memory of a device: used as they lie, given as they are made, refused elsewhere.
#ifdef TENON_FAR

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"
#include "tenon/arrays.h"

namespace tenon::runtime::testing {
namespace {

using kernel::CopyKind;

constexpr int64_t kSize = 16;

float product(float a, float b, float s) { return kSize * kSize * a * b * s; }

/// On far, and on far with captured steps.
class DeviceArrays : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<FailingBackend> backend =
      std::make_shared<FailingBackend>(make_backend(GetParam(), 1));
  std::unique_ptr<kernel::Queue> queue = backend->queue();

  Engine product_engine() {
    return engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), {},
                     backend);
  }
  Tensor to_device(const Tensor& tensor) {
    const kernel::Buffer memory = backend->allocate(tensor.bytes());
    backend->copy(*queue, memory.get(), tensor.data(), tensor.bytes(), CopyKind::to_device);
    backend->synchronize(*queue);
    return {tensor.dtype(), tensor.shape(), memory, memory.get(), "far"};
  }
  Tensor to_host(const Tensor& tensor) {
    EXPECT_EQ(tensor.device(), "far");
    Tensor host(tensor.dtype(), tensor.shape());
    backend->copy(*queue, host.data(), tensor.data(), tensor.bytes(), CopyKind::from_device);
    backend->synchronize(*queue);
    return host;
  }
  int copies(CopyKind kind) { return backend->copied[static_cast<size_t>(kind)]; }
};

TEST_P(DeviceArrays, are_used_and_given_without_a_copy) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = to_device(full({1, kSize}, 2)), y = to_device(full({1, kSize}, 0));
  const int in = copies(CopyKind::to_device), out = copies(CopyKind::from_device);
  for (int i = 0; i < 4; ++i) {
    context.run({{"x", x}}, {{"y", y}});
    const Outputs outputs = context.run({{"x", x}}, {.device_outputs = true});
    EXPECT_EQ(copies(CopyKind::to_device), in);
    EXPECT_EQ(copies(CopyKind::from_device), out + 2 * i);
    EXPECT_EQ(product_of(to_host(y)), product(2, 1, 1));
    EXPECT_EQ(product_of(to_host(outputs["y"])), product(2, 1, 1));
  }
  EXPECT_EQ(backend->replayed > 0, backend->captures());
}

TEST_P(DeviceArrays, outputs_are_the_next_runs_inputs) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = full({1, kSize}, 1);
  Outputs outputs = context.run({{"x", x}}, {.device_outputs = true});
  for (int i = 0; i < 3; ++i) {
    outputs = context.run({{"x", outputs["y"]}}, {.device_outputs = true});
  }
  EXPECT_EQ(product_of(to_host(outputs["y"])), std::pow(product(1, 1, 1), 4.0F));
  const Outputs last = context.run({{"x", outputs["y"]}});
  EXPECT_EQ(last["y"].device(), "cpu");
  EXPECT_EQ(product_of(last["y"]), std::pow(product(1, 1, 1), 5.0F));
}

TEST_P(DeviceArrays, of_a_submitted_run_are_written_when_it_is_done) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = to_device(full({1, kSize}, 3));
  std::vector<tenon::Run> runs;
  for (int i = 0; i < 10; ++i) runs.push_back(context.submit({{"x", x}}, {.device_outputs = true}));
  for (tenon::Run& run : runs) EXPECT_EQ(product_of(to_host(run.wait()["y"])), product(3, 1, 1));
}

TEST_P(DeviceArrays, on_other_devices_are_refused) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor there(DType::f32, {1, kSize}, nullptr, this, "gpu:7");
  const Tensor x = full({1, kSize}, 1);
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", there}});
            }),
            "input \"x\" lies on \"gpu:7\", and this engine reaches arrays on \"cpu\" and \"far\"; "
            "copy it there first");
  EXPECT_EQ(input_error_of([&] {
              context.submit({{"x", there}}).wait();
            }),
            "input \"x\" lies on \"gpu:7\", and this engine reaches arrays on \"cpu\" and \"far\"; "
            "copy it there first");
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", x}}, {{"y", there}});
            }),
            "out \"y\" lies on \"gpu:7\", and this engine reaches arrays on \"cpu\" and \"far\"; "
            "copy it there first");
  EXPECT_EQ(product_of(context.run({{"x", x}})["y"]), product(1, 1, 1));
}

TEST_P(DeviceArrays, must_be_dense) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = to_device(full({kSize, 2}, 1));
  const TensorView column(x.data(), DType::f32, {1, kSize}, {0, 2}, "far");
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", column}});
            }),
            "input \"x\" f32[1, 16] lies on \"far\", where it must be dense and aligned to its "
            "element; make it contiguous");
}

TEST_P(DeviceArrays, that_are_read_and_written_may_not_overlap) {
  const Engine engine = product_engine();
  const Tensor x = to_device(full({1, kSize}, 1));
  EXPECT_EQ(input_error_of([&] {
              Context(engine).run({{"x", x}}, {{"y", x}});
            }),
            "out \"y\": overlaps input \"x\"");
}

TEST_P(DeviceArrays, of_bools_may_have_any_bytes) {
  const Engine engine = engine_of(plan_file_of(program_of(R"(graph (x: bool[4]) {
                                   %1 = cast(%x) {to = "i32"}
                                 } -> (y = %1))",
                                                          "graph () {\n} -> ()"),
                                               {}),
                                  {}, backend);
  Tensor x(DType::bool_, {4});
  const unsigned char bytes[] = {0, 1, 2, 255};
  std::memcpy(x.data(), bytes, 4);
  const Outputs outputs = Context(engine).run({{"x", to_device(x)}});
  const auto y = outputs["y"].as<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(y.begin(), y.end()), (std::vector<int32_t>{0, 1, 1, 1}));
}

TEST_P(DeviceArrays, are_weights_of_a_refit) {
  Engine engine = product_engine();
  const Tensor a = to_device(full({kSize, kSize}, 2)), s = to_device(full({kSize}, 3));
  Refitter refitter(engine);
  refitter.set("a", a);
  refitter.borrow("s", s);
  EXPECT_EQ(refitter.commit().changed, (std::vector<std::string>{"a", "s"}));
  EXPECT_EQ(run_product(engine, kSize), product(2, 1, 3));
  EXPECT_EQ(engine.read_weight("s").as<float>()[0], 3.0F);
  const Tensor five = full({kSize}, 5);
  backend->copy(*queue, const_cast<void*>(s.data()), five.data(), five.bytes(),
                CopyKind::to_device);
  backend->synchronize(*queue);
  const WeightSet next = refitter.prepare();  // what is borrowed is read again
  EXPECT_EQ(run_product(engine, kSize, next), product(2, 1, 5));
  EXPECT_EQ(run_product(engine, kSize), product(2, 1, 3));
}

TEST_P(DeviceArrays, that_cannot_be_weights_are_all_in_one_report) {
  Engine engine = product_engine();
  const Tensor there(DType::f32, {kSize}, nullptr, this, "gpu:7");
  const Tensor a = to_device(full({kSize, kSize}, 2));
  const TensorView turned(a.data(), DType::f32, {kSize, kSize}, {1, kSize}, "far");
  Refitter refitter(engine);
  refitter.set("s", there);
  refitter.borrow("a", turned);
  const std::vector<std::string> want = {
      "weights: \"a\" lies on \"far\", where it must be dense; make it contiguous",
      "weights: \"s\" lies on \"gpu:7\", and this engine reaches arrays on \"cpu\" and \"far\"; "
      "copy it there first"};
  EXPECT_EQ(problems_of([&] { refitter.commit(); }), want);
  EXPECT_EQ(problems_of([&] { refitter.prepare(); }), want);
  EXPECT_EQ(run_product(engine, kSize), product(1, 1, 1));
}

INSTANTIATE_TEST_SUITE_P(All, DeviceArrays, ::testing::Values("far", "far:banks"),
                         [](const auto& info) {
                           return std::string(info.param == "far" ? "far" : "far_banks");
                         });

TEST(HostArrays, are_all_that_the_host_takes) {
  const Engine engine =
      engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), {},
                make_backend("cpu", 1));
  const Tensor there(DType::f32, {1, kSize}, nullptr, nullptr, "far");
  EXPECT_EQ(input_error_of([&] {
              Context(engine).run({{"x", there}});
            }),
            "input \"x\" lies on \"far\", and this engine reaches arrays on \"cpu\"; copy it there "
            "first");
  const Tensor x = full({1, kSize}, 1);
  EXPECT_EQ(Context(engine).run({{"x", x}}, {.device_outputs = true})["y"].device(), "cpu");
  const Folder folder;
  EXPECT_EQ(code_of([&] {
              write_npz(folder / "x.npz", {{"x", there}});
            }),
            ErrorCode::invalid_input);
}

}  // namespace
}  // namespace tenon::runtime::testing

#endif  // TENON_FAR
