// Plans as safetensors files: which tensors stand in one, and what is checked when it is read.
#include "plan/plan_file.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "plan/converted_source.h"
#include "plan/plan_json.h"
#include "weights/safetensors.h"
#include "weights/safetensors_dtype.h"

namespace tenon::plan {
namespace {

constexpr const char* kProgram = "tenon";
constexpr const char* kProgramDigest = "tenon_digest";

std::string text_digest(std::string_view text) {
  return base::digest(std::as_bytes(std::span(text)));
}

/// Leaves of the weights graph whose bytes stand in its text, or all others.
std::set<std::string> leaves_of(const ir::Graph& weights, bool in_text) {
  std::set<std::string> names;
  for (const ir::ValueId id : weights.leaves()) {
    if ((weights.value(id).bytes != nullptr) == in_text) names.insert(weights.value(id).name);
  }
  return names;
}

/// Which leaves have a tensor in the file, by the rules of docs/plan_format.md.
class Contents {
 public:
  explicit Contents(const PlanFile& file)
      : file_(file), needed_(leaves_of(file.plan.program.weights, false)) {
    for (const ir::Guard& guard : file.plan.program.guards) guarded_.insert(guard.weight);
  }

  bool stands_in_file(const ir::Leaf& leaf) const {
    if (leaf.refittable) return !file_.stripped && file_.sources.contains(leaf.name);
    return needed_.contains(leaf.name);
  }
  bool may_lack_tensor(const ir::Leaf& leaf) const {
    if (leaf.refittable) return file_.stripped || guarded_.contains(leaf.name);
    return !needed_.contains(leaf.name);
  }

 private:
  const PlanFile& file_;
  std::set<std::string> needed_;
  std::set<std::string> guarded_;
};

// ---- writing

const weights::TensorSource& source_of(const PlanFile& file, const ir::Leaf& leaf) {
  const auto at = file.sources.find(leaf.name);
  if (at == file.sources.end()) {
    base::fail(ErrorCode::plan, "{} has no bytes to save; refit it first, or save a stripped plan",
               base::quoted(leaf.name));
  }
  if (at->second.shape != leaf.type.shape()) {
    base::fail(ErrorCode::plan, "{} is {}, its bytes are for {}", base::quoted(leaf.name),
               leaf.type.text(), tenon::to_string(at->second.shape));
  }
  return at->second;
}

/// Gives tensors to leaves. Weights that only begin with the same bytes (an exporter has merged
/// them) have one each: a refit parts them.
class TensorTable {
 public:
  explicit TensorTable(const PlanFile& file) {
    const Contents contents(file);
    std::vector<const ir::Leaf*> renamed;
    for (const ir::Leaf& leaf : file.plan.program.leaves) {
      if (!contents.stands_in_file(leaf)) {
        if (!contents.may_lack_tensor(leaf)) source_of(file, leaf);
      } else if (leaf.name == "__metadata__") {
        renamed.push_back(&leaf);
      } else {
        add(leaf, leaf.name, source_of(file, leaf));
      }
    }
    for (const ir::Leaf* leaf : renamed) add(*leaf, free_name(leaf->name), source_of(file, *leaf));
  }

  const TensorNames& names() const { return names_; }
  const std::vector<weights::OutTensor>& tensors() const { return tensors_; }

 private:
  void add(const ir::Leaf& leaf, const std::string& name, const weights::TensorSource& source) {
    names_[leaf.name] = name;
    taken_.insert(name);
    tensors_.push_back({name, converted(source, leaf.type.dtype)});
  }

  std::string free_name(const std::string& name) const {
    for (int suffix = 1;; ++suffix) {
      const std::string candidate = fmt::format("{}.{}", name, suffix);
      if (!taken_.contains(candidate)) return candidate;
    }
  }

  std::set<std::string> taken_;
  TensorNames names_;
  std::vector<weights::OutTensor> tensors_;
};

bool is_unchanged(const base::ByteSource& bytes) {
  try {
    bytes.check_unchanged();
    return true;
  } catch (const Error&) {
    return false;
  }
}

uint64_t source_bytes(const PlanFile& file) {
  uint64_t bytes = 0;
  for (const auto& [name, source] : file.sources) bytes += source.size();
  return bytes;
}

/// The file with the digests of all leaves that can be told: those of frozen ones without a tensor
/// let a refit from the model's own file pass. These are left out where their file has changed.
/// What stands in the weights graph's text needs none: the metadata's own digest covers it.
PlanFile with_digests(PlanFile file, const TensorNames& tensors, const base::Watch& watch) {
  const std::set<std::string> in_text = leaves_of(file.plan.program.weights, true);
  std::erase_if(file.digests, [&](const auto& entry) {
    return entry.second.empty() || in_text.contains(entry.first);
  });
  uint64_t done = 0;
  const uint64_t total = source_bytes(file);
  for (const ir::Leaf& leaf : file.plan.program.leaves) {
    const auto source = file.sources.find(leaf.name);
    if (source == file.sources.end()) continue;
    watch.step("computing digests", done, total);
    done += source->second.size();
    if (file.digests.contains(leaf.name)) continue;
    if (in_text.contains(leaf.name)) continue;
    const base::ByteSource& bytes = *source->second.bytes;
    if (!leaf.refittable && !tensors.contains(leaf.name) && !is_unchanged(bytes)) continue;
    bytes.check_unchanged();
    file.digests[leaf.name] = weights::digest(source->second, leaf.type.dtype, watch.stop);
    bytes.check_unchanged();
  }
  return file;
}

void check_identical(const PlanFile& file) {
  if (!file.identical) return;
  for (const ir::Leaf& leaf : file.plan.program.leaves) {
    if (!leaf.refittable || file.digests.contains(leaf.name)) continue;
    base::fail(ErrorCode::plan, "{} has no digest, so the plan cannot ask for identical weights",
               base::quoted(leaf.name));
  }
}

// ---- reading

/// Runs `read`; what it throws about the bytes becomes a PlanError that names the file.
template <class F>
auto as_plan_error(const std::string& name, F&& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::io || error.code() == ErrorCode::cancelled) throw;
    std::string message = error.what();
    constexpr std::string_view internal = "internal: ";
    if (message.starts_with(internal)) {
      message.replace(0, internal.size(), "damaged program: ");
    }
    if (message.starts_with("graph text, ")) {
      message = "a program that this version cannot read: " + message +
                "; build the model again with this version";
    }
    if (!message.starts_with(name)) message.insert(0, name + ": ");
    throw PlanError(message);
  }
}

// Other files get a better answer than that their safetensors header does not fit.
void check_start(const base::ByteSource& bytes) {
  const bool begun = bytes.size() > 8 && base::read_range(bytes, 8, 1)[0] == std::byte{'{'};
  if (begun) return;
  base::fail(ErrorCode::plan,
             "is not a plan, or damaged at its start; a model is built first (tenon.build, or "
             "tenon build MODEL)");
}

PlanFile read_metadata(const weights::Safetensors& file, TensorNames& tensors) {
  const auto text = file.metadata.find(kProgram);
  if (text == file.metadata.end()) {
    base::fail(ErrorCode::plan,
               "a safetensors file, not a plan; build the model and save it, or "
               "refit an engine with this file");
  }
  const auto digest = file.metadata.find(kProgramDigest);
  if (digest != file.metadata.end()) check_digest(digest->second);
  if (digest == file.metadata.end() || digest->second != text_digest(text->second)) {
    base::fail(ErrorCode::plan, "damaged metadata: its digest is another; save the plan again");
  }
  return from_json(text->second, tensors);
}

/// The file has no name for types of less than 8 bits: their codes are stored as U8.
weights::TensorSource as_leaf(const ir::Leaf& leaf, weights::TensorSource tensor) {
  const bool nameless = weights::safetensors_name(leaf.type.dtype) == "U8";
  if (nameless && tensor.dtype == DType::u8) tensor.dtype = leaf.type.dtype;
  return tensor;
}

void check_tensor(const ir::Leaf& leaf, const weights::TensorSource& tensor) {
  if (tensor.dtype == leaf.type.dtype && tensor.shape == leaf.type.shape()) return;
  base::fail(ErrorCode::plan, "{} is {}{} in the file, {} in the program", base::quoted(leaf.name),
             tenon::to_string(tensor.dtype), tenon::to_string(tensor.shape), leaf.type.text());
}

/// The tensors under the leaves' names; every tensor belongs to a leaf, and every leaf that needs
/// one has it.
void take_tensors(PlanFile& file, const weights::Safetensors& data, const TensorNames& names) {
  const Contents contents(file);
  const std::set<std::string> in_text = leaves_of(file.plan.program.weights, true);
  std::set<std::string> used;
  for (const ir::Leaf& leaf : file.plan.program.leaves) {
    const auto name = names.find(leaf.name);
    if (name == names.end()) {
      if (!contents.may_lack_tensor(leaf)) {
        base::fail(ErrorCode::plan, "{} has no tensor in the file", base::quoted(leaf.name));
      }
      continue;
    }
    const auto tensor = data.tensors.find(name->second);
    if (tensor == data.tensors.end()) {
      base::fail(ErrorCode::plan, "tensor {} of {} is not in the file", base::quoted(name->second),
                 base::quoted(leaf.name));
    }
    if (file.stripped && leaf.refittable) {
      base::fail(ErrorCode::plan, "{} has a tensor in a stripped plan", base::quoted(leaf.name));
    }
    if (in_text.contains(leaf.name)) {
      base::fail(ErrorCode::plan, "{} has a tensor, and its bytes stand in the program too",
                 base::quoted(leaf.name));
    }
    const weights::TensorSource source = as_leaf(leaf, tensor->second);
    check_tensor(leaf, source);
    file.sources[leaf.name] = source;
    used.insert(name->second);
  }
  for (const auto& [name, tensor] : data.tensors) {
    if (!used.contains(name)) {
      base::fail(ErrorCode::plan, "tensor {} belongs to no weight", base::quoted(name));
    }
  }
}

/// The program rests on the guard's bytes.
void check_guarded(const ir::Guard& guard, const weights::TensorSource& tensor) {
  if (base::read_range(*tensor.bytes, tensor.offset, guard.bytes.size()) == guard.bytes) return;
  base::fail(ErrorCode::plan,
             "{} has another value in its tensor than in its guard; build the model again",
             base::quoted(guard.weight));
}

/// Guarded weights and small constants keep their bytes in the metadata.
void take_inline_bytes(PlanFile& file) {
  const auto take = [&](const std::string& name, const ir::ValueType& type,
                        const std::vector<std::byte>& bytes) {
    file.sources[name] =
        weights::make_source(name, type.dtype, type.shape(), base::memory_source(bytes), 0);
  };
  const ir::Program& program = file.plan.program;
  for (const ir::Guard& guard : program.guards) {
    const auto leaf = std::find_if(program.leaves.begin(), program.leaves.end(),
                                   [&](const ir::Leaf& l) { return l.name == guard.weight; });
    const auto tensor = file.sources.find(guard.weight);
    if (tensor != file.sources.end()) check_guarded(guard, tensor->second);
    take(guard.weight, leaf->type, guard.bytes);  // verify() has found the leaf
  }
  for (const ir::ValueId id : program.weights.leaves()) {
    const ir::GraphValue& value = program.weights.value(id);
    if (value.bytes) take(value.name, value.value.type, *value.bytes);
  }
}

void check_all_digests_there(const PlanFile& file, const TensorNames& names) {
  for (const auto& [leaf, tensor] : names) {
    if (!file.digests.contains(leaf)) {
      base::fail(ErrorCode::plan, "{} has no digest", base::quoted(leaf));
    }
  }
  check_identical(file);
}

}  // namespace

void write_plan(base::FileWriter& writer, const PlanFile& file, const base::Watch& watch) {
  const TensorTable table(file);
  const PlanFile complete = with_digests(file, table.names(), watch);
  check_identical(complete);
  const std::string text = to_json(complete, table.names());
  weights::write_safetensors(writer, table.tensors(),
                             {{kProgram, text}, {kProgramDigest, text_digest(text)}}, watch);
}

PlanFile read_plan(std::shared_ptr<const base::ByteSource> bytes) {
  return as_plan_error(bytes->name(), [&] {
    check_start(*bytes);
    const weights::Safetensors data = weights::read_safetensors(bytes);
    TensorNames names;
    PlanFile file = read_metadata(data, names);
    take_tensors(file, data, names);
    take_inline_bytes(file);
    check_all_digests_there(file, names);
    return file;
  });
}

void verify_digests(const PlanFile& file, const base::Watch& watch) {
  uint64_t done = 0;
  const uint64_t total = source_bytes(file);
  for (const ir::Leaf& leaf : file.plan.program.leaves) {
    const auto source = file.sources.find(leaf.name);
    const auto digest = file.digests.find(leaf.name);
    if (source == file.sources.end() || digest == file.digests.end()) continue;
    watch.step("checking digests", done, total);
    done += source->second.size();
    const std::shared_ptr<const base::ByteSource>& bytes = source->second.bytes;
    as_plan_error(bytes->name(), [&] {
      bytes->check_unchanged();
      const std::string found = weights::digest(source->second, leaf.type.dtype, watch.stop);
      bytes->check_unchanged();
      if (found == digest->second) return;
      base::fail(ErrorCode::plan,
                 "{} is damaged: its digest is {}, the plan says {}; save the plan again",
                 base::quoted(leaf.name), found, digest->second);
    });
  }
}

bool is_plan(const base::ByteSource& bytes) {
  // The caller keeps the source alive; nothing of it outlives this call.
  const std::shared_ptr<const base::ByteSource> borrowed(std::shared_ptr<void>(), &bytes);
  try {
    return weights::read_safetensors(borrowed).metadata.contains(kProgram);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::io) throw;
    return false;
  }
}

}  // namespace tenon::plan
