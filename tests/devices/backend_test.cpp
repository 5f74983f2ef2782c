// What every backend promises: memory, copies, order, launches, captured lists, time.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "cpu/call_for_test.h"
#include "runtime/backends.h"

namespace tenon {
namespace {

using kernel::CopyKind;

std::vector<std::string> devices() {
  if (const char* device = std::getenv("TENON_TEST_DEVICE"); device && *device) return {device};
  return runtime::device_names();
}

std::string device_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, ':', '_');
  return name;
}

class Backends : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<kernel::Backend> backend = runtime::make_backend(GetParam(), 2);
  std::unique_ptr<kernel::Queue> queue = backend->queue();
};

std::vector<int> counted(size_t n) {
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

TEST_P(Backends, memory_is_aligned_whatever_its_size) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{100}, size_t{2} << 20, size_t{5} << 20}) {
    const auto memory = backend->allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % 64, 0u) << bytes;
  }
}

TEST_P(Backends, blocks_that_live_together_do_not_overlap) {
  const auto a = backend->allocate(4096), b = backend->allocate(4096);
  const auto ones = counted(1024);
  const std::vector<int> zeros(1024, 0);
  backend->copy(*queue, a.get(), ones.data(), 4096, CopyKind::to_device);
  backend->copy(*queue, b.get(), zeros.data(), 4096, CopyKind::to_device);
  std::vector<int> back(1024);
  backend->copy(*queue, back.data(), a.get(), 4096, CopyKind::from_device);
  backend->synchronize(*queue);
  EXPECT_EQ(back, ones);
}

TEST_P(Backends, impossible_sizes_throw_bad_alloc) {
  EXPECT_THROW(backend->allocate(SIZE_MAX), std::bad_alloc);
  EXPECT_THROW(backend->allocate(SIZE_MAX / 2), std::bad_alloc);
}

TEST_P(Backends, freed_memory_is_used_again) {
  for (int i = 0; i < 200; ++i) backend->allocate(size_t{1} << 30);  // 200 GiB in all
}

TEST_P(Backends, copies_are_done_in_order) {
  const auto memory = backend->allocate(400);
  const auto other = backend->allocate(400);
  std::vector<int> back(100);
  for (int round = 0; round < 100; ++round) {
    const std::vector<int> values(100, round);
    backend->copy(*queue, memory.get(), values.data(), 400, CopyKind::to_device);
    backend->copy(*queue, other.get(), memory.get(), 400, CopyKind::within);
    backend->copy(*queue, back.data(), other.get(), 400, CopyKind::from_device);
    backend->synchronize(*queue);
    ASSERT_EQ(back, values);
  }
}

TEST_P(Backends, a_pointer_inside_a_block_is_copied_to) {
  const auto memory = backend->allocate(40);
  const auto values = counted(10);
  backend->copy(*queue, memory.get(), values.data(), 40, CopyKind::to_device);
  backend->copy(*queue, static_cast<int*>(memory.get()) + 5, values.data(), 20,
                CopyKind::to_device);
  std::vector<int> back(10);
  backend->copy(*queue, back.data(), memory.get(), 40, CopyKind::from_device);
  backend->synchronize(*queue);
  EXPECT_EQ(back, (std::vector<int>{1, 2, 3, 4, 5, 1, 2, 3, 4, 5}));
}

template <class F, class... Ops>
void for_every_op(ir::TypeList<Ops...>, const F& f) {
  (f(ir::Op(Ops{})), ...);
}

/// What a GPU does not compute yet: a build names it.
bool is_lacking(const kernel::Backend& backend, std::string_view op) {
  static const std::set<std::string_view> lacking = {
      "bit_cast",     "col2im",    "cumulate", "det",       "dft",    "grid_sample",
      "max_roi_pool", "recurrent", "resize",   "roi_align", "unique", "winograd_filter"};
  return backend.target().backend == "cuda" && lacking.contains(op);
}

TEST_P(Backends, every_op_has_a_reference_at_the_end_of_its_list) {
  for_every_op(ir::OpList{}, [&](const ir::Op& op) {
    const auto kernels = backend->kernels(op);
    const bool none = !op.info().has_kernels || is_lacking(*backend, op.info().name);
    ASSERT_EQ(kernels.empty(), none) << op.info().name;
    EXPECT_TRUE(kernels.empty() || kernel::is_reference(kernels.back())) << op.info().name;
  });
}

TEST_P(Backends, kernel_names_are_unique_within_an_op) {
  for_every_op(ir::OpList{}, [&](const ir::Op& op) {
    for (const auto& kernel : backend->kernels(op)) {
      EXPECT_EQ(kernel::find_kernel(*backend, op, kernel.name, kernel.version), &kernel);
    }
  });
}

TEST_P(Backends, launches_are_copied_when_they_are_submitted) {
  const auto x = cpu::tensor_of(DType::f32, {3}, {-1, 0, 2});
  const auto test = cpu::make_test_call(ir::Pointwise{ir::Expression::of(ir::Scalar::relu)}, {x});
  EXPECT_EQ(cpu::values_of(cpu::run_reference(*backend, test).outputs[0]),
            (std::vector<double>{0, 0, 2}));
}

TEST_P(Backends, a_span_of_launches_runs_once_each_in_order) {
  auto test = cpu::make_test_call(ir::Pointwise{ir::Expression::parse("add(a, 1)")},
                                  {cpu::tensor_of(DType::i32, {1}, {0})});
  test.call.target = &backend->target();
  const kernel::Kernel& kernel = backend->kernels(test.call.op).back();
  const kernel::Prepared prepared = kernel::prepare(kernel, test.call, *backend);
  const auto memory = backend->allocate(sizeof(int));
  const int zero = 0;
  backend->copy(*queue, memory.get(), &zero, sizeof zero, CopyKind::to_device);
  kernel::RunState state;
  const kernel::Launch launch{.call = &test.call,
                              .buffers = {memory.get(), memory.get()},  // in place
                              .prepared = prepared.state.get(),
                              .queue = queue.get(),
                              .state = &state};
  std::vector<kernel::Launch> launches(5, launch);
  backend->submit(*queue, kernel, launches);
  launches.clear();
  int back = 0;
  backend->copy(*queue, &back, memory.get(), sizeof back, CopyKind::from_device);
  backend->synchronize(*queue);
  EXPECT_EQ(back, 5);
}

struct Seen {
  std::atomic<int> runs{0};
  kernel::Queue* queue = nullptr;
  const ir::Node* node = nullptr;
};

/// Tells the Seen that stands in `prepared`.
const kernel::Kernel witness = {
    .name = "witness", .run = [](const kernel::Launch& launch) noexcept {
      auto& seen = *static_cast<Seen*>(const_cast<void*>(launch.prepared));
      seen.queue = launch.queue;
      seen.node = launch.node;
      ++seen.runs;
    }};

TEST_P(Backends, a_launch_knows_its_queue_and_its_node) {
  Seen seen;
  const std::vector<ir::Node> nodes(5, {ir::Softmax{}, {}, {}, {}});
  std::vector<kernel::Launch> launches(5);
  for (size_t i = 0; i < launches.size(); ++i) {
    launches[i].prepared = &seen;
    launches[i].queue = queue.get();
    launches[i].node = &nodes[i];
  }
  backend->submit(*queue, witness, launches);
  launches.clear();
  backend->synchronize(*queue);
  EXPECT_EQ(seen.runs, 5);
  EXPECT_EQ(seen.queue, queue.get());
  EXPECT_EQ(seen.node, &nodes[4]);
}

TEST_P(Backends, an_event_is_done_when_all_before_it_is) {
  const auto memory = backend->allocate(4000);
  std::vector<int> back(1000);
  for (int round = 1; round <= 50; ++round) {
    const std::vector<int> values(1000, round);
    backend->copy(*queue, memory.get(), values.data(), 4000, CopyKind::to_device);
    backend->copy(*queue, back.data(), memory.get(), 4000, CopyKind::from_device);
    const kernel::EventPtr event = backend->record(*queue);
    event->wait();
    EXPECT_TRUE(event->done());
    ASSERT_EQ(back, values);
  }
}

TEST_P(Backends, a_queue_waits_for_an_event_of_another) {
  const auto other = backend->queue();
  const auto memory = backend->allocate(4000);
  std::vector<int> back(1000);
  kernel::EventPtr read;
  for (int round = 1; round <= 100; ++round) {
    const std::vector<int> values(1000, round);
    if (read) backend->wait(*queue, read);
    backend->copy(*queue, memory.get(), values.data(), 4000, CopyKind::to_device);
    backend->wait(*other, backend->record(*queue));
    backend->copy(*other, back.data(), memory.get(), 4000, CopyKind::from_device);
    read = backend->record(*other);
    backend->synchronize(*other);
    ASSERT_EQ(back, values);
  }
}

TEST_P(Backends, an_event_outlives_its_queue) {
  auto own = backend->queue();
  const kernel::EventPtr event = backend->record(*own);
  own.reset();
  EXPECT_TRUE(event->done());
  backend->wait(*queue, event);
  backend->synchronize(*queue);
}

TEST_P(Backends, kept_memory_lives_until_the_queue_has_passed) {
  const auto memory = backend->allocate(4000);
  std::vector<int> back(1000);
  std::vector<std::weak_ptr<const void>> kept;
  for (int round = 1; round <= 50; ++round) {
    {
      auto values = std::make_shared<std::vector<int>>(1000, round);
      backend->copy(*queue, memory.get(), values->data(), 4000, CopyKind::to_device);
      kept.emplace_back(values);
      backend->keep(*queue, std::move(values));
    }
    backend->copy(*queue, back.data(), memory.get(), 4000, CopyKind::from_device);
    backend->synchronize(*queue);
    ASSERT_EQ(back, std::vector<int>(1000, round));
    EXPECT_TRUE(kept.back().expired());
  }
}

TEST_P(Backends, the_first_failure_of_a_run_is_kept) {
  const auto a = cpu::tensor_of(DType::i32, {2}, {6, 6});
  const auto b = cpu::tensor_of(DType::i32, {2}, {0, 2});
  const auto test = cpu::make_test_call(ir::Pointwise{ir::Expression::of(ir::Scalar::div)}, {a, b});
  const auto result = cpu::run_reference(*backend, test);
  EXPECT_STREQ(result.failure, "integer division by zero");
  EXPECT_EQ(cpu::values_of(result.outputs[0]), (std::vector<double>{0, 3}));
}

TEST_P(Backends, time_does_not_run_backwards) {
  const double before = backend->time(*queue);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(backend->time(*queue) - before, 0.002);
}

TEST_P(Backends, queues_of_several_threads_do_not_disturb_each_other) {
  const auto work = [&](int seed) {
    const auto own = backend->queue();
    const auto memory = backend->allocate(4000);
    for (int i = 0; i < 50; ++i) {
      const std::vector<int> values(1000, seed * 1000 + i);
      std::vector<int> back(1000);
      backend->copy(*own, memory.get(), values.data(), 4000, CopyKind::to_device);
      backend->copy(*own, back.data(), memory.get(), 4000, CopyKind::from_device);
      backend->synchronize(*own);
      ASSERT_EQ(back, values);
    }
  };
  std::thread first(work, 1), second(work, 2);
  first.join();
  second.join();
}

INSTANTIATE_TEST_SUITE_P(All, Backends, testing::ValuesIn(devices()), device_name);

/// y = a / b of i32, on a backend that captures.
class Captures : public testing::TestWithParam<std::string> {
 protected:
  Captures() {
    test_.call.target = &backend_->target();
    prepared_ = kernel::prepare(kernel_, test_.call, *backend_);
  }
  void submit_division() {
    kernel::Launch launch;
    launch.call = &test_.call;
    launch.prepared = prepared_.state.get();
    launch.buffers = {a_.get(), b_.get(), y_.get()};
    launch.queue = queue_.get();
    launch.state = &state_;
    backend_->submit(*queue_, kernel_, {&launch, 1});
  }
  void write(const kernel::Buffer& to, int value) {
    const std::vector<int> values(2, value);
    backend_->copy(*queue_, to.get(), values.data(), 8, CopyKind::to_device);
    backend_->synchronize(*queue_);
  }
  int read_result() {
    std::vector<int> values(2);
    backend_->copy(*queue_, values.data(), y_.get(), 8, CopyKind::from_device);
    backend_->synchronize(*queue_);
    EXPECT_EQ(values[0], values[1]);
    return values[0];
  }
  kernel::StepListPtr captured() {
    backend_->begin_capture(*queue_);
    submit_division();
    return backend_->end_capture(*queue_);
  }

  std::shared_ptr<kernel::Backend> backend_ = runtime::make_backend(GetParam(), 1);
  std::unique_ptr<kernel::Queue> queue_ = backend_->queue();
  cpu::TestCall test_ = cpu::make_test_call(
      ir::Pointwise{ir::Expression::of(ir::Scalar::div)},
      {cpu::tensor_of(DType::i32, {2}, {0, 0}), cpu::tensor_of(DType::i32, {2}, {0, 0})});
  const kernel::Kernel& kernel_ = backend_->kernels(test_.call.op).back();
  kernel::Prepared prepared_;
  kernel::Buffer a_ = backend_->allocate(8), b_ = backend_->allocate(8), y_ = backend_->allocate(8);
  kernel::RunState state_;
};

TEST_P(Captures, what_is_captured_is_not_done) {
  write(y_, 7);
  captured();
  EXPECT_EQ(read_result(), 7);
}

TEST_P(Captures, a_replay_reads_what_is_there_then) {
  const auto list = captured();
  write(b_, 2);
  for (const int value : {10, 20, 30}) {
    write(a_, value);
    backend_->replay(*queue_, list, state_);
    EXPECT_EQ(read_result(), value / 2);
  }
}

TEST_P(Captures, a_replay_reports_to_the_state_it_is_given) {
  const auto list = captured();
  write(a_, 1);
  write(b_, 0);
  kernel::RunState other;
  backend_->replay(*queue_, list, other);
  read_result();
  EXPECT_STREQ(other.failure(), "integer division by zero");
  EXPECT_EQ(state_.failure(), nullptr);
}

TEST_P(Captures, nothing_else_may_be_asked_meanwhile) {
  backend_->begin_capture(*queue_);
  int host = 0;
  EXPECT_THROW(backend_->copy(*queue_, &host, y_.get(), 4, CopyKind::from_device),
               std::logic_error);
  EXPECT_THROW(backend_->synchronize(*queue_), std::logic_error);
  EXPECT_THROW(backend_->record(*queue_), std::logic_error);
  EXPECT_THROW(backend_->keep(*queue_, nullptr), std::logic_error);
  backend_->end_capture(*queue_);
  EXPECT_NO_THROW(backend_->synchronize(*queue_));
}

std::vector<std::string> capturing_devices() {
  std::vector<std::string> found = devices();
  std::erase_if(found, [](const std::string& name) {
    return name != "far:banks" && !name.starts_with("cuda");
  });
  return found;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Captures);
INSTANTIATE_TEST_SUITE_P(All, Captures, testing::ValuesIn(capturing_devices()), device_name);

}  // namespace
}  // namespace tenon
