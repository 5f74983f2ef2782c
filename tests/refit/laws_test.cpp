// The laws of refitting, over patterns and real networks. TENON_LAWS=all crosses everything.
#include <gtest/gtest.h>

#include <cstdlib>

#include "model_for_test.h"
#include "tenon/context.h"
#include "tenon/refitter.h"

namespace tenon::laws {
namespace {

class Laws : public testing::TestWithParam<std::string> {
 protected:
  /// Calls `law` for each point until one fails.
  template <class Law>
  void for_each(size_t per_device, Law&& law, bool everything = false) {
    const size_t count = is_real(model.name) ? (per_device + 3) / 4 : per_device;
    for (const Config& config : configs(model, count, everything)) {
      SCOPED_TRACE(testing::Message() << config);
      ASSERT_NO_THROW(law(config));
      if (HasFailure()) return;
    }
  }

  Engine build_first(const Config& config) const {
    return build(model, weights_of(model, config.first, 1), config);
  }

  Model model = load_model(GetParam());
  Arrays second = weights_of(model, Values::random, 2);
};

// The parts of `weights` whose place in the order of names gives `remainder`, and some of others'.
Arrays part_of(const Arrays& weights, size_t remainder) {
  Arrays part;
  size_t i = 0;
  for (const auto& [name, tensor] : weights) {
    if (i % 4 == remainder || (i + remainder) % 3 == 0) part.emplace(name, tensor);
    ++i;
  }
  return part;
}

// With the co-sources that an engine without sources asks for.
Arrays completed(const Engine& engine, Arrays part, const Arrays& weights) {
  Refitter refitter(engine);
  for (const auto& [name, tensor] : part) refitter.borrow(name, tensor);
  for (const std::string& name : refitter.missing()) part.emplace(name, weights.at(name));
  return part;
}

TEST_P(Laws, refit_holds_the_bits_of_a_fresh_build) {
  const auto law = [&](const Config& config) {
    Config building = config;
    if (config.saved) building.sources = Sources::keep;  // what is dropped cannot be saved
    Engine engine = build_first(building);
    if (config.saved) engine = save_and_load(engine, config);
    refit(engine, second, config.way);
    expect_same_bits(run(engine, model), run(build(model, second, building), model));
  };
  for_each(24, law, true);
}

TEST_P(Laws, refit_to_any_values_holds_the_bits_of_a_fresh_build) {
  const Arrays first = weights_of(model, Values::random, 1);
  for_each(5, [&](const Config& config) {
    const Arrays any = weights_of(model, config.first, 3);
    Engine engine = build(model, first, config);
    refit(engine, any, config.way);
    expect_same_bits(run(engine, model), run(build(model, any, config), model));
  });
}

TEST_P(Laws, refit_with_the_same_weights_changes_nothing) {
  for_each(10, [&](const Config& config) {
    Engine engine = build_first(config);
    const Arrays before = run(engine, model);
    refit(engine, weights_of(model, config.first, 1), config.way);
    expect_same_bits(run(engine, model), before);
  });
}

TEST_P(Laws, refused_refit_changes_nothing) {
  for_each(10, [&](const Config& config) {
    Engine engine = build_first(config);
    const Arrays before = run(engine, model);
    const uint64_t version = engine.version();
    Arrays wrong = second;
    wrong.emplace("no such weight", Tensor(DType::f32, {1}));
    EXPECT_THROW(refit(engine, wrong, config.way), RefitError);
    EXPECT_EQ(engine.version(), version);
    expect_same_bits(run(engine, model), before);
  });
}

TEST_P(Laws, guarded_weight_is_refused_by_its_pass_and_free_without_it) {
  if (model.fixed.empty()) GTEST_SKIP() << "no guards in this graph";
  for (const std::string& device : devices()) {
    Config config{.device = device};
    const Arrays first = weights_of(model, Values::random, 1);
    Engine engine = build(model, first, config);
    const Arrays before = run(engine, model);
    Arrays other = first;
    for (auto& [name, tensor] : model.fixed) other[name] = Tensor(tensor.dtype(), tensor.shape());
    for (auto& [name, tensor] : model.fixed) other[name].as<float>()[0] = 3.25f;
    try {
      refit(engine, other, config.way);
      FAIL() << "accepted";
    } catch (const RefitError& error) {
      EXPECT_EQ(error.problems().size(), model.fixed.size()) << error.what();
      EXPECT_NE(error.problems()[0].find("without="), std::string::npos) << error.problems()[0];
    }
    expect_same_bits(run(engine, model), before);
    for (const std::string& pass : pass_names()) config.without.insert(pass);
    Engine free = build(model, first, config);
    refit(free, other, config.way);
    expect_same_bits(run(free, model), run(build(model, other, config), model));
  }
}

TEST_P(Laws, save_and_load_commute_with_refit) {
  for_each(10, [&](Config config) {
    config.sources = Sources::keep;
    Engine engine = build_first(config);
    Engine loaded = save_and_load(engine, config);
    expect_same_bits(run(loaded, model), run(engine, model));
    refit(engine, second, config.way);
    refit(loaded, second, config.way);
    const Arrays want = run(engine, model);
    expect_same_bits(run(loaded, model), want);
    expect_same_bits(run(save_and_load(engine, config), model), want);
    expect_same_bits(run(save_and_load(loaded, config), model), want);
  });
}

TEST_P(Laws, stripped_plan_is_filled_stripped_and_filled_again) {
  for_each(4, [&](const Config& config) {
    Config keeping = config;
    keeping.sources = Sources::keep;
    const Engine engine = build(model, second, keeping);
    const Arrays want = run(engine, model);
    Engine loaded = save_and_load(engine, config, true);
    if (!loaded.ready()) {  // an engine without unguarded weights needs no filling
      EXPECT_FALSE(Refitter(loaded).missing().empty());
      EXPECT_THROW(run(loaded, model), NotReadyError);
    }
    refit(loaded, completed(loaded, {}, second), config.way);
    expect_same_bits(run(loaded, model), want);
    Engine again = save_and_load(loaded, config, true);
    refit(again, second, config.way);
    expect_same_bits(run(again, model), want);
  });
}

TEST_P(Laws, there_and_back_is_where_it_began) {
  for_each(10, [&](const Config& config) {
    Engine engine = build_first(config);
    const Arrays before = run(engine, model);
    refit(engine, second, config.way);
    refit(engine, weights_of(model, config.first, 1), config.way);
    expect_same_bits(run(engine, model), before);
    if (config.sources == Sources::drop) return;
    refit(engine, second, config.way);
    engine.reset();
    expect_same_bits(run(engine, model), before);
  });
}

TEST_P(Laws, four_partial_refits_equal_the_full_one) {
  for_each(10, [&](const Config& config) {
    Engine engine = build_first(config);
    for (size_t k = 0; k < 4; ++k) {
      refit(engine, completed(engine, part_of(second, k), second), config.way);
    }
    expect_same_bits(run(engine, model), run(build(model, second, config), model));
  });
}

TEST_P(Laws, readback_gives_what_was_given) {
  for_each(3, [&](Config config) {
    config.sources = Sources::keep;
    Engine engine = build_first(config);
    refit(engine, second, config.way);
    Arrays read;
    for (const WeightInfo& weight : engine.weights())
      read.emplace(weight.name, engine.read_weight(weight.name));
    expect_same_bits(read, second);
  });
}

// Not laws, but what makes them worth something: an independent way to the same numbers.

TEST_P(Laws, passes_do_not_change_results) {
  for (const std::string& device : devices()) {
    const Config with{.device = device};
    Config without = with;
    for (const std::string& pass : pass_names()) without.without.insert(pass);
    const Arrays want = run(build(model, second, without), model);
    expect_close(run(build(model, second, with), model), want);
    for (const std::string& pass : without.without) {
      SCOPED_TRACE(pass);
      expect_close(run(build(model, second, {.device = device, .without = {pass}}), model), want);
    }
  }
}

TEST_P(Laws, reference_kernels_agree) {
  for (const std::string& device : devices()) {
    const Config config{.device = device};
    const Arrays got = run(build(model, second, config), model);
    ASSERT_EQ(::setenv("TENON_CPU_FEATURES", "reference", 1), 0);
    const Engine reference = build(model, second, config);
    ::unsetenv("TENON_CPU_FEATURES");
    expect_close(got, run(reference, model));
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Refit, Laws, testing::ValuesIn(model_names()), test_name);

}  // namespace
}  // namespace tenon::laws
