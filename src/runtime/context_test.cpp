// What a context takes and gives: bools of any bytes, outputs without memory; how many a pool
// keeps.
#include <thread>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

using Bytes = std::vector<uint8_t>;

TensorView bools(const Bytes& bytes) {
  return {bytes.data(), DType::bool_, {static_cast<int64_t>(bytes.size())}};
}

Bytes bytes_of(const Tensor& tensor) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.data());
  return {bytes, bytes + tensor.bytes()};
}

/// y = x xor w and z = x, over four bools.
plan::PlanFile xor_file() {
  plan::PlanFile file;
  file.plan.program = program_of(
      R"(graph (x: bool[4]) {
           %1 = pointwise(%x, @"0": bool[4]) {logical_xor(a, b)}
         } -> (y = %1, z = %x))",
      R"(graph () {
         } -> ("0" = "w": bool[4]))");
  return file;
}

const Bytes kX = {0, 1, 2, 255}, kW = {0, 2, 0, 128};
const Bytes kXor = {0, 0, 1, 0};

void expect_xor(const Engine& engine) {
  const Outputs outputs = Context(engine).run({{"x", bools(kX)}});
  EXPECT_EQ(bytes_of(outputs["y"]), kXor);
  EXPECT_EQ(bytes_of(outputs["z"]), (Bytes{0, 1, 1, 1}));
  EXPECT_EQ(bytes_of(engine.read_weight("w")), (Bytes{0, 1, 0, 1}));
}

TEST(Bools, any_byte_but_0_is_true_in_inputs_and_in_weights_that_are_given) {
  for (const bool borrow : {false, true}) {
    Engine engine = engine_of(xor_file());
    Refitter refit(engine);
    if (borrow) {
      refit.borrow("w", bools(kW));
    } else {
      refit.set("w", bools(kW));
    }
    refit.commit();
    expect_xor(engine);
  }
}

TEST(Bools, any_byte_but_0_is_true_in_sources_and_after_saving) {
  const Folder folder;
  plan::PlanFile file = xor_file();
  const auto memory = std::as_bytes(std::span(kW));
  file.sources["w"] = {DType::bool_, {4}, base::memory_source(memory, nullptr), 0};
  const Engine engine = engine_of(file);
  expect_xor(engine);
  engine.save(folder / "bools.plan");
  expect_xor(Engine::load(folder / "bools.plan", {.device = test_device()}));
}

TEST(Bools, any_byte_but_0_is_true_in_strided_inputs) {
  const Bytes backwards(kX.rbegin(), kX.rend());
  Engine engine = engine_of(xor_file());
  engine.refit(std::map<std::string, TensorView>{{"w", bools(kW)}});
  const TensorView view(backwards.data() + 3, DType::bool_, {4}, {-1});
  EXPECT_EQ(bytes_of(Context(engine).run({{"x", view}})["y"]), kXor);
}

TEST(Outputs, a_name_that_is_not_there_is_an_input_error_with_the_nearest) {
  const Engine engine = engine_of(plan_file_of(product_program(4), product_weights(4, 1, 2, 3)));
  const Tensor x = full({1, 4}, 1);
  Outputs outputs = Context(engine).run({{"x", x}});
  outputs.tensors.emplace("logits", Tensor(DType::f32, {1}));
  try {
    static_cast<void>(outputs["logit"]);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "output \"logit\" is not among those of this run; the nearest is \"logits\"");
  }
}

TEST(Out, without_data_is_refused_by_name) {
  const Engine engine = engine_of(plan_file_of(product_program(4), product_weights(4, 1, 2, 3)));
  const Tensor x = full({1, 4}, 1);
  try {
    Context(engine).run({{"x", x}}, {{"y", TensorView(nullptr, DType::f32, {1, 4})}});
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "out \"y\": has no data; leave it out if it is not wanted");
  }
}

TEST(Pool, drops_contexts_that_are_not_needed_any_more) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  const Engine engine =
      engine_of(plan_file_of(product_program(4), product_weights(4, 1, 1, 1)), {}, backend);
  ContextPool pool(engine);
  const Tensor x = full({1, 4}, 1);
  const auto run = [&] { EXPECT_EQ(product_of(pool.run({{"x", x}})["y"]), 16); };
  const int without = backend->allocated();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        backend->hold_this_thread();
        run();
      });
    }
    backend->wait_until_held(4);
    backend->release();
  }
  const int four = backend->allocated() - without;
  for (int i = 0; i < 128; ++i) run();
  const int one = backend->allocated() - without;
  EXPECT_GT(one, 0);
  EXPECT_EQ(four, 4 * one);
  run();  // the one that is left is used again
  EXPECT_EQ(backend->allocated() - without, one);
}

}  // namespace
}  // namespace tenon::runtime::testing
