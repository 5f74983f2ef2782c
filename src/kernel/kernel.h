// What lowering and backends meet: kernels, the calls they are asked about, the launches they run.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "kernel/target.h"

namespace tenon::kernel {

class Backend;
class Queue;

/// An operand of a call: a type with concrete dims.
struct Operand {
  DType dtype = DType::f32;
  std::vector<int64_t> dims;  ///< logical
  ir::Layout layout;
  bool present = true;
  bool weight =
      false;  ///< comes from the weights graph: it may be packed, and changes only by refit
  /// In elements, by axis, of a plain operand that is a view; none where it is dense.
  std::vector<int64_t> strides = {};

  int64_t elements() const;
  /// In its layout, padding included; throws unavailable where no memory can have so many.
  size_t bytes() const;
  std::optional<size_t> bytes_if_possible() const;  ///< nothing where bytes() throws
  std::string text() const;                         ///< "f32[2, 3]"
};

/// Row-major strides, in elements.
std::vector<int64_t> dense_strides(std::span<const int64_t> dims);

/// One node at one signature of shapes: all that a kernel may know before it runs. Immutable while
/// launches use it.
struct Call {
  ir::Op op;
  std::vector<Operand> inputs, outputs;
  std::string tactic;
  const Target* target = nullptr;
  /// The operands as the kernel's pack() made them; the packed type stands in `inputs` too. Plain
  /// types, for pack().
  std::vector<Operand> plain_inputs;

  template <class T>
  const T& as() const noexcept {
    return *op.as<T>();
  }
};

/// Wished layouts, by operand; a list that is shorter than the operands, or empty, wishes plain for
/// the rest.
struct Layouts {
  std::vector<ir::Layout> inputs, outputs;
  /// Takes any layout, if all its operands of the outputs' rank have the same: they follow the
  /// first input.
  bool follow = false;
};

/// One way to run a kernel, by a name that only the kernel reads; a kernel that has just one calls
/// it "".
struct Tactic {
  std::string name;
};

/// What a kernel works out for one call, shared by all launches of it: `state` is immutable.
struct Prepared {
  std::shared_ptr<const void> state;
  size_t scratch = 0;  ///< bytes for one launch
};

/// Shared by the launches of one run: how wide to go, and the first data error.
class RunState {
 public:
  explicit RunState(int threads = 1) : threads(threads) {}

  int threads;
  std::stop_token stop;  ///< whoever queues the launches looks at it between them

  /// The first call wins. `sentence` has static lifetime.
  void fail(const ir::Node* node, const char* sentence) noexcept {
    if (failed_.exchange(true)) return;
    node_ = node;
    sentence_ = sentence;
  }
  // Once all launches are done:
  const char* failure() const noexcept { return sentence_; }  ///< null: there was none
  const ir::Node* failed_node() const noexcept { return node_; }
  void clear() noexcept {
    failed_ = false;
    sentence_ = nullptr;
  }

 private:
  std::atomic<bool> failed_{false};
  const ir::Node* node_ = nullptr;
  const char* sentence_ = nullptr;
};

/// What run() gets: pointers in the backend's memory, inputs then outputs (null for absent ones).
/// Flat and copyable.
struct Launch {
  static constexpr size_t most_operands = 20;

  const Call* call = nullptr;
  std::array<void*, most_operands> buffers{};
  void* scratch = nullptr;
  const void* prepared = nullptr;  ///< Prepared::state
  Queue* queue = nullptr;          ///< what run() enqueues on
  RunState* state = nullptr;
  const ir::Node* node = nullptr;  ///< for its data error

  template <class T>
  const T* input(size_t i) const noexcept {
    return static_cast<const T*>(buffers[i]);
  }
  template <class T>
  T* output(size_t i) const noexcept {
    return static_cast<T*>(buffers[call->inputs.size() + i]);
  }
  /// Reports a data error (an index out of range); the run throws it as InputError, with the name
  /// of the node. `sentence` is a literal.
  void fail(const char* sentence) const noexcept { state->fail(node, sentence); }
};

/// One implementation of an op. Functions are pure but for run(); those that get the backend may
/// ask its libraries.
struct Kernel {
  std::string_view name;  ///< "cpu.conv.direct.avx3"
  int version = 1;        ///< raised when results or packs change
  const char* (*reject)(const Call&) =
      nullptr;  ///< the reason it cannot run, or nullptr. Lowering only.
  Layouts (*layouts)(const Call&) = nullptr;  ///< null: plain
  /// Null: one, "". Ordered best guess first.
  std::vector<Tactic> (*tactics)(const Call&, Backend&) = nullptr;
  /// For weight operands: a graph from plain inputs named by operand number ("1") to packed outputs
  /// of the same names. Null or an empty graph: operands stay plain.
  ir::Graph (*pack)(const Call&) = nullptr;
  /// Once per signature; may throw. The call outlives what is made of it.
  Prepared (*prepare)(const Call&, Backend&) = nullptr;
  void (*run)(const Launch&) noexcept = nullptr;  ///< no allocation
  uint32_t strided_inputs = 0;  ///< bit i: plain operand i may be a view, with strides
  uint32_t rows_inputs = 0;     ///< bit i: it may, where its last axis is dense
  /// So may the one result, whose last axis is dense.
  bool strided_output = false;
  /// Bit i: the one result may lie on operand i, where both are dense and of equal extents.
  uint32_t in_place = 0;
};

/// All bits of Kernel::strided_inputs and in_place.
inline constexpr uint32_t every_operand = UINT32_MAX;

/// The kernels of one op, best first, the reference last.
using Kernels = std::span<const Kernel>;

}  // namespace tenon::kernel
