// The sources of one refit, and whether their files are still what they were.
#include "runtime/leaf_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tenon::runtime {

std::string what_changed(const base::ByteSource& file) {
  try {
    file.check_unchanged();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

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

std::vector<std::string> LeafReader::changed_files(std::span<const size_t> slots) const {
  std::map<const base::ByteSource*, std::string> seen;  // what is wrong with it, or ""
  std::map<std::string_view, std::string> problems;
  for (const size_t slot : slots) {
    for (const std::string& name : engine_.program(slot, accepted_.extension).leaves) {
      const LeafBytes bytes = leaf(name);
      if (!bytes.source) continue;
      const base::ByteSource* file = bytes.source->bytes.get();
      const auto [entry, fresh] = seen.try_emplace(file);
      if (fresh) entry->second = what_changed(*file);
      if (entry->second.empty()) continue;
      const auto known = engine_.leaf_index.find(name);
      problems.emplace(bytes.name, known != engine_.leaf_index.end()
                                       ? lost_source(engine_.leaves[known->second], entry->second)
                                       : fmt::format("weights: {} must be supplied again: {}",
                                                     bytes.name, entry->second));
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
