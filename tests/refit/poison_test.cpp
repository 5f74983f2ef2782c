// Padding, scratch, arenas and slots are written before they are read: memory full of NaNs changes
// no bit of any answer.
#include <gtest/gtest.h>

#include <cmath>

#include "build/compile.h"
#include "kernel/poison_backend_for_test.h"
#include "model_for_test.h"
#include "runtime/backends.h"

namespace tenon::laws {
namespace {

using BackendPtr = std::shared_ptr<kernel::Backend>;

Engine build_on(const Model& model, const Arrays& weights, const BuildOptions& options,
                BackendPtr backend) {
  std::map<std::string, weights::TensorSource> sources = model.constants;
  for (const auto& [name, tensor] : weights) sources[name] = weights::copy_of(tensor);
  return Engine(compiler::compile(model.network, std::move(sources), options, std::move(backend)));
}

TEST(PoisonBackend, hands_out_memory_full_of_nans) {
  kernel::PoisonBackend backend(runtime::make_backend("cpu", 1));
  const kernel::Buffer memory = backend.allocate(4 * sizeof(float));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(static_cast<const float*>(memory.get())[i]));
}

class Poison : public testing::TestWithParam<std::string> {
 protected:
  Model model = load_model(GetParam());
};

TEST_P(Poison, in_fresh_memory_changes_no_bit) {
  const Arrays first = weights_of(model, Values::random, 1);
  const Arrays second = weights_of(model, Values::random, 2);
  const std::vector<std::string> passes = pass_names();
  for (const std::string& device : devices()) {
    for (const auto& without : {std::set<std::string>(), std::set(passes.begin(), passes.end())}) {
      SCOPED_TRACE(device + (without.empty() ? ", all passes" : ", no passes"));
      const BuildOptions options{
          .device = device, .threads = 2, .tactics = Tactics::first, .without = without};
      const BackendPtr clean = runtime::make_backend(device, 2);
      const auto poisoned = std::make_shared<kernel::PoisonBackend>(clean);
      Engine want = build_on(model, first, options, clean);
      Engine got = build_on(model, first, options, poisoned);
      expect_same_bits(run(got, model), run(want, model));
      refit(want, second, Way::copied);
      refit(got, second, Way::copied);
      expect_same_bits(run(got, model), run(want, model));
    }
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Models, Poison, testing::ValuesIn(model_names()), test_name);

}  // namespace
}  // namespace tenon::laws
