// The sources of one refit, and whether their files are still what they were.
#include "runtime/leaf_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/change.h"
#include "base/error.h"
#include "base/text.h"

namespace tenon::runtime {
namespace {

std::string what_is_wrong(const base::ByteSource& file) {
  try {
    file.check_unchanged();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

std::string lost_source(const LeafState& state, std::string_view what_changed) {
  const bool can_be_given = state.leaf.refittable || !state.digest.empty();
  return fmt::format(
      "weights: {} {}: {}", base::quoted(state.leaf.name),
      can_be_given ? "must be supplied again" : "is frozen, so the model must be built again",
      what_changed);
}

std::vector<size_t> touched_slots(const Engine::Impl& engine, const Accepted& accepted, bool all) {
  std::vector<size_t> slots;
  const std::set<size_t> otherwise =
      engine.slots_changed(engine.extension(accepted.base), accepted.extension);
  for (size_t slot = 0; slot < engine.slot_leaves.size(); ++slot) {
    const auto& feeds = engine.slot_leaves[slot];
    const bool touched = std::any_of(
        feeds.begin(), feeds.end(), [&](size_t leaf) { return accepted.by_leaf[leaf] != nullptr; });
    if (all || touched || otherwise.contains(slot)) slots.push_back(slot);
  }
  return slots;
}

std::vector<Source> sources_of(const Engine::Impl& engine, const Engine::Impl::DataPtr& base) {
  std::vector<Source> sources(engine.leaves.size());
  for (size_t index = 0; index < sources.size(); ++index)
    sources[index] = engine.source_of(index, base);
  return sources;
}

LeafBytes LeafReader::leaf(size_t index) const {
  const ir::Leaf& leaf = engine_.leaves[index].leaf;
  LeafBytes bytes{.name = leaf.name, .dtype = leaf.type.dtype};
  const Given* given = accepted_.by_leaf[index];
  if (given && given->kind == Given::Kind::borrow) {
    bytes.view = &given->view;
  } else {
    bytes.source = given ? given->source.get() : kept_[index].get();
  }
  return bytes;
}

LeafBytes LeafReader::leaf(const std::string& name) const {
  if (const auto found = engine_.leaf_index.find(name); found != engine_.leaf_index.end())
    return leaf(found->second);
  const auto& [further, given] = *accepted_.extension->leaves.find(name);
  return {.source = given.source.get(), .name = further, .dtype = given.dtype};
}

std::vector<LeafBytes> LeafReader::leaves_of(const lower::SlotProgram& program) const {
  std::vector<LeafBytes> leaves;
  for (const std::string& name : program.leaves) {
    leaves.push_back(leaf(name));
    if (!leaves.back().view && !leaves.back().source) {
      throw NotReadyError(
          fmt::format("weight {} has no source any more", base::quoted(leaves.back().name)));
    }
  }
  return leaves;
}

// Read as a slot of the set that is changed was: nothing of what was given now.
std::optional<bool> LeafReader::makes_the_same(size_t slot) const {
  const Engine::Impl::DataPtr set = accepted_.base ? accepted_.base : engine_.current();
  const auto [entry, fresh] = made_again_.try_emplace(slot);
  if (!set || !set->slots[slot].memory || !fresh) return entry->second;
  Accepted nothing;
  nothing.by_leaf.resize(engine_.leaves.size());
  nothing.extension = set->extension;
  const lower::SlotProgram& program = engine_.program(slot, set->extension);
  const LeafReader old(engine_, nothing, kept_);
  try {
    const std::vector<std::byte> again = engine_.evaluated(program, old.leaves_of(program));
    entry->second = again == engine_.on_host(set->slots[slot].memory, again.size());
  } catch (const NotReadyError&) {  // of another leaf no source is known
  }
  return entry->second;
}

std::optional<bool> LeafReader::has_old_bytes(size_t index,
                                              const weights::TensorSource& source) const {
  const LeafState& state = engine_.leaves[index];
  if (engine_.has_digest(index, source))
    return weights::digest(source, state.leaf.type.dtype) == state.digest;
  if (base::change_of(*source.bytes) != base::Change::status) return std::nullopt;
  std::optional<bool> same;
  for (const size_t slot : state.slots) {
    same = makes_the_same(slot);
    if (!same || !*same) break;
  }
  return same;
}

std::string LeafReader::what_changed(size_t index) const {
  const Given* given = accepted_.by_leaf[index];
  const weights::TensorSource* source = leaf(index).source;
  if (!source || base::change_of(*source->bytes) == base::Change::none) return {};
  if (given) return what_is_wrong(*source->bytes);
  const uint64_t stamp = base::stamp_of(*source->bytes);
  const auto key = std::pair(index, source->bytes.get());
  if (const auto found = trusted_.find(key); found != trusted_.end() && found->second == stamp)
    return {};
  std::optional<bool> same;
  try {
    same = has_old_bytes(index, *source);
  } catch (const Error& error) {  // that it cannot be read is what is wrong
    return error.what();
  }
  if (same && *same && base::stamp_of(*source->bytes) == stamp) {
    trusted_[key] = stamp;
    return {};
  }
  const std::string wrong = what_is_wrong(*source->bytes);
  return wrong.empty() && same ? source->bytes->name() + ": was rewritten under another name"
                               : wrong;
}

std::vector<std::string> LeafReader::changed_files(std::span<const size_t> slots) const {
  made_again_.clear();                           // of the files as they were the last time
  std::map<const base::ByteSource*, bool> seen;  // whether anything has happened to it
  std::map<std::string_view, std::string> problems;
  for (const size_t slot : slots) {
    for (const std::string& name : engine_.program(slot, accepted_.extension).leaves) {
      const LeafBytes bytes = leaf(name);
      if (!bytes.source || problems.contains(bytes.name)) continue;
      const base::ByteSource* file = bytes.source->bytes.get();
      const auto [entry, fresh] = seen.try_emplace(file);
      if (fresh) entry->second = base::change_of(*file) != base::Change::none;
      if (!entry->second) continue;
      const auto known = engine_.leaf_index.find(name);
      const bool further = known == engine_.leaf_index.end();  // of the extension
      const std::string wrong = further ? what_is_wrong(*file) : what_changed(known->second);
      if (wrong.empty()) continue;
      problems.emplace(bytes.name, further ? fmt::format("weights: {} must be supplied again: {}",
                                                         base::quoted(bytes.name), wrong)
                                           : lost_source(engine_.leaves[known->second], wrong));
    }
  }
  std::vector<std::string> sentences;
  for (auto& [name, sentence] : problems) sentences.push_back(std::move(sentence));
  return sentences;
}

void LeafReader::check_unchanged(std::span<const size_t> slots) const {
  std::vector<std::string> problems = changed_files(slots);
  if (!problems.empty()) throw RefitError(std::move(problems));
}

}  // namespace tenon::runtime
