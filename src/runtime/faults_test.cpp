// Whatever fails at whichever step: the old weights stay, and the engine takes the next refit.
#include <gtest/gtest.h>

#include <fstream>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

constexpr int64_t kSize = 16;
// One slot is more than a chunk of the pool, so that refits allocate.
constexpr int64_t kLargeSize = 1500;

float product(int64_t n, float a, float b, float s) {
  return static_cast<float>(n) * static_cast<float>(n) * a * b * s;
}

std::vector<std::string> devices() {
  if (std::getenv("TENON_TEST_DEVICE")) return {test_device()};
  return device_names();
}

/// An engine with weights of ones over a backend and sources that can fail.
struct Faulty {
  Fault reads;
  std::shared_ptr<FailingBackend> backend;
  int64_t size;
  Engine engine;

  Faulty(const std::string& device, const EngineOptions& options, int64_t n,
         bool first_weights_fail = true)
      : backend(std::make_shared<FailingBackend>(make_backend(device, 1))),
        size(n),
        engine(engine_of(file(first_weights_fail), options, backend)) {}

  plan::PlanFile file(bool may_fail) {
    plan::PlanFile file = plan_file_of(product_program(size), product_weights(size, 1, 1, 1));
    for (auto& [name, source] : file.sources) {
      if (may_fail) source.bytes = std::make_shared<FailingSource>(source.bytes, reads);
    }
    return file;
  }
  weights::TensorSource failing(const Tensor& tensor) {
    weights::TensorSource source = source_over(tensor);
    source.bytes = std::make_shared<FailingSource>(source.bytes, reads);
    return source;
  }
  /// As Refitter::load gives them, from sources that can fail.
  GivenWeights given(float a, float b, float s) {
    GivenWeights given;
    for (const auto& [name, tensor] : product_weights(size, a, b, s)) {
      given[name] = {.kind = Given::Kind::file,
                     .source = std::make_shared<weights::TensorSource>(failing(tensor))};
    }
    return given;
  }
  void refit(float a, float b, float s, const std::stop_token& stop = {}) {
    engine.impl()->commit(given(a, b, s), {}, {.stop = stop});
  }
  float run() const { return run_product(engine, size); }
};

/// Refits with `fault` at the first call, then the second, … until it succeeds; after each failure
/// the engine must be as it was. Returns how many calls failed.
int fail_at_every_call(Faulty& faulty, Fault& fault) {
  for (int call = 1;; ++call) {
    const uint64_t version = faulty.engine.version();
    const float before = faulty.run();
    fault.arm(call);
    try {
      faulty.refit(2, 3, 4);
    } catch (const Error&) {
      fault.disarm();
      EXPECT_EQ(faulty.backend->queued, 0) << "memory goes while it is used";
      EXPECT_EQ(faulty.engine.version(), version);
      EXPECT_EQ(faulty.run(), before);
      continue;
    }
    fault.disarm();
    EXPECT_EQ(faulty.run(), product(faulty.size, 2, 3, 4));
    faulty.refit(1, 1, 1);
    EXPECT_EQ(faulty.run(), product(faulty.size, 1, 1, 1));
    return call - 1;
  }
}

// A slot is made by one launch where the kernel that reads it wants no layout of its own.
constexpr int least_launches = 1;

void fail_everywhere(const EngineOptions& options) {
  for (const std::string& device : devices()) {
    SCOPED_TRACE(device);
    Faulty faulty(device, options, kSize);
    EXPECT_GE(fail_at_every_call(faulty, faulty.reads), 3);
    EXPECT_GE(fail_at_every_call(faulty, faulty.backend->launches), least_launches);
    if (!faulty.backend->host_memory()) {
      EXPECT_GE(fail_at_every_call(faulty, faulty.backend->copies), 3);
    }
  }
}

TEST(Faults, failed_refit_leaves_the_old_weights) { fail_everywhere({}); }

TEST(Faults, failed_refit_without_sources_leaves_the_old_weights) {
  fail_everywhere({.sources = Sources::drop});
}

TEST(Faults, failed_refit_in_place_restores_the_old_weights) {
  fail_everywhere({.memory = Memory::in_place});
}

TEST(Faults, refit_without_memory_leaves_the_old_weights) {
  for (const std::string& device : devices()) {
    Faulty faulty(device, {}, kLargeSize);
    EXPECT_GE(fail_at_every_call(faulty, faulty.backend->allocations), 1) << device;
  }
}

TEST(Faults, refit_in_place_without_memory_restores_the_old_weights) {
  for (const std::string& device : devices()) {
    // The first weights are memory and need no room of their own; those of the refits do.
    Faulty faulty(device, {.memory = Memory::in_place}, kLargeSize, false);
    const int failures = fail_at_every_call(faulty, faulty.backend->allocations);
    if (faulty.backend->host_memory()) {
      EXPECT_GE(failures, 1) << device;
    }
  }
}

/// A refit that is asked to stop at that call is done, or has changed nothing. False when it ended
/// before the call.
bool stop_at(Faulty& faulty, Fault& fault, int call) {
  const uint64_t version = faulty.engine.version();
  std::stop_source stop;
  fault.stop_at(call, stop);
  float scale = 2;
  try {
    faulty.refit(scale, 1, 1, stop.get_token());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
    EXPECT_EQ(faulty.engine.version(), version);
    scale = 1;
  }
  fault.disarm();
  EXPECT_EQ(faulty.run(), product(faulty.size, scale, 1, 1));
  faulty.refit(1, 1, 1);
  return stop.stop_requested();
}

void stop_everywhere(const EngineOptions& options) {
  for (const std::string& device : devices()) {
    Faulty faulty(device, options, kSize);
    for (Fault* fault : {&faulty.reads, &faulty.backend->launches}) {
      SCOPED_TRACE(device);
      int call = 1;
      while (stop_at(faulty, *fault, call)) ++call;
      EXPECT_GE(call, 1 + least_launches);
    }
  }
}

TEST(Faults, cancelled_refit_is_done_or_leaves_the_old_weights) {
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    for (const Sources sources : {Sources::keep, Sources::drop}) {
      stop_everywhere({.memory = memory, .sources = sources});
    }
  }
}

TEST(Faults, engine_that_cannot_be_restored_is_not_ready_until_refitted) {
  for (const std::string& device : devices()) {
    for (const Sources sources : {Sources::keep, Sources::drop}) {
      SCOPED_TRACE(::testing::Message()
                   << device << (sources == Sources::keep ? " keep" : " drop"));
      Faulty faulty(device, {.memory = Memory::in_place, .sources = sources}, kSize);
      for (int call = 1; call <= 3; ++call) {
        faulty.reads.arm(call, true);
        EXPECT_EQ(code_of([&] { faulty.refit(2, 3, 4); }), ErrorCode::io);
        faulty.reads.disarm();
        EXPECT_FALSE(faulty.engine.ready());
        EXPECT_EQ(faulty.engine.version(), 0u);
        EXPECT_THROW(faulty.run(), NotReadyError);
        EXPECT_EQ(Refitter(faulty.engine).missing().size(), sources == Sources::keep ? 0u : 3u);
        faulty.refit(1, 1, static_cast<float>(call));
        EXPECT_EQ(faulty.run(), product(kSize, 1, 1, static_cast<float>(call)));
      }
    }
  }
}

TEST(Faults, lost_engine_comes_back_with_what_its_sources_say) {
  Faulty faulty(test_device(), {.memory = Memory::in_place}, kSize);
  faulty.reads.arm(1, true);
  EXPECT_THROW(faulty.refit(2, 3, 4), Error);
  faulty.reads.disarm();
  ASSERT_FALSE(faulty.engine.ready());
  faulty.engine.refit(std::map<std::string, TensorView>());  // nothing new: all from the sources
  EXPECT_EQ(faulty.run(), product(kSize, 1, 1, 1));
}

TEST(Faults, failed_run_leaves_context_and_weights) {
  for (const std::string& device : devices()) {
    SCOPED_TRACE(device);
    Faulty faulty(device, {}, kSize);
    Context context(faulty.engine);
    const Tensor x = full({1, kSize}, 1);
    for (Fault* fault :
         {&faulty.backend->allocations, &faulty.backend->copies, &faulty.backend->launches}) {
      for (int call = 1; call < 10; ++call) {
        fault->arm(call);
        try {
          context.run({{"x", x}});
          break;
        } catch (const Error& error) {
          const bool memory = fault == &faulty.backend->allocations;
          EXPECT_EQ(error.code(), memory ? ErrorCode::unavailable : ErrorCode::io);
          EXPECT_EQ(faulty.backend->queued, 0) << "memory goes while it is used";
        }
      }
      fault->disarm();
      EXPECT_EQ(product_of(context.run({{"x", x}})["y"]), product(kSize, 1, 1, 1));
    }
  }
}

TEST(Faults, engine_that_cannot_be_made_is_an_error) {
  for (const std::string& device : devices()) {
    for (int call = 1;; ++call) {
      const auto backend = std::make_shared<FailingBackend>(make_backend(device, 1));
      backend->launches.arm(call);
      try {
        engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), {},
                  backend);
        EXPECT_GT(call, 1);
        break;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::io);
      }
    }
  }
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Faults, cancelled_save_leaves_no_file) {
  Faulty faulty(test_device(), {}, kSize);
  Fault writes;
  for (Fault* fault : {&writes, &faulty.reads}) {
    const Folder folder;
    int call = 0;
    while (folder.files() == 0) {
      std::stop_source stop;
      fault->stop_at(++call, stop);
      FailingWriter writer(base::atomic_file_writer(folder / "model.plan"), writes);
      try {
        faulty.engine.impl()->save(writer, {.stop = stop.get_token()});
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::cancelled);
        EXPECT_LE(folder.files(), 1u) << "the one that is being written, where it needs a name";
      }
      fault->disarm();
    }
    EXPECT_GE(call, 5);
  }
}

TEST(Faults, failed_save_leaves_the_old_file_and_no_other) {
  const Folder folder;
  const auto path = folder / "model.plan";
  Faulty faulty(test_device(), {}, kSize);
  faulty.engine.save(path);
  const std::string old = text_of(path);
  faulty.refit(2, 3, 4);
  Fault writes;
  for (Fault* fault : {&writes, &faulty.reads}) {
    int failures = 0;
    for (int call = 1;; ++call, ++failures) {
      fault->arm(call);
      try {
        FailingWriter writer(base::atomic_file_writer(path), writes);
        faulty.engine.impl()->save(writer, {.strip = fault == &faulty.reads && call % 2 == 0});
        fault->disarm();
        break;
      } catch (const Error&) {
      }
      fault->disarm();
      EXPECT_EQ(text_of(path), old);
      EXPECT_EQ(folder.files(), 1u);
    }
    EXPECT_GE(failures, 3);
    EXPECT_NE(text_of(path), old);
    faulty.engine.save(path);
    EXPECT_EQ(run_product(Engine::load(path), kSize), product(kSize, 2, 3, 4));
    std::ofstream(path, std::ios::binary) << old;
  }
  EXPECT_EQ(faulty.run(), product(kSize, 2, 3, 4));
}

}  // namespace
}  // namespace tenon::runtime::testing
