// How many threads this process may use well; the file-system root is a parameter so that tests can
// bring their own.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

namespace tenon::base {

/// Physical cores among the given logical processors, by sysfs below `root`; a processor that sysfs
/// does not describe counts as a core.
int physical_cores(const std::filesystem::path& root, std::span<const int> processors);

/// The processors that the cgroup (v2 or v1) of this process grants, rounded up, at least 1;
/// nothing without a quota.
std::optional<int> cgroup_quota(const std::filesystem::path& root);

}  // namespace tenon::base
