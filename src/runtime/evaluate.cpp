// Slots from sources, one at a time.
#include "runtime/evaluate.h"

#include <algorithm>
#include <cstring>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "runtime/allocated.h"
#include "runtime/queue_guard.h"

namespace tenon::runtime {
namespace {

// Reading, converting and copying go in pieces that stay in the second-level cache.
constexpr int64_t piece_bytes = int64_t{512} << 10;

int64_t piece_elements(DType dtype) { return piece_bytes / static_cast<int64_t>(size_of(dtype)); }

void count_overflow(RefitStats& stats, std::string_view name, int64_t overflowed) {
  if (overflowed > 0) stats.overflowed[std::string(name)] = overflowed;
}

// Copies on all threads: one core does not reach the memory's bandwidth.
void copy_pieces(const void* from, void* to, int64_t bytes, int threads) {
  base::parallel_for(threads, (bytes + piece_bytes - 1) / piece_bytes, [&](int64_t piece) {
    const int64_t first = piece * piece_bytes;
    std::memcpy(static_cast<std::byte*>(to) + first, static_cast<const std::byte*>(from) + first,
                static_cast<size_t>(std::min(piece_bytes, bytes - first)));
  });
}

size_t bytes_of(const LeafBytes& leaf) {
  const Shape& shape = leaf.view ? leaf.view->shape : leaf.source->shape;
  return static_cast<size_t>(element_count(shape)) * size_of(leaf.dtype);
}

std::string text_of(const LeafBytes& leaf) {
  const Shape& shape = leaf.view ? leaf.view->shape : leaf.source->shape;
  return copy_of_weight(leaf.name, leaf.dtype, shape);
}

void read_view(const LeafBytes& leaf, void* out, RefitStats& stats) {
  const TensorView& view = *leaf.view;
  const int64_t count = element_count(view.shape);
  if (base::is_dense(view)) {
    count_overflow(stats, leaf.name, base::convert(view.dtype, view.data, leaf.dtype, out, count));
  } else if (view.dtype == leaf.dtype) {
    base::make_dense(view, out);
  } else {
    std::vector<std::byte> dense;
    allocated([&] { return text_of(leaf); }, view.bytes(), more_memory,
              [&] { dense.resize(view.bytes()); });
    base::make_dense(view, dense.data());
    count_overflow(stats, leaf.name,
                   base::convert(view.dtype, dense.data(), leaf.dtype, out, count));
  }
}

}  // namespace

const void* LeafBytes::in_place() const {
  if (dtype == DType::bool_) return nullptr;  // they become 0 and 1 as they are read
  const void* bytes = nullptr;
  if (view != nullptr) {
    if (view->dtype == dtype && base::is_dense(*view)) bytes = view->data;
  } else if (const std::byte* memory = source->bytes->memory(); memory && source->dtype == dtype) {
    bytes = memory + source->offset;
  }
  const bool aligned = reinterpret_cast<uintptr_t>(bytes) % size_of(dtype) == 0;
  return aligned ? bytes : nullptr;
}

void read_leaf(const LeafBytes& leaf, void* out, RefitStats& stats, const std::stop_token& stop) {
  if (leaf.view != nullptr) {
    base::throw_if_stopped(stop);
    return read_view(leaf, out, stats);
  }
  const int64_t count = element_count(leaf.source->shape);
  weights::ReadStats read;
  for (int64_t first = 0; first < count; first += piece_elements(leaf.dtype)) {
    base::throw_if_stopped(stop);
    const int64_t some = std::min(piece_elements(leaf.dtype), count - first);
    weights::read_elements(
        *leaf.source, first, some, leaf.dtype,
        static_cast<std::byte*>(out) + first * static_cast<int64_t>(size_of(leaf.dtype)), &read);
  }
  count_overflow(stats, leaf.name, read.overflowed);
}

SlotEvaluator::SlotEvaluator(kernel::Backend& backend, SlotPool& pool)
    : backend_(backend), pool_(pool), queue_(backend.queue()) {}

void SlotEvaluator::read(const LeafBytes& leaf, void* target, RefitStats& stats,
                         const std::stop_token& stop) {
  const size_t bytes = bytes_of(leaf);
  const void* there = leaf.in_place();
  if (backend_.host_memory()) {
    base::throw_if_stopped(stop);
    if (there)
      return copy_pieces(there, target, static_cast<int64_t>(bytes), backend_.target().threads);
    return read_leaf(leaf, target, stats, stop);
  }
  if (!there) {
    allocated([&] { return text_of(leaf); }, bytes, more_memory, [&] { bounce_.resize(bytes); });
    read_leaf(leaf, bounce_.data(), stats, stop);
    there = bounce_.data();
  }
  const QueueGuard queued(backend_, *queue_);
  if (bytes > 0) backend_.copy(*queue_, target, there, bytes, kernel::CopyKind::to_device);
  backend_.synchronize(*queue_);
}

const void* SlotEvaluator::leaf_operand(const LeafBytes& leaf, RefitStats& stats,
                                        const std::stop_token& stop) {
  if (backend_.host_memory()) {
    if (const void* bytes = leaf.in_place()) return bytes;
  }
  const size_t bytes = bytes_of(leaf);
  staged_.push_back(allocated([&] { return text_of(leaf); }, bytes, more_memory,
                              [&] { return pool_.allocate(bytes); }));
  read(leaf, staged_.back().get(), stats, stop);
  return staged_.back().get();
}

void SlotEvaluator::evaluate(const lower::SlotProgram& slot, std::span<const LeafBytes> leaves,
                             void* target, RefitStats& stats, const std::stop_token& stop) {
  stats.bytes += slot.type.bytes();
  if (slot.is_source()) return read(leaves[0], target, stats, stop);
  const ir::Graph& graph = slot.executable.graph;
  const lower::Signature& signature = *slot.signature;
  staged_.clear();
  std::vector<void*> buffers(graph.values().size(), nullptr);
  for (size_t i = 0; i < leaves.size(); ++i) {
    // Kernels only read their inputs.
    buffers[static_cast<size_t>(graph.inputs()[i])] =
        const_cast<void*>(leaf_operand(leaves[i], stats, stop));
  }
  const ir::ValueId result = slot.executable.storage[static_cast<size_t>(graph.outputs()[0].value)];
  buffers[static_cast<size_t>(result)] = target;
  const auto arena_text = [&] {
    return fmt::format(
        "the arena of {} (most of it {})", lower::describe(slot),
        lower::largest_in_arena(slot.executable, slot.executable.regions[0], signature));
  };
  const kernel::Memory arena = allocated(arena_text, signature.arena_bytes, more_memory,
                                         [&] { return pool_.allocate(signature.arena_bytes); });
  kernel::RunState state(backend_.target().threads);
  const QueueGuard queued(backend_, *queue_);
  {
    const base::FloatMode mode;
    lower::run_steps(slot.executable, slot.executable.regions[0], signature, backend_, *queue_,
                     arena.get(), buffers, state);
    backend_.synchronize(*queue_);
  }
  staged_.clear();
  if (state.failure()) {
    std::vector<std::string> names;
    for (const LeafBytes& leaf : leaves) names.push_back(base::quoted(leaf.name));
    base::fail(ErrorCode::refit, "weight{} {}: {}", names.size() == 1 ? "" : "s",
               names.empty() ? slot.name : base::join(names, ", "), lower::failure_text(state));
  }
}

}  // namespace tenon::runtime
