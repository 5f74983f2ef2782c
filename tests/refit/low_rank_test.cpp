// The laws of low-rank terms: what is added can be scaled, joined by others, saved and taken away.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/convert.h"
#include "model_for_test.h"
#include "runtime/engine_impl.h"
#include "tenon/refitter.h"

namespace tenon::laws {
namespace {

constexpr int64_t kRank = 2;

/// Quarters from -2 to 2: products and sums of them are exact in f32, whatever their order.
Tensor quarters(const Shape& shape, uint64_t seed) {
  Tensor tensor(DType::f32, shape);
  for (float& value : tensor.as<float>()) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    value = static_cast<float>(static_cast<int>(seed >> 60) - 8) / 4;
  }
  return tensor;
}

struct Adapter {
  Tensor a, b;
  double scale = 1;

  LowRank term(const std::string& name) const {
    return {.adapter = name, .a = a, .b = b, .scale = scale};
  }
};

/// W + Σ s·B·A in f64, rounded to the weight's dtype.
Tensor sum_of(const Tensor& weight, const std::vector<Adapter>& adapters) {
  const auto count = static_cast<size_t>(element_count(weight.shape()));
  std::vector<double> values(count);
  base::convert(weight.dtype(), weight.data(), DType::f64, values.data(), std::ssize(values));
  for (const Adapter& each : adapters) {
    const auto a = each.a.as<float>(), b = each.b.as<float>();
    const size_t columns = a.size() / kRank;
    for (size_t i = 0; i < count; ++i) {
      double product = 0;
      for (size_t r = 0; r < kRank; ++r)
        product += static_cast<double>(b[i / columns * kRank + r]) * a[r * columns + i % columns];
      values[i] += each.scale * product;
    }
  }
  Tensor sum(weight.dtype(), weight.shape());
  base::convert(DType::f64, values.data(), weight.dtype(), sum.data(), std::ssize(values));
  return sum;
}

/// An engine over weights of quarters, two adapters for each weight that takes them, and the sums.
class LowRankLaws : public testing::TestWithParam<std::string> {
 protected:
  template <class Law>
  void for_each(Law&& law) {
    for (const std::string& device : devices()) {
      for (const Memory memory : {Memory::double_, Memory::in_place}) {
        Config config{.device = device, .memory = memory};
        SCOPED_TRACE(testing::Message() << config);
        Engine engine = build(model, first, config);
        ASSERT_NO_THROW(law(engine, config));
      }
    }
  }

  Arrays quarters_for(uint64_t seed) {
    Arrays weights;
    for (const ir::Leaf& leaf : model.network.leaves) {
      if (!leaf.refittable) continue;
      Tensor exact = quarters(leaf.type.shape(), seed++);
      if (leaf.name.ends_with("variance"))
        for (float& value : exact.as<float>()) value = std::abs(value) + 0.25F;
      Tensor tensor(leaf.type.dtype, exact.shape());
      base::convert(DType::f32, exact.data(), tensor.dtype(), tensor.data(),
                    element_count(exact.shape()));
      weights.emplace(leaf.name, tensor);
    }
    return weights;
  }

  std::map<std::string, Adapter> adapter(uint64_t seed, double scale) {
    std::map<std::string, Adapter> adapters;
    for (const auto& [name, weight] : first) {
      if (weight.shape().size() < 2) continue;
      const int64_t rows = weight.shape()[0], columns = element_count(weight.shape()) / rows;
      adapters[name] = {quarters({kRank, columns}, seed++), quarters({rows, kRank}, seed++), scale};
    }
    return adapters;
  }

  using Named = std::map<std::string, std::map<std::string, Adapter>>;
  static void apply(const Engine& engine, const Named& adapters, const Arrays& base = {}) {
    Refitter refitter(engine);
    for (const auto& [name, tensor] : base) refitter.set(name, tensor);
    refitter.clear_low_rank();
    for (const auto& [name, of] : adapters)
      for (const auto& [weight, each] : of) refitter.add_low_rank(weight, each.term(name));
    refitter.commit();
  }

  static Arrays summed(Arrays weights, const Named& adapters) {
    std::map<std::string, std::vector<Adapter>> of_weight;
    for (const auto& [name, of] : adapters)
      for (const auto& [weight, each] : of) of_weight[weight].push_back(each);
    for (const auto& [weight, list] : of_weight) weights[weight] = sum_of(weights[weight], list);
    return weights;
  }

  void expect_holds(const Engine& engine, const Arrays& weights, const Config& config) {
    expect_same_bits(run(engine, model), run(build(model, weights, config), model));
  }

  Model model = load_model(GetParam());
  Arrays first = quarters_for(1), second = quarters_for(1000);
  std::map<std::string, Adapter> one = adapter(50, 0.5), two = adapter(70, -2);
};

TEST_P(LowRankLaws, applied_terms_hold_the_bits_of_a_build_with_the_sums) {
  for_each([&](Engine& engine, const Config& config) {
    ASSERT_FALSE(one.empty());
    const Arrays before = run(engine, model);
    apply(engine, {{"one", one}});
    expect_holds(engine, summed(first, {{"one", one}}), config);
    auto rescaled = one;
    for (auto& [weight, each] : rescaled) each.scale = 3;
    apply(engine, {{"one", rescaled}});
    expect_holds(engine, summed(first, {{"one", rescaled}}), config);
    apply(engine, {{"two", two}, {"one", one}});
    expect_holds(engine, summed(first, {{"one", one}, {"two", two}}), config);
    apply(engine, {{"two", two}});
    expect_holds(engine, summed(first, {{"two", two}}), config);
    apply(engine, {});
    expect_same_bits(run(engine, model), before);
    apply(engine, {{"one", one}, {"two", two}});
    apply(engine, {{"one", one}});
    apply(engine, {});
    expect_same_bits(run(engine, model), before);
  });
}

TEST_P(LowRankLaws, terms_are_added_to_those_of_a_set_and_taken_away_by_scale_0) {
  for_each([&](Engine& engine, const Config& config) {
    const auto add = [&](const std::string& name, const std::map<std::string, Adapter>& adapter,
                         double scale) {
      Refitter refitter(engine);
      for (auto [weight, each] : adapter) {
        each.scale = scale;
        refitter.add_low_rank(weight, each.term(name));
      }
      refitter.commit();
    };
    apply(engine, {});
    const Arrays before = run(engine, model);
    add("one", one, 0.5);
    add("two", two, -2);
    expect_holds(engine, summed(first, {{"one", one}, {"two", two}}), config);
    add("one", one, 0);
    expect_holds(engine, summed(first, {{"two", two}}), config);
    engine.reset();
    expect_same_bits(run(engine, model), before);
    if (config.memory == Memory::in_place) return;
    const WeightSet plain = engine.current();
    add("two", two, -2);
    Refitter beside(engine, {.base = plain});
    for (const auto& [weight, each] : one) beside.add_low_rank(weight, each.term("one"));
    engine.publish(beside.prepare());
    expect_holds(engine, summed(first, {{"one", one}}), config);
  });
}

TEST_P(LowRankLaws, scale_0_is_absence) {
  for_each([&](Engine& engine, const Config&) {
    const Arrays before = run(engine, model);
    auto none = one;
    for (auto& [weight, each] : none) {
      each.scale = 0;
      for (float& value : each.a.as<float>()) value = std::numeric_limits<float>::infinity();
    }
    apply(engine, {{"one", none}});
    expect_same_bits(run(engine, model), before);
    EXPECT_EQ(engine.impl()->extension(), nullptr);
  });
}

TEST_P(LowRankLaws, refits_of_the_base_go_on_under_terms) {
  for_each([&](Engine& engine, const Config& config) {
    apply(engine, {{"one", one}});
    Arrays now = first;
    for (const auto& [name, tensor] : second) {  // one after the other
      refit(engine, {{name, tensor}}, Way::borrowed);
      now[name] = tensor;
      expect_holds(engine, summed(now, {{"one", one}}), config);
    }
    expect_holds(engine, summed(second, {{"one", one}}), config);
    for (const WeightInfo& weight : engine.weights())
      expect_same_bits({{"w", engine.read_weight(weight.name)}}, {{"w", second.at(weight.name)}});
    apply(engine, {{"two", two}}, first);  // both at once
    expect_holds(engine, summed(first, {{"two", two}}), config);
    apply(engine, {});
    expect_holds(engine, first, config);
  });
}

TEST_P(LowRankLaws, save_writes_the_base_or_by_option_the_sums) {
  for_each([&](Engine& engine, const Config& config) {
    const auto saved = [&](bool merged) {
      const auto path = scratch_folder() / "low_rank.plan";
      PlainWriter writer(path);
      engine.impl()->save(writer, {.merge = merged});
      return Engine::load(path, {.device = config.device, .threads = 2, .memory = config.memory});
    };
    apply(engine, {{"one", one}, {"two", two}});
    expect_holds(saved(false), first, config);
    const Engine merged = saved(true);
    expect_same_bits(run(merged, model), run(engine, model));
    const Arrays sums = summed(first, {{"one", one}, {"two", two}});
    for (const WeightInfo& weight : merged.weights())
      expect_same_bits({{"w", merged.read_weight(weight.name)}}, {{"w", sums.at(weight.name)}});
    apply(engine, {});
    expect_holds(saved(true), first, config);
  });
}

TEST_P(LowRankLaws, refused_terms_change_nothing) {
  for_each([&](Engine& engine, const Config&) {
    const Arrays before = run(engine, model);
    const uint64_t version = engine.version();
    auto wrong = one;
    wrong.begin()->second.a = quarters({kRank, 1000}, 1);
    wrong["no such weight"] = one.begin()->second;
    try {
      apply(engine, {{"one", wrong}});
      FAIL() << "accepted";
    } catch (const RefitError& error) {
      EXPECT_EQ(error.problems().size(), 2u) << error.what();
    }
    EXPECT_EQ(engine.version(), version);
    expect_same_bits(run(engine, model), before);
  });
}

INSTANTIATE_TEST_SUITE_P(Refit, LowRankLaws,
                         testing::Values("conv_bias_relu", "gemm_transposed", "matmul_chain",
                                         "bf16", "f16", "f64", "conv_bn", "lenet"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace tenon::laws
