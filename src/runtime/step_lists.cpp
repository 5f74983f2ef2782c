// Where the backend captures: the steps of a region are queued as a list that is replayed.
#include <algorithm>

#include "base/cancel.h"
#include "runtime/runner.h"

namespace tenon::runtime {
namespace {

using ir::index;

/// So many lists a region has: sets of extents, times banks, times places of the caller's arrays.
constexpr size_t most_lists = 16;

/// Values that the region's steps touch and that do not lie in the arena.
std::vector<ir::ValueId> outer_values(const lower::Executable& executable,
                                      const lower::Region& region) {
  std::vector<bool> seen(executable.graph.values().size());
  for (const ir::ValueId id : region.arena) seen[index(id)] = true;
  std::vector<ir::ValueId> outer;
  const auto add = [&](ir::ValueId id) {
    if (id == ir::absent) return;
    const ir::ValueId root = executable.storage[index(id)];
    if (!seen[index(root)]) outer.push_back(root);
    seen[index(root)] = true;
  };
  for (size_t step = region.first; step < region.kernels_end(); ++step) {
    const ir::Node& node = executable.node_of(executable.steps[step]);
    std::ranges::for_each(node.inputs, add);
    std::ranges::for_each(node.outputs, add);
  }
  return outer;
}

/// A capture that ends whatever happens.
class Capture {
 public:
  Capture(kernel::Backend& backend, kernel::Queue& queue) : backend_(backend), queue_(queue) {
    backend_.begin_capture(queue_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    try {
      if (!ended_) backend_.end_capture(queue_);
    } catch (const std::exception&) {  // the first error is the one to report
    }
  }
  kernel::StepListPtr end() {
    ended_ = true;
    return backend_.end_capture(queue_);
  }

 private:
  kernel::Backend& backend_;
  kernel::Queue& queue_;
  bool ended_ = false;
};

}  // namespace

CapturedSteps& Runner::captured(const Frame& frame, size_t number, void* arena) {
  const lower::Region& region = frame.executable.regions[number];
  if (arena != std::exchange(listed_arena_, arena)) {
    for (auto& [of, lists] : lists_) {
      retire(std::make_shared<std::vector<CapturedSteps>>(std::exchange(lists.steps, {})));
    }
  }
  RegionLists& lists = lists_[&region];
  if (lists.steps.empty()) lists.outer = outer_values(frame.executable, region);
  std::vector<void*> places;
  for (const ir::ValueId id : lists.outer) places.push_back(frame.buffers[index(id)]);
  auto found = std::ranges::find_if(lists.steps, [&](const CapturedSteps& steps) {
    return steps.places == places && lower::fits(region, *steps.signature, symbols_);
  });
  if (found == lists.steps.end()) {
    if (lists.steps.size() == most_lists) {
      retire(std::make_shared<CapturedSteps>(std::move(lists.steps.back())));
      lists.steps.pop_back();
    }
    lists.steps.push_back({frame.signatures[number], std::move(places)});
    found = std::prev(lists.steps.end());
  }
  std::rotate(lists.steps.begin(), found, std::next(found));
  return lists.steps.front();
}

void Runner::queue_steps(Frame& frame, size_t number, void* arena, kernel::Backend& through) {
  const lower::Executable& executable = frame.executable;
  const lower::Region& region = executable.regions[number];
  const auto run = [&](const lower::Signature& made) {
    lower::run_steps(executable, region, made, through, *queue_, arena, frame.buffers,
                     flight_->state);
  };
  const bool listed = through.captures() && region.kernels_end() > region.first;
  if (!listed) return run(*frame.signatures[number]);
  CapturedSteps& steps = captured(frame, number, arena);
  if (!std::exchange(steps.met, true)) return run(*steps.signature);
  if (!steps.list) {
    Capture capture(through, *queue_);
    run(*steps.signature);
    steps.list = capture.end();
  } else {
    lower::fill_buffers(executable, region, *steps.signature, arena, frame.buffers);
  }
  base::throw_if_stopped(flight_->state.stop);
  through.replay(*queue_, steps.list, flight_->state);
}

}  // namespace tenon::runtime
