// The state of an engine, and the steps of a refit over it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file_writer.h"
#include "base/fork.h"
#include "lower/lower.h"
#include "plan/plan_file.h"
#include "runtime/extension.h"
#include "runtime/run_gate.h"
#include "runtime/scratch.h"
#include "runtime/signature_cache.h"
#include "runtime/slot_pool.h"
#include "runtime/weight_set.h"
#include "tenon/engine.h"

namespace tenon::runtime {

class LeafReader;
struct LeafBytes;

/// What an engine was made with, beside its program.
struct EngineOptions {
  std::string device = "cpu";
  int threads = 0;
  Memory memory = Memory::double_;
  int sets = 2;
  Sources sources = Sources::keep;
  size_t signature_bytes = SignatureCache::default_limit;
};

/// One row of the leaf table with what a refit needs of it.
struct LeafState {
  ir::Leaf leaf;
  std::vector<const ir::Guard*> guards;  ///< where the build used its value
  std::vector<size_t> slots;             ///< indices of the slots that are made from it
  std::string digest;  ///< of a stripped or identical plan: what it had when saved
};

/// The addresses from a view's first element to the end of its last.
struct AddressRange {
  uintptr_t first = 0, last = 0;
};

/// How a weight was given to a refitter.
struct Given {
  enum class Kind { set, borrow, file };
  Kind kind = Kind::set;
  std::string name;                       ///< as given
  Source source;                          ///< of set and file
  TensorView view;                        ///< of borrow
  AddressRange addresses;                 ///< of borrow, and of a dense set: where it was
  std::string file;                       ///< of file: the path as given
  std::vector<base::Consumer> consumers;  ///< of an ONNX file
  std::string shares_storage_with;        ///< of file: see weights::WeightFile
  std::string unreadable;                 ///< a type that Tenon lacks; no source then
  bool constant = false;                  ///< of file: see weights::WeightFile
  std::string refusal;                    ///< what is wrong with its elements

  DType dtype() const { return kind == Kind::borrow ? view.dtype : source->dtype; }
  const Shape& shape() const { return kind == Kind::borrow ? view.shape : source->shape; }
};
using GivenWeights = std::map<std::string, Given, std::less<>>;

/// What a refit demands of the names it is given; see RefitOptions.
struct Demands {
  bool strict = false, complete = false;
};

/// What check() lets through.
struct Accepted {
  std::shared_ptr<WeightSet::Data> base;  ///< what is changed; null: nothing yet
  std::vector<const Given*> by_leaf;      ///< null: keeps its source
  std::vector<std::string> changed;
  std::map<std::string, std::string> ignored;  ///< name to reason
  ExtensionPtr extension;                      ///< of the new set
};

/// Progress of an evaluation that the report wants.
struct RefitStats {
  std::map<std::string, int64_t> overflowed;
  uint64_t bytes = 0;
  size_t begun = 0;  ///< jobs whose targets may have been written to
};

}  // namespace tenon::runtime

namespace tenon {

struct Engine::Impl : std::enable_shared_from_this<Engine::Impl> {
  using Data = WeightSet::Data;
  using DataPtr = std::shared_ptr<Data>;

  /// Lowers the plan for `backend` and leaves the engine without weights; evaluate them with
  /// refit_all().
  Impl(plan::PlanFile file, std::shared_ptr<kernel::Backend> backend,
       const lower::Options& lowering, const runtime::EngineOptions& options);

  // Immutable after construction.
  std::shared_ptr<kernel::Backend> backend;
  std::shared_ptr<kernel::Backend> host;  ///< beside a device; null where the backend is the host
  runtime::EngineOptions options;
  plan::PlanFile file;  ///< program, records; without its sources
  lower::Lowered lowered;
  std::vector<runtime::LeafState> leaves;  ///< as in Program::leaves, then constants of passes
  std::map<std::string, size_t, std::less<>> leaf_index;
  std::vector<std::vector<size_t>> slot_leaves;  ///< by slot: indices of its leaves
  /// By leaf: what reset() goes back to; frozen leaves, guarded values.
  std::vector<runtime::Source> original;
  runtime::SignatureCache signatures;  ///< of lowered.main, for all contexts
  std::shared_ptr<runtime::SlotPool> pool;
  std::shared_ptr<runtime::SlotBanks> banks;  ///< in its place on backends that capture
  std::shared_ptr<runtime::SetLedger> ledger = std::make_shared<runtime::SetLedger>();

  runtime::WriterMutex writer;
  mutable base::Mutex state;         ///< guards current_
  runtime::RunGate gate;             ///< in-place engines: runs and writes exclude each other
  mutable runtime::Scratch scratch;  ///< guarded by writer
  uint64_t versions = 0;             ///< the last version given; guarded by writer
  bool refitted = false;             ///< since build or load; guarded by writer

  /// The weights of a run that starts now; throws NotReadyError.
  DataPtr set_for_run() const;
  /// Throws Error(unavailable) in a child of fork(), for an engine of its parent on a device.
  void refuse_in_child() const;
  DataPtr current() const;

  /// First evaluation after build or load, from `original`.
  void refit_all(const base::Watch& watch);

  /// What adds these terms, instead of any that the current set has; null for none. Throws
  /// RefitError with every problem.
  runtime::ExtensionPtr extended(const runtime::LowRankTerms& terms) const;
  /// A set's; null: the current one's.
  runtime::ExtensionPtr extension(const DataPtr& base = nullptr) const;
  /// How a slot is made under an extension.
  const lower::SlotProgram& program(size_t slot, const runtime::ExtensionPtr& extension) const;
  /// Slots that one extension makes otherwise than another.
  std::set<size_t> slots_changed(const runtime::ExtensionPtr& now,
                                 const runtime::ExtensionPtr& next) const;

  // All of these hold `writer`.

  /// Throws RefitError with every problem.
  runtime::Accepted check(const runtime::GivenWeights& given, runtime::Demands demands,
                          const runtime::ExtensionPtr& extension, const DataPtr& base) const;
  std::vector<std::string> missing(const runtime::GivenWeights& given, const DataPtr& base) const;
  /// Whether a complete refit brings this leaf.
  bool is_expected(size_t leaf) const {
    return leaves[leaf].leaf.refittable && leaves[leaf].guards.empty();
  }
  /// A complete new set; its base is untouched. Waits for buffers that runs still read.
  DataPtr prepare(const runtime::Accepted& accepted, runtime::RefitStats& stats,
                  const base::Watch& watch);
  /// The same over the current set's memory; restores it on failure.
  void write_in_place(const runtime::Accepted& accepted, runtime::RefitStats& stats,
                      const base::Watch& watch);
  void publish(DataPtr next);
  /// Evaluates the current set's sources over these slots again; if that fails the engine is not
  /// ready.
  void restore(std::span<const size_t> slots, const runtime::LeafReader& reader) noexcept;
  /// What a slot is of these leaves, in host memory; nothing of the engine is written to.
  std::vector<std::byte> evaluated(const lower::SlotProgram& slot,
                                   std::vector<runtime::LeafBytes> leaves_of_slot) const;
  /// A copy of the backend's memory.
  std::vector<std::byte> on_host(const kernel::Buffer& memory, size_t bytes) const;
  /// check, then prepare and publish or write_in_place; fills the report. `base`: in place of the
  /// current set; `extended`: makes the extension of the base's.
  RefitReport commit(const runtime::GivenWeights& given, runtime::Demands demands,
                     const base::Watch& watch, const DataPtr& base = nullptr,
                     const runtime::Extended& extended = nullptr);

  /// Where a leaf's bytes are in a set, null: now; or null.
  runtime::Source source_of(size_t leaf, const DataPtr& base = nullptr) const;
  /// Whether the digest that its plan told is that of these bytes of a leaf.
  bool has_digest(size_t leaf, const weights::TensorSource& source) const;
  /// After the first evaluation: nothing refers to bytes of build()'s caller any more.
  void keep_originals();
  size_t leaf_named(
      std::string_view name) const;  ///< throws Error(invalid_input) with the nearest name

  void save(base::FileWriter& writer_of_file, const SaveOptions& save_options);

 private:
  /// Nothing of the child waits for threads that it does not have.
  void begin_in_child() noexcept;
  runtime::Source sum_of(const lower::SlotProgram& sum, const runtime::LeafReader& reader) const;
  /// Constants whose bytes stand in the weights graph; those that passes made have no row in the
  /// leaf table.
  void add_inline_constants();

  DataPtr current_;
  /// The set whose memory a failed in-place refit spoilt: its sources are still good.
  DataPtr lost_;
  uint32_t made_in_ = base::forks();
  base::InChild in_child_{[this] { begin_in_child(); }};  // last: it uses the others
};

}  // namespace tenon

namespace tenon::runtime {

/// build() ends here, and load(): lowers and evaluates everything that has bytes.
std::shared_ptr<Engine::Impl> make_engine(plan::PlanFile file,
                                          std::shared_ptr<kernel::Backend> backend,
                                          const lower::Options& lowering,
                                          const EngineOptions& options);

/// What load does after opening the file; `backend` null: made from the options or the plan.
std::shared_ptr<Engine::Impl> load_engine(std::shared_ptr<const base::ByteSource> bytes,
                                          const LoadOptions& options,
                                          std::shared_ptr<kernel::Backend> backend = nullptr);

}  // namespace tenon::runtime
