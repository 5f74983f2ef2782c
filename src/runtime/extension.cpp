// Checking low-rank terms, and the slot programs that add them.
#include "runtime/extension.h"

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "lower/low_rank.h"
#include "runtime/engine_impl.h"

namespace tenon::runtime {
namespace {

using Impl = Engine::Impl;

// By place, not by adapter: the programs of one adapter are another's of the same ranks.
std::string leaf_name(std::string_view part, size_t term, const std::string& weight) {
  return fmt::format("{} of term {} for {}", part, term, base::quoted(weight, base::whole_name));
}

/// Why the engine cannot add a term to a weight, or "".
std::string refusal(const Impl& engine, const std::string& weight, const LowRankTerm& term) {
  const auto found = engine.leaf_index.find(weight);
  if (found == engine.leaf_index.end()) return "which is not in this engine";
  const LeafState& state = engine.leaves[found->second];
  if (!state.leaf.refittable) return "which is frozen: " + state.leaf.reason;
  if (!state.guards.empty()) return "whose value the build used";
  const ir::ValueType& type = state.leaf.type;
  const DType dtype = lower::sum_dtype(type.dtype);
  if (!is_floating(type.dtype) || type.rank() < 2) return "which is " + type.text();
  const Shape shape = type.shape();
  const int64_t columns = element_count(std::span(shape).subspan(1));
  const Shape &a = term.a->shape, &b = term.b->shape;
  if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[1] != columns || b[0] != shape[0]) {
    return fmt::format("which is {}: a has shape {} and b {}, not [rank, {}] and [{}, rank]",
                       type.text(), to_string(a), to_string(b), columns, shape[0]);
  }
  if (base::converts(term.a->dtype, dtype) && base::converts(term.b->dtype, dtype)) return "";
  return "whose terms must be floating";
}

Source scalar(DType dtype, double value) {
  std::vector<std::byte> bytes(byte_count(dtype, 1));
  base::convert(DType::f64, &value, dtype, bytes.data(), 1);
  return std::make_shared<weights::TensorSource>(
      weights::TensorSource{dtype, {}, base::memory_source(std::move(bytes)), 0});
}

/// Names the leaves of all terms and gives them their sources.
void name_leaves(const Impl& engine, Extension& extension) {
  for (const auto& [weight, terms] : extension.terms) {
    const DType dtype = lower::sum_dtype(engine.leaves[engine.leaf_named(weight)].leaf.type.dtype);
    std::vector<lower::LowRank>& ranks = extension.ranks[weight];
    for (const auto& [adapter, term] : terms) {
      const size_t place = ranks.size();
      const lower::LowRank& names = ranks.emplace_back(
          lower::LowRank{leaf_name("a", place, weight), leaf_name("b", place, weight),
                         leaf_name("scale", place, weight), term.a->shape[0]});
      extension.leaves[names.a] = {term.a, dtype};
      extension.leaves[names.b] = {term.b, dtype};
      extension.leaves[names.scale] = {scalar(dtype, term.scale), dtype};
    }
  }
}

void make_programs(const Impl& engine, Extension& extension) {
  lower::SlotPrograms programs(engine.lowered.weights, *engine.backend, extension.ranks);
  const auto kept = [](lower::SlotProgram program) {
    return std::make_shared<const lower::SlotProgram>(std::move(program));
  };
  for (const auto& [weight, terms] : extension.ranks) {
    extension.sums[weight] = kept(programs.sum(weight));
    for (const size_t slot : engine.leaves[engine.leaf_named(weight)].slots) {
      auto& program = extension.programs[slot];
      if (!program) program = kept(programs.of(engine.lowered.slots[slot].name));
    }
  }
}

}  // namespace
}  // namespace tenon::runtime

namespace tenon {

using namespace runtime;

ExtensionPtr Engine::Impl::extended(const LowRankTerms& terms) const {
  auto extension = std::make_shared<Extension>();
  std::vector<std::string> problems;
  for (const auto& [weight, adapters] : terms) {
    for (const auto& [adapter, term] : adapters) {
      const std::string why = refusal(*this, weight, term);
      if (!why.empty()) {
        problems.push_back(fmt::format("weights: adapter {} cannot change {}, {}",
                                       base::quoted(adapter), base::quoted(weight), why));
      } else if (term.scale != 0) {
        extension->terms[leaves[leaf_named(weight)].leaf.name].emplace(adapter, term);
      }
    }
  }
  if (!problems.empty()) throw RefitError(std::move(problems));
  if (extension->terms.empty()) return nullptr;
  name_leaves(*this, *extension);
  const ExtensionPtr now = this->extension();
  if (now && now->ranks == extension->ranks) {  // other values, other scales
    extension->programs = now->programs;
    extension->sums = now->sums;
  } else {
    make_programs(*this, *extension);
  }
  return extension;
}

ExtensionPtr Engine::Impl::extension(const DataPtr& base) const {
  if (base) return base->extension;
  const std::lock_guard lock(state);
  const DataPtr& set = current_ ? current_ : lost_;
  return set ? set->extension : nullptr;
}

const lower::SlotProgram& Engine::Impl::program(size_t slot, const ExtensionPtr& extension) const {
  if (extension) {
    if (const auto found = extension->programs.find(slot); found != extension->programs.end())
      return *found->second;
  }
  return lowered.slots[slot];
}

std::set<size_t> Engine::Impl::slots_changed(const ExtensionPtr& now,
                                             const ExtensionPtr& next) const {
  std::set<size_t> slots;
  const auto compare = [&](const ExtensionPtr& a, const ExtensionPtr& b) {
    if (!a || a == b) return;
    for (const auto& [weight, terms] : a->terms) {
      if (b && b->terms.contains(weight) && b->terms.at(weight) == terms) continue;
      const std::vector<size_t>& readers = leaves[leaf_named(weight)].slots;
      slots.insert(readers.begin(), readers.end());
    }
  };
  compare(now, next);
  compare(next, now);
  return slots;
}

}  // namespace tenon
