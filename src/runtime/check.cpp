// All problems of a refit, found before the first byte changes.
#include <algorithm>
#include <cstring>
#include <set>

#include "base/convert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "runtime/engine_impl.h"
#include "runtime/leaf_reader.h"
#include "runtime/read_leaf.h"
#include "runtime/run_inputs.h"

namespace tenon::runtime {
namespace {

using Impl = Engine::Impl;

LeafBytes bytes_of(const Given& given, const ir::Leaf& leaf) {
  LeafBytes bytes{.name = leaf.name, .dtype = leaf.type.dtype};
  if (given.kind == Given::Kind::borrow) {
    bytes.view = &given.view;
  } else {
    bytes.source = given.source.get();
  }
  return bytes;
}

std::vector<std::byte> read_whole(const LeafBytes& bytes, const ir::Leaf& leaf) {
  std::vector<std::byte> out(leaf.type.bytes());
  read_leaf(bytes, elements_of(bytes, {}), out.data(), {});
  return out;
}

std::vector<std::string> consumers_of(const std::vector<base::Consumer>& consumers) {
  std::vector<std::string> texts;
  for (const base::Consumer& consumer : consumers)
    texts.push_back(fmt::format("{} (operand {})", consumer.op_type, consumer.operand));
  std::ranges::sort(texts);
  return texts;
}

// The first that `others` has not, or not as often; both are sorted.
std::string first_beside(const std::vector<std::string>& texts,
                         const std::vector<std::string>& others) {
  std::vector<std::string> beside;
  std::ranges::set_difference(texts, others, std::back_inserter(beside));
  return beside.empty() ? "" : beside[0];
}

const std::byte* bytes_at(const Given& given, uintptr_t address) {
  if (given.kind == Given::Kind::borrow) return reinterpret_cast<const std::byte*>(address);
  return given.source->bytes->memory() + (address - given.addresses.first);
}

// What was set may have gone, and its place been used again: there the bytes must be equal, too.
bool shares_storage(const Given& a, const Given& b) {
  const uintptr_t first = std::max(a.addresses.first, b.addresses.first);
  const uintptr_t last = std::min(a.addresses.last, b.addresses.last);
  if (first >= last) return false;
  if (a.kind == Given::Kind::borrow && b.kind == Given::Kind::borrow) return true;
  return std::memcmp(bytes_at(a, first), bytes_at(b, first), last - first) == 0;
}

bool is_same_array(const Given& a, const Given& b) {
  return a.kind == Given::Kind::borrow && b.kind == Given::Kind::borrow &&
         a.view.data == b.view.data && a.view.dtype == b.view.dtype &&
         a.view.strides == b.view.strides;
}

// One refit's check: collects sentences for one given weight after another.
class Check {
 public:
  Check(const Impl& engine, const GivenWeights& given, Demands demands,
        const ExtensionPtr& extension, const Impl::DataPtr& base)
      : engine_(engine),
        given_(given),
        demands_(demands),
        accepted_{.base = base,
                  .by_leaf = std::vector<const Given*>(engine.leaves.size()),
                  .extension = extension},
        sources_(sources_of(engine, base)) {}

  Accepted run() {
    for (const auto& [name, given] : given_) weight(name, given);
    hint_at_rule();
    for (const std::string& name : engine_.missing(given_, accepted_.base)) {
      problem("weights: {} is missing; give it too", base::quoted(name));
    }
    if (demands_.complete) demand_all();
    changed_files();
    if (!problems_.empty()) throw RefitError(std::move(problems_));
    return std::move(accepted_);
  }

 private:
  template <class... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void changed_files() {
    const bool all = !accepted_.base && engine_.current() == nullptr;
    for (std::string& sentence : reader_.changed_files(touched_slots(engine_, accepted_, all))) {
      if (std::ranges::find(problems_, sentence) == problems_.end())
        problems_.push_back(std::move(sentence));
    }
  }

  void ignore(const std::string& name, const std::string& reason) {
    if (demands_.strict) {
      problem("weights: {} is not used: {} (strict)", base::quoted(name), reason);
    } else {
      accepted_.ignored.emplace(name, reason);
    }
  }

  void weight(const std::string& name, const Given& given) {
    const auto found = engine_.leaf_index.find(name);
    const bool known = found != engine_.leaf_index.end();
    if (!given.unreadable.empty()) return unreadable(name, given, known);
    if (!known) return unknown(name, given);
    if (!given.refusal.empty()) return problem("weights: {} {}", base::quoted(name), given.refusal);
    const LeafState& state = engine_.leaves[found->second];
    if (!fits(state, given)) return;
    try {
      if (!state.leaf.refittable) return frozen(found->second, given);
      if (!guard_holds(state, given) || !identity_holds(state, given)) return;
    } catch (const Error& error) {
      return problem("weights: {}: {}", base::quoted(name), error.what());
    }
    accept(found->second, name, given);
  }

  // One weight may come under several of its names.
  void accept(size_t index, const std::string& name, const Given& given) {
    const Given*& taken = accepted_.by_leaf[index];
    const ir::Leaf& leaf = engine_.leaves[index].leaf;
    if (!taken) {
      taken = &given;
      accepted_.changed.push_back(leaf.name);
    } else if (is_same_array(*taken, given) || read_whole(bytes_of(*taken, leaf), leaf) ==
                                                   read_whole(bytes_of(given, leaf), leaf)) {
      accepted_.ignored.emplace(name, "a name of " + base::quoted(leaf.name) +
                                          ", which was given under another with the same value");
    } else {
      problem("weights: {} is a name of {}, which was given under {} with another value; give one",
              base::quoted(name), base::quoted(leaf.name), base::quoted(name_of(taken)));
    }
  }

  std::string name_of(const Given* given) const {
    for (const auto& [name, each] : given_)
      if (&each == given) return name;
    return given->name;
  }

  void unreadable(const std::string& name, const Given& given, bool known) {
    if (!known) return ignore(name, "not in this engine, and " + given.unreadable);
    problem("weights: {} is {}{}, which Tenon does not read; convert it", base::quoted(name),
            given.unreadable, given.file.empty() ? "" : " in " + base::quoted(given.file));
  }

  void unknown(const std::string& name, const Given& given) {
    const DType dtype = given.dtype();
    if (!is_floating(dtype)) {
      return ignore(name, fmt::format("not in this engine, and {}", to_string(dtype)));
    }
    if (const std::string twin = storage_twin(name, given); !twin.empty()) {
      return ignore(
          name, fmt::format("not in this engine; shares its storage with {}", base::quoted(twin)));
    }
    const std::string near = nearest_known(name);
    unknown_.push_back(given.name.empty() ? name : given.name);
    problem("weights: {} is not in this engine{}", base::quoted(unknown_.back()),
            near.empty() ? "; see engine.weights for the names"
                         : "; the nearest is " + base::quoted(near));
  }

  /// A known name that nothing has been given under.
  bool is_free(std::string_view name) const {
    return engine_.leaf_index.contains(name) && !given_.contains(name);
  }

  /// What makes a known name of every unknown one, if one rule does: it is told, never applied.
  void hint_at_rule() {
    constexpr std::string_view separators = "./:_";
    if (unknown_.empty()) return;
    const std::string_view name = unknown_[0];
    for (const LeafState& state : engine_.leaves) {
      const std::string_view known = state.leaf.name;
      const bool remove = known.size() < name.size();
      const std::string_view longer = remove ? name : known, rest = remove ? known : name;
      if (longer.size() == rest.size() || rest.empty()) continue;
      const std::string_view before = longer.substr(0, longer.size() - rest.size());
      const std::string_view behind = longer.substr(rest.size());
      const std::string_view with = remove ? "without" : "with";
      if (longer.ends_with(rest) && separators.find(before.back()) != std::string_view::npos &&
          fits_all(remove, before, "")) {
        const std::string way_out = remove ? "give prefix=" + base::quoted(before) : "rename them";
        return problem("weights: {} {} before them, all unknown names fit; {}", with,
                       base::quoted(before), way_out);
      }
      if (longer.starts_with(rest) && separators.find(behind.front()) != std::string_view::npos &&
          fits_all(remove, "", behind)) {
        return problem("weights: {} {} behind them, all unknown names fit; rename them", with,
                       base::quoted(behind));
      }
    }
    hint_at_folding();
  }

  /// Exporters that fold leave less than a state dict holds, or name it anew ("onnx::Conv_193").
  void hint_at_folding() {
    constexpr size_t kSome = 4;
    if (unknown_.size() < kSome || unknown_.size() < accepted_.changed.size()) return;
    const auto own = std::ranges::find_if(engine_.leaves, [&](const LeafState& state) {
      return state.leaf.refittable && !given_.contains(state.leaf.name);
    });
    problem(
        "weights: most of these names are not this engine's{}: a model that was exported with "
        "folding has its own; give weights of such an export, or export it without",
        own == engine_.leaves.end() ? ""
                                    : " (one of those is " + base::quoted(own->leaf.name) + ")");
  }

  bool fits_all(bool remove, std::string_view before, std::string_view behind) const {
    return std::ranges::all_of(unknown_, [&](std::string_view name) {
      if (!remove) return is_free(std::string(before) + std::string(name) + std::string(behind));
      if (!name.starts_with(before) || !name.ends_with(behind)) return false;
      if (name.size() < before.size() + behind.size()) return false;
      return is_free(name.substr(before.size(), name.size() - before.size() - behind.size()));
    });
  }

  void demand_all() {
    for (size_t leaf = 0; leaf < engine_.leaves.size(); ++leaf) {
      const ir::Leaf& row = engine_.leaves[leaf].leaf;
      const auto comes = [&](const std::string& name) { return given_.contains(name); };
      if (engine_.is_expected(leaf) && !comes(row.name) && std::ranges::none_of(row.aliases, comes))
        problem("weights: {} is not given (complete)", base::quoted(row.name));
    }
  }

  // A search goes through all names: a file of thousands of strangers gets hints for the first few.
  // No name is told twice, or that was given itself.
  std::string nearest_known(const std::string& name) {
    constexpr int most_searches = 20;
    if (++searches_ > most_searches) return "";
    std::vector<std::string> names;
    for (const LeafState& state : engine_.leaves)
      if (is_free(state.leaf.name) && !told_.contains(state.leaf.name))
        names.push_back(state.leaf.name);
    std::string near = base::nearest(name, names);
    if (!near.empty()) told_.insert(near);
    return near;
  }

  // The known weight whose bytes these are too: tied tensors of a state_dict under a second name.
  std::string storage_twin(const std::string& name, const Given& given) const {
    if (!given.shares_storage_with.empty()) return given.shares_storage_with;
    for (const auto& [other, twin] : given_) {
      if (other != name && shares_storage(twin, given) && engine_.leaf_index.contains(other))
        return other;
    }
    return {};
  }

  bool fits(const LeafState& state, const Given& given) {
    const ir::Leaf& leaf = state.leaf;
    const Shape shape = leaf.type.shape();
    const size_t before = problems_.size();
    if (given.kind == Given::Kind::borrow && !is_readable(leaf, given.view)) return false;
    if (given.shape() != shape) {
      problem("weights: {} has shape {}, the engine's has {}", base::quoted(leaf.name),
              to_string(given.shape()), to_string(shape));
    }
    if (!base::converts(given.dtype(), leaf.type.dtype)) {
      problem("weights: {} is {}, the engine's is {}; convert it first", base::quoted(leaf.name),
              to_string(given.dtype()), to_string(leaf.type.dtype));
    }
    feeds_the_same(leaf, given);
    return problems_.size() == before;
  }

  // The nodes of a file may come in any order.
  void feeds_the_same(const ir::Leaf& leaf, const Given& given) {
    if (given.consumers.empty() || leaf.consumers.empty() || !leaf.aliases.empty()) return;
    const std::vector<std::string> here = consumers_of(leaf.consumers);
    const std::vector<std::string> there = consumers_of(given.consumers);
    const std::string ours = first_beside(here, there), theirs = first_beside(there, here);
    if (ours.empty() && theirs.empty()) return;
    problem(
        "weights: {} feeds {} in {}, and {} in the engine; its names have shifted, refit from a "
        "file with the model's own",
        base::quoted(leaf.name), theirs.empty() ? "nothing else" : theirs, base::quoted(given.file),
        ours.empty() ? "nothing else" : ours);
  }

  bool is_readable(const ir::Leaf& leaf, const TensorView& view) {
    if (!view.on_host()) {
      const std::string what = "weights: " + base::quoted(leaf.name);
      const bool here = view.device == engine_.backend->memory();
      problems_.push_back(
          here ? fmt::format("{} lies on {}, where it must be dense; make it contiguous", what,
                             base::quoted(view.device))
               : wrong_device(what, view.device, engine_.backend->memory()));
      return false;
    }
    if (!view.strides.empty() && view.strides.size() != view.shape.size()) {
      problem("weights: {} has {} strides for rank {}; give one for each axis, or none",
              base::quoted(leaf.name), view.strides.size(), view.shape.size());
      return false;
    }
    if (view.data == nullptr && element_count(view.shape) > 0) {
      problem("weights: {} has no data", base::quoted(leaf.name));
      return false;
    }
    return true;
  }

  // Of a frozen leaf. A plan has the digest also of those that it has no bytes of.
  bool has_same_value(size_t index, const Given& given) const {
    const LeafState& state = engine_.leaves[index];
    const std::vector<std::byte> bytes = read_whole(bytes_of(given, state.leaf), state.leaf);
    if (!state.digest.empty()) return base::digest(bytes) == state.digest;
    const Source source = engine_.source_of(index);
    if (!source) return false;
    const LeafBytes old{
        .source = source.get(), .name = state.leaf.name, .dtype = state.leaf.type.dtype};
    return read_whole(old, state.leaf) == bytes;
  }

  void frozen(size_t index, const Given& given) {
    const LeafState& state = engine_.leaves[index];
    const ir::Leaf& leaf = state.leaf;
    const Source source = engine_.source_of(index);
    const std::string lost = source ? reader_.what_changed(index) : "";
    if (!lost.empty() && state.digest.empty()) return problems_.push_back(lost_source(state, lost));
    if (has_same_value(index, given)) {
      if (!lost.empty()) accepted_.by_leaf[index] = &given;
      if (!given.constant) accepted_.ignored.emplace(leaf.name, "frozen, and has the same value");
      return;
    }
    problem("weights: {} is frozen: {}; {}", base::quoted(leaf.name), leaf.reason,
            leaf.reason.starts_with(ir::read_while_building_reason)
                ? "build again from a model with the other value"
                : "build with refit=… naming it to change it");
  }

  bool guard_holds(const LeafState& state, const Given& given) {
    if (state.guards.empty()) return true;
    if (read_whole(bytes_of(given, state.leaf), state.leaf) == state.guards[0]->bytes) return true;
    std::vector<std::string> names;
    for (const ir::Guard* guard : state.guards) names.push_back(base::quoted(guard->pass));
    const std::string passes = base::join(names, ", ");
    problem(
        "weights: {} has another value than the build used in pass {}; build with without={{{}}} "
        "to refit it",
        base::quoted(state.leaf.name), passes, passes);
    return false;
  }

  bool identity_holds(const LeafState& state, const Given& given) {
    if (!engine_.file.identical) return true;
    base::Digester digester;
    digester.update(read_whole(bytes_of(given, state.leaf), state.leaf));
    if (digester.finish() == state.digest) return true;
    problem(
        "weights: {} differs from the weights that this plan was saved for (identical=True, {})",
        base::quoted(state.leaf.name), state.digest);
    return false;
  }

  const Impl& engine_;
  const GivenWeights& given_;
  Demands demands_;
  Accepted accepted_;
  std::vector<Source> sources_;  // of what is kept
  LeafReader reader_{engine_, accepted_, sources_};
  std::vector<std::string> problems_;
  int searches_ = 0;
  std::set<std::string> told_;        // as the nearest name
  std::vector<std::string> unknown_;  // as given
};

}  // namespace
}  // namespace tenon::runtime

namespace tenon {

using namespace runtime;

Accepted Engine::Impl::check(const GivenWeights& given, Demands demands,
                             const ExtensionPtr& extension, const DataPtr& base) const {
  return Check(*this, given, demands, extension, base).run();
}

std::vector<std::string> Engine::Impl::missing(const GivenWeights& given,
                                               const DataPtr& base) const {
  std::vector<bool> known(leaves.size()), coming(leaves.size());
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf)
    known[leaf] = source_of(leaf, base) != nullptr;
  for (const auto& [name, unused] : given) {
    if (const auto found = leaf_index.find(name); found != leaf_index.end())
      coming[found->second] = true;
  }
  const std::vector<bool> here = coming;
  const bool ready = base || current();
  // What is missing will come, and touches further slots.
  for (bool grown = true; grown;) {
    grown = false;
    for (const std::vector<size_t>& feeds : slot_leaves) {
      const auto comes = [&](size_t leaf) { return coming[leaf]; };
      if (ready && std::none_of(feeds.begin(), feeds.end(), comes)) continue;
      for (const size_t leaf : feeds) {
        if (known[leaf] || coming[leaf]) continue;
        coming[leaf] = grown = true;
      }
    }
  }
  std::vector<std::string> names;
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (coming[leaf] && !here[leaf]) names.push_back(leaves[leaf].leaf.name);
  }
  return names;
}

}  // namespace tenon
