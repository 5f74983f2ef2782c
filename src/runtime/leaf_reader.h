// Where the leaves of one refit are read from: what was given, else what the engine has.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/engine_impl.h"
#include "runtime/read_leaf.h"

namespace tenon::runtime {

/// Slots that a refit must write: those that need an accepted leaf, or all.
std::vector<size_t> touched_slots(const Engine::Impl& engine, const Accepted& accepted, bool all);

/// What the engine's leaves are read from in a set (null: now), by leaf; null where nothing is
/// known.
std::vector<Source> sources_of(const Engine::Impl& engine,
                               const Engine::Impl::DataPtr& base = nullptr);

/// What is wrong with a file, or "".
std::string what_changed(const base::ByteSource& file);
/// What is to be done about a leaf whose file has changed: a refit's problem.
std::string lost_source(const LeafState& state, std::string_view what_changed);

/// Refers to all that it is given.
class LeafReader {
 public:
  LeafReader(const Engine::Impl& engine, const Accepted& accepted, const std::vector<Source>& kept)
      : engine_(engine), accepted_(accepted), kept_(kept) {}

  /// In the order of the slot's program. Throws NotReadyError where nothing is known of a leaf.
  std::vector<LeafBytes> leaves_of(const lower::SlotProgram& program) const;
  /// A sentence for every leaf of these slots whose file is not what it was.
  std::vector<std::string> changed_files(std::span<const size_t> slots) const;
  /// Throws RefitError with all of changed_files().
  void check_unchanged(std::span<const size_t> slots) const;

 private:
  LeafBytes leaf(size_t index) const;
  LeafBytes leaf(const std::string& name) const;

  const Engine::Impl& engine_;
  const Accepted& accepted_;
  const std::vector<Source>& kept_;
};

}  // namespace tenon::runtime
