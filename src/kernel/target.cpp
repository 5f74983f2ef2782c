// Questions about a target, and its key among the records of choices.
#include "kernel/target.h"

#include <algorithm>

#include "base/text.h"

namespace tenon::kernel {

bool Target::has(std::string_view feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

std::string Target::key() const {
  const std::string units = features.empty() ? "reference" : base::join(features, "+");
  return backend + "/" + architecture + "/" + units;
}

}  // namespace tenon::kernel
