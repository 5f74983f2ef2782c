// The JSON in a plan's metadata: everything but the tensors.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "plan/plan_file.h"

namespace tenon::plan {

/// Name of the tensor in the file that holds a leaf; two leaves may name one.
using TensorNames = std::map<std::string, std::string>;

/// Throws plan where it is of another algorithm than base::digest()'s, or no digest at all.
void check_digest(std::string_view digest);

/// Deterministic. Throws plan for names that JSON cannot hold.
std::string to_json(const PlanFile& file, const TensorNames& tensors);

/// Reads everything but `sources`, and checks what can be told without the tensors. Throws plan,
/// bad_file or build.
PlanFile from_json(std::string_view text, TensorNames& tensors);

}  // namespace tenon::plan
