// Cores and quotas from made-up file-system trees.
#include "base/cores.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <numeric>
#include <vector>

#include "base/thread_pool.h"

namespace tenon::base {
namespace {

namespace fs = std::filesystem;

class cores : public testing::Test {
 protected:
  cores() {
    std::string name = (fs::temp_directory_path() / "tenon_cores_XXXXXX").native();
    root_ = ::mkdtemp(name.data());
  }
  ~cores() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }

  fs::path root_;
};

TEST_F(cores, siblings_count_once) {
  for (int i = 0; i < 4; ++i) {
    write("sys/devices/system/cpu/cpu" + std::to_string(i) + "/topology/thread_siblings_list",
          i % 2 == 0 ? "0,2" : "1,3");
  }
  EXPECT_EQ(physical_cores(root_, std::vector<int>{0, 1, 2, 3}), 2);
  EXPECT_EQ(physical_cores(root_, std::vector<int>{0, 2}), 1);
  EXPECT_EQ(physical_cores(root_, std::vector<int>{7, 8, 9}), 3);
  EXPECT_EQ(physical_cores(root_, {}), 1);
}

TEST_F(cores, least_quota_of_the_group_and_its_parents_holds) {
  write("proc/self/cgroup", "0::/a/b");
  EXPECT_FALSE(cgroup_quota(root_));
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  EXPECT_FALSE(cgroup_quota(root_));
  write("sys/fs/cgroup/a/cpu.max", "250000 100000");
  EXPECT_EQ(cgroup_quota(root_), 3);
  write("sys/fs/cgroup/cpu.max", "10000 100000");
  EXPECT_EQ(cgroup_quota(root_), 1);
}

TEST_F(cores, version_one_quotas_are_read_and_nonsense_is_none) {
  write("proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/docker/1");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cgroup_quota(root_), 4);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  EXPECT_FALSE(cgroup_quota(root_));
  write("proc/self/cgroup", "nonsense");
  EXPECT_FALSE(cgroup_quota(root_));
}

TEST_F(cores, this_machine_has_at_least_one) {
  EXPECT_GE(default_threads(), 1);
  EXPECT_LE(default_threads(), 1024);
}

}  // namespace
}  // namespace tenon::base
