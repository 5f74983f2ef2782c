// What a public Network holds.
#pragma once

#include "onnx/onnx.h"
#include "tenon/network.h"

namespace tenon {

/// What was added so far, by hand or by an importer.
struct Network::Impl {
  /// Tells networks apart, also from those that are gone.
  uint64_t serial = next_serial();
  static uint64_t next_serial();

  onnx::Draft draft;
  struct Borrowed {
    std::string name;
    TensorView view;
    std::shared_ptr<void> owner;
  };
  std::vector<Borrowed> borrowed;
  /// What an attribute's body has borrowed is read by the build of this network.
  void take_borrowed(const Attribute& attribute);

  Value made(ir::ValueId id) const { return {id, serial}; }
  Value add(ir::Leaf leaf, const std::optional<weights::TensorSource>& source) {
    return made(draft.leaves.add(draft.builder, std::move(leaf), source));
  }
  /// Whether an input or a leaf has the name.
  bool is_taken(const std::string& name) const;
  /// Throws BuildError, naming `what`, for a value that is not this network's.
  ir::ValueId id_of(Value value, const std::string& what) const;
  /// The network as it stands; throws BuildError when it has no output. Reads what is borrowed.
  onnx::Model finish() const;
  /// Calls `f`, and forgets what it added when it throws.
  template <class F>
  auto all_or_nothing(F&& f);
};

template <class F>
auto Network::Impl::all_or_nothing(F&& f) {
  const auto mark = draft.builder.mark();
  const size_t leaves = draft.leaves.rows().size();
  try {
    return f();
  } catch (...) {
    draft.builder.rewind(mark);
    draft.leaves.keep_first(leaves);
    throw;
  }
}

}  // namespace tenon
