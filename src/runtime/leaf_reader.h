// Where the leaves of one refit are read from: what was given, else what the engine has.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
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

/// What is to be done about a leaf whose file has changed: a refit's problem.
std::string lost_source(const LeafState& state, std::string_view what_changed);

/// By leaf and file: the file's stamp when its bytes were found to be what they were.
using Trusted = std::map<std::pair<size_t, const base::ByteSource*>, uint64_t>;

/// Refers to all that it is given. The engine's writer is held.
class LeafReader {
 public:
  LeafReader(const Engine::Impl& engine, const Accepted& accepted, const std::vector<Source>& kept,
             Trusted trusted = {})
      : engine_(engine), accepted_(accepted), kept_(kept), trusted_(std::move(trusted)) {}

  /// In the order of the slot's program. Throws NotReadyError where nothing is known of a leaf.
  std::vector<LeafBytes> leaves_of(const lower::SlotProgram& program) const;
  /// A sentence for every leaf of these slots whose file is not what it was.
  std::vector<std::string> changed_files(std::span<const size_t> slots) const;
  /// Throws RefitError with all of changed_files().
  void check_unchanged(std::span<const size_t> slots) const;
  /// What is wrong with the file that a leaf is read from, or "". Where only the file's status has
  /// changed, or a digest is known, the bytes decide: by that digest, else by making the leaf's
  /// slots again, which must give what the set has.
  std::string what_changed(size_t leaf) const;
  const Trusted& trusted() const noexcept { return trusted_; }

 private:
  /// Nothing where nobody can tell.
  std::optional<bool> has_old_bytes(size_t leaf, const weights::TensorSource& source) const;
  std::optional<bool> makes_the_same(size_t slot) const;
  LeafBytes leaf(size_t index) const;
  LeafBytes leaf(const std::string& name) const;

  const Engine::Impl& engine_;
  const Accepted& accepted_;
  const std::vector<Source>& kept_;
  mutable Trusted trusted_;
  mutable std::map<size_t, std::optional<bool>> made_again_;  ///< by slot: see makes_the_same
};

}  // namespace tenon::runtime
