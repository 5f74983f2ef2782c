// The plan file: a safetensors file whose tensors are the source weights, and whose metadata is the
// program.
#pragma once

#include <map>
#include <string>

#include "base/cancel.h"
#include "base/file_writer.h"
#include "plan/plan.h"
#include "weights/source.h"

namespace tenon::plan {

inline constexpr int plan_format = 5;

/// A plan with its weights: what save takes and load gives.
struct PlanFile {
  Plan plan;
  /// Where the bytes of leaves are; refittable ones are absent in a stripped plan, but for guarded
  /// ones. After read_plan() also constants whose bytes stand in the weights graph.
  std::map<std::string, weights::TensorSource> sources;
  /// Digest of every leaf whose bytes were known (in the leaf's dtype), also of those without a
  /// tensor: stripped weights, and frozen leaves that no slot needs.
  std::map<std::string, std::string> digests;
  bool stripped = false;
  bool identical = false;  ///< accepts only weights with these digests
  std::string library_version;
  std::map<std::string, std::string> notes;  ///< of whoever saved it
};

/// Writes and commits. Weights whose source has another dtype are converted to the weight's.
/// Digests that are not given are computed. Deterministic: equal contents give equal bytes.
/// Throws cancelled, up to the commit.
void write_plan(base::FileWriter& writer, const PlanFile& file, const base::Watch& watch = {});

/// Reads and checks everything but the tensors' own digests, which verify_digests() reads. Throws
/// PlanError (or io): not a plan, other format, damaged metadata, unknown op or field, a graph that
/// does not verify, names, shapes or lengths that do not fit together.
PlanFile read_plan(std::shared_ptr<const base::ByteSource> bytes);

/// Reads every tensor and compares its digest with the one in the metadata; throws PlanError naming
/// the first that differs.
void verify_digests(const PlanFile& file, const base::Watch& watch);

/// True when the file is a safetensors file with Tenon's metadata.
bool is_plan(const base::ByteSource& bytes);

}  // namespace tenon::plan
