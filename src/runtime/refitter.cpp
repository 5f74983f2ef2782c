// Refitter: collects weights from arrays and files for one commit after another.
#include "tenon/refitter.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/allocated.h"
#include "runtime/engine_impl.h"
#include "runtime/narrow_weights.h"

namespace tenon {

using namespace runtime;

namespace {

// Nothing of the view has been checked yet, so this wraps where it is impossible.
AddressRange addresses_of(const TensorView& view) {
  uint64_t count = view.data == nullptr ? 0 : 1, before = 0, after = 1;
  for (size_t axis = view.shape.size(); axis-- > 0;) {
    const bool strided = axis < view.strides.size();
    const uint64_t stride = strided ? static_cast<uint64_t>(view.strides[axis]) : count;
    const uint64_t reach = (static_cast<uint64_t>(view.shape[axis]) - 1) * stride;
    (strided && view.strides[axis] < 0 ? before : after) += reach;
    count *= static_cast<uint64_t>(view.shape[axis]);
  }
  if (count == 0) return {};
  const auto start = reinterpret_cast<uintptr_t>(view.data);
  return {start + byte_count(view.dtype, before), start + byte_count(view.dtype, after)};
}

// A plan's leaves may share one tensor, so its own table tells which leaf has which.
weights::WeightFile weights_of_plan(plan::PlanFile plan, const std::filesystem::path& path) {
  if (plan.stripped) {
    base::fail(ErrorCode::plan,
               "{}: is a stripped plan, which holds no weights; give the file that has them",
               base::quoted(path.native()));
  }
  weights::WeightFile file{.path = path.native()};
  for (const ir::Leaf& leaf : plan.plan.program.leaves) {
    const auto source = plan.sources.find(leaf.name);
    if (source != plan.sources.end()) file.tensors.insert(*source);
  }
  return file;
}

weights::WeightFile open_weights_or_plan(const std::filesystem::path& path) {
  std::error_code ignored;  // opening says what is wrong
  if (!std::filesystem::is_directory(path, ignored)) {
    const std::shared_ptr<const base::ByteSource> bytes = base::open_file(path);
    if (plan::is_plan(*bytes)) return weights_of_plan(plan::read_plan(bytes), path);
  }
  return weights::open_weights(path);
}

// Weights that cannot be read are refused like any others, under the code of what is wrong.
[[noreturn]] void refuse(const Error& error) { throw RefitError({error.what()}, error.code()); }

weights::WeightFile open_or_refuse(const std::filesystem::path& path) {
  try {
    return open_weights_or_plan(path);
  } catch (const Error& error) {
    refuse(error);
  }
}

// Much of what is wrong with a file shows only when its tensors are read.
template <class Work>
auto refusing(Work&& work) {
  try {
    return work();
  } catch (const RefitError&) {
    throw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::io || error.code() == ErrorCode::bad_file) refuse(error);
    throw;
  }
}

/// A copy in host memory, as a weight that was set.
Given brought_to_host(kernel::Backend& backend, std::string_view name, const TensorView& view) {
  const auto what = [&] { return copy_of_weight(name, view.dtype, view.shape); };
  Tensor copy =
      allocated(what, view.bytes(), more_memory, [&] { return Tensor(view.dtype, view.shape); });
  const auto queue = backend.queue();
  if (copy.bytes() > 0) {
    backend.copy(*queue, copy.data(), view.data, copy.bytes(), kernel::CopyKind::from_device);
  }
  backend.synchronize(*queue);
  const base::Bytes bytes(static_cast<const std::byte*>(copy.data()), copy.bytes());
  return {.kind = Given::Kind::set,
          .source = std::make_shared<weights::TensorSource>(weights::TensorSource{
              view.dtype, view.shape, base::memory_source(bytes, copy.owner()), 0})};
}

}  // namespace

struct Refitter::Impl {
  std::shared_ptr<Engine::Impl> engine;
  RefitOptions options;
  GivenWeights given;
  std::map<std::string, std::string> left_out = {};  // by what only and ignore say
  LowRankTerms terms = {};                           // added since the last commit
  bool clear_terms = false;                          // before that

  Impl(std::shared_ptr<Engine::Impl> of, RefitOptions wanted)
      : engine(std::move(of)), options(std::move(wanted)) {
    const WeightSet& base = options.base;
    if (!base) return;
    if (base.data()->ledger != engine->ledger)
      base::fail(ErrorCode::invalid_input,
                 "base: the weight set is another engine's; give a set of this engine");
    if (engine->options.memory == Memory::in_place)
      base::fail(ErrorCode::unsupported,
                 "base: an engine with memory=\"in_place\" holds one set of weights only");
  }

  Demands demands() const { return {options.strict, options.complete}; }
  base::Watch watch() const { return {.stop = options.stop, .progress = options.progress}; }

  /// The engine's name of a given one.
  std::string meant(std::string_view name) const {
    if (name.starts_with(options.prefix)) name.remove_prefix(options.prefix.size());
    return options.rename ? options.rename(std::string(name)) : std::string(name);
  }

  /// The view as the engine has its axes.
  TensorView permuted(std::string_view name, const TensorView& view) const {
    const auto found = options.permute.find(meant(name));
    if (found == options.permute.end()) return view;
    const std::vector<int64_t>& axes = found->second;
    std::vector<int64_t> sorted = axes;
    std::ranges::sort(sorted);
    for (size_t i = 0; i < sorted.size(); ++i)
      if (sorted[i] != static_cast<int64_t>(i)) sorted.clear();
    if (sorted.size() != view.shape.size() || axes.size() != sorted.size())
      throw RefitError(
          {fmt::format("weights: {} has shape {}, and permute {} is no order of its "
                       "axes; give each once",
                       base::quoted(name), to_string(view.shape), to_string(axes))});
    Shape strides = view.strides;
    if (strides.empty()) {
      strides.resize(axes.size(), 1);
      for (size_t i = axes.size(); i-- > 1;) strides[i - 1] = strides[i] * view.shape[i];
    }
    if (strides.size() != axes.size()) return view;  // which the check refuses
    TensorView result = view;
    result.strides.resize(axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      result.shape[i] = view.shape[static_cast<size_t>(axes[i])];
      result.strides[i] = strides[static_cast<size_t>(axes[i])];
    }
    return result;
  }
  /// A file's tensor as the engine has its axes: read now, where they are others.
  Source permuted(std::string_view name, const weights::TensorSource& source) const {
    if (!options.permute.contains(meant(name)))
      return std::make_shared<weights::TensorSource>(source);
    source.bytes->check_unchanged();
    const std::vector<std::byte> bytes =
        base::read_range(*source.bytes, source.offset, source.size());
    source.bytes->check_unchanged();
    return std::make_shared<weights::TensorSource>(
        weights::copy_of(permuted(name, TensorView(bytes.data(), source.dtype, source.shape))));
  }

  void give(std::string_view name, Given weight) {
    std::string known = meant(name);
    weight.name = name;
    const auto matches = [&](const std::string& glob) {
      return ::fnmatch(glob.c_str(), known.c_str(), 0) == 0;
    };
    const bool wanted = options.only.empty() || std::ranges::any_of(options.only, matches);
    if (!wanted || std::ranges::any_of(options.ignore, matches)) {
      left_out.insert_or_assign(std::string(name),
                                wanted ? "ignore names it" : "only does not name it");
      return;
    }
    const auto [same, fresh] = given.try_emplace(std::move(known));
    if (!fresh && same->second.name != weight.name && same->second.file == weight.file)
      throw RefitError({fmt::format("weights: {} and {} both become {}; rename one of them",
                                    base::quoted(same->second.name), base::quoted(weight.name),
                                    base::quoted(same->first))});
    same->second = std::move(weight);
  }
  /// Its own copy, in host memory.
  Source copied(std::string_view name, const TensorView& view) const {
    if (!view.on_host()) {
      if (can_bring(view)) return brought_to_host(*engine->backend, name, view).source;
      throw RefitError({fmt::format("weights: the low-rank factors of {} are on another device",
                                    base::quoted(name))});
    }
    const auto what = [&] { return copy_of_weight(name, view.dtype, view.shape); };
    return std::make_shared<weights::TensorSource>(
        allocated(what, view.bytes(), more_memory, [&] { return weights::copy_of(view); }));
  }
  /// The base's terms with those that were added.
  ExtensionPtr extended(const ExtensionPtr& base) const {
    if (terms.empty() && !clear_terms) return base;
    LowRankTerms all = base && !clear_terms ? base->terms : LowRankTerms();
    for (const auto& [name, adapters] : terms) {
      const auto found = engine->leaf_index.find(name);
      const bool known = found != engine->leaf_index.end();
      auto& of_weight = all[known ? engine->leaves[found->second].leaf.name : name];
      for (const auto& [adapter, term] : adapters) of_weight.insert_or_assign(adapter, term);
    }
    return engine->extended(all);
  }
  /// Whether the host can have a copy; what it cannot is refused by the check.
  bool can_bring(const TensorView& view) const {
    return view.device == engine->backend->memory() && base::is_dense(view) && view.data;
  }
  /// What stands for it: arrays that lie on the device are read now, and what is to become a
  /// weight of less than 8 bits. Nothing where it can stay as it is.
  std::optional<Given> brought(const std::string& name, const Given& weight) const {
    if (weight.kind == Given::Kind::borrow && !weight.view.on_host() && can_bring(weight.view)) {
      Given copy = brought_to_host(*engine->backend, name, weight.view);
      copy.name = weight.name;
      return copy;
    }
    const auto leaf = engine->leaf_index.find(name);
    if (leaf == engine->leaf_index.end()) return std::nullopt;
    return narrowed(engine->leaves[leaf->second].leaf, weight);
  }
  /// Calls f with what is given.
  template <class F>
  auto with_given(const F& f) {
    std::optional<GivenWeights> others;
    for (const auto& [name, weight] : given) {
      std::optional<Given> other = brought(name, weight);
      if (!other) continue;
      if (!others) others = given;
      others->find(name)->second = std::move(*other);
    }
    return f(others ? *others : given);
  }
};

Refitter::Refitter(const Engine& engine, const RefitOptions& options)
    : impl_(std::make_unique<Impl>(engine.impl(), options)) {}
Refitter::~Refitter() = default;
Refitter::Refitter(Refitter&&) noexcept = default;
Refitter& Refitter::operator=(Refitter&&) noexcept = default;

void Refitter::set(std::string_view name, const TensorView& given) {
  const TensorView weight = impl_->permuted(name, given);
  if (!weight.on_host()) {
    if (!impl_->can_bring(weight)) return borrow(name, weight);
    return impl_->give(name, brought_to_host(*impl_->engine->backend, name, weight));
  }
  const auto what = [&] { return copy_of_weight(name, weight.dtype, weight.shape); };
  auto copy = std::make_shared<weights::TensorSource>(
      allocated(what, weight.bytes(), more_memory, [&] { return weights::copy_of(weight); }));
  impl_->give(name, {.kind = Given::Kind::set,
                     .source = std::move(copy),
                     .addresses = base::is_dense(weight) ? addresses_of(weight) : AddressRange{}});
}

void Refitter::borrow(std::string_view name, const TensorView& given) {
  const TensorView weight = impl_->permuted(name, given);
  impl_->give(name, {.kind = Given::Kind::borrow,
                     .view = weight,
                     .addresses = weight.on_host() ? addresses_of(weight) : AddressRange{}});
}

void Refitter::set_unreadable(std::string_view name, const std::string& type) {
  impl_->give(name, {.kind = Given::Kind::set, .unreadable = type});
}

void Refitter::unset(std::string_view name) {
  if (const auto found = impl_->given.find(impl_->meant(name)); found != impl_->given.end())
    impl_->given.erase(found);
}

void Refitter::add_low_rank(std::string_view name, const LowRank& term) {
  LowRankTerm kept{impl_->copied(name, term.a), impl_->copied(name, term.b), term.scale};
  impl_->terms[impl_->meant(name)].insert_or_assign(term.adapter, std::move(kept));
}

void Refitter::clear_low_rank() {
  impl_->terms.clear();
  impl_->clear_terms = true;
}

void Refitter::load(const std::filesystem::path& path) {
  const weights::WeightFile file = open_or_refuse(path);
  for (const auto& [name, source] : file.tensors) {
    const bool constant = file.constants.contains(name);
    // A Constant node is a part of the file's model: it counts where the engine has its name.
    if (constant && !impl_->engine->leaf_index.contains(impl_->meant(name))) continue;
    Given weight{.kind = Given::Kind::file, .source = impl_->permuted(name, source)};
    weight.file = file.path;
    weight.constant = constant;
    if (const auto found = file.consumers.find(name); found != file.consumers.end())
      weight.consumers = found->second;
    if (const auto found = file.shares_storage_with.find(name);
        found != file.shares_storage_with.end()) {
      weight.shares_storage_with = found->second;
    }
    impl_->give(name, std::move(weight));
  }
  for (const auto& [name, type] : file.unreadable)
    impl_->give(name, {.kind = Given::Kind::file, .file = file.path, .unreadable = type});
}

std::vector<std::string> Refitter::missing() const {
  return impl_->engine->missing(impl_->given, impl_->options.base.data());
}

WeightSet Refitter::prepare() {
  Engine::Impl& engine = *impl_->engine;
  if (engine.options.memory == Memory::in_place) {
    base::fail(ErrorCode::unsupported,
               "prepare: an engine with memory=\"in_place\" has no second set; use commit()");
  }
  engine.refuse_in_child();
  const std::lock_guard lock(engine.writer);
  return refusing([&] {
    RefitStats stats;
    return impl_->with_given([&](const GivenWeights& given) {
      const auto& base = impl_->options.base.data();
      const Accepted accepted =
          engine.check(given, impl_->demands(), impl_->extended(engine.extension(base)), base);
      return WeightSet(engine.prepare(accepted, stats, impl_->watch()));
    });
  });
}

RefitReport Refitter::commit() {
  RefitReport report = refusing([&] {
    return impl_->with_given([&](const GivenWeights& given) {
      return impl_->engine->commit(given, impl_->demands(), impl_->watch(),
                                   impl_->options.base.data(),
                                   [&](const ExtensionPtr& base) { return impl_->extended(base); });
    });
  });
  report.ignored.merge(std::exchange(impl_->left_out, {}));
  impl_->terms.clear();
  impl_->clear_terms = false;
  std::erase_if(impl_->given,
                [](const auto& entry) { return entry.second.kind != Given::Kind::borrow; });
  return report;
}

void Refitter::set_stop_token(std::stop_token stop) { impl_->options.stop = std::move(stop); }

void Refitter::set_progress(Progress progress) { impl_->options.progress = std::move(progress); }

}  // namespace tenon
