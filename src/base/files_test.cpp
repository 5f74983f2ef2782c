// Byte sources and the atomic writer on real files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>

#include "base/byte_source.h"
#include "base/change.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "base/spill.h"
#include "base/text.h"

namespace tenon::base {
namespace {

namespace fs = std::filesystem;

class files : public testing::Test {
 protected:
  files() {
    std::string name = (fs::temp_directory_path() / "tenon_base_XXXXXX").native();
    folder_ = ::mkdtemp(name.data());
  }
  ~files() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static std::string text_of(const ByteSource& source) {
    const auto bytes = read_range(source, 0, source.size());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static std::string text_of(const fs::path& path) { return text_of(*open_file(path)); }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
};

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_F(files, spilled_bytes_are_read_back_and_leave_no_name) {
  ::setenv("TENON_CACHE_DIR", folder_.c_str(), 1);
  std::shared_ptr<const ByteSource> source;
  {
    Spill spill;
    const std::string first = "first", second = "and second";
    EXPECT_EQ(spill.write(std::as_bytes(std::span(first))), 0u);
    source = spill.source();
    EXPECT_EQ(spill.write(std::as_bytes(std::span(second))), first.size());
  }
  ::unsetenv("TENON_CACHE_DIR");
  EXPECT_EQ(text_of(*source), "firstand second");
  EXPECT_TRUE(fs::is_empty(folder_));
  std::byte past{};
  EXPECT_THROW(source->read(source->size(), {&past, 1}), Error);
}

TEST_F(files, replaced_or_removed_file_reads_on) {
  const auto source = open_file(write("a", "old bytes"));
  write("b", "new bytes!");
  fs::rename(folder_ / "b", folder_ / "a");
  EXPECT_EQ(text_of(*source), "old bytes");
  EXPECT_NO_THROW(source->check_unchanged());
  fs::remove(folder_ / "a");
  EXPECT_EQ(text_of(*source), "old bytes");
  EXPECT_NO_THROW(source->check_unchanged());
}

TEST_F(files, file_rewritten_in_place_is_found) {
  const fs::path path = write("a", "old bytes");
  const auto source = open_file(path);
  write("a", "new bytes");
  // The kernel's clock for mtime ticks every few milliseconds: move it on for certain.
  const struct timespec times[2] = {{0, UTIME_OMIT}, {1234567, 89}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_THROW(source->check_unchanged(), Error);
}

TEST_F(files, file_that_has_shrunk_is_refused) {
  const fs::path path = write("a", "0123456789");
  const auto source = open_file(path);
  fs::resize_file(path, 4);
  EXPECT_THROW(read_range(*source, 0, 10), Error);
  EXPECT_THROW(source->check_unchanged(), Error);
}

TEST_F(files, reads_past_the_end_are_refused_before_allocating) {
  const auto file = open_file(write("a", "0123"));
  const auto memory = memory_source(std::vector<std::byte>(4));
  for (const auto& source : {file, memory}) {
    EXPECT_EQ(read_range(*source, 4, 0).size(), 0u);
    EXPECT_EQ(read_range(*source, 1, 3).size(), 3u);
    EXPECT_THROW(read_range(*source, 1, 4), Error);
    EXPECT_THROW(read_range(*source, 5, 0), Error);
    EXPECT_THROW(read_range(*source, 2, UINT64_MAX), Error);
    EXPECT_THROW(read_range(*source, 0, uint64_t{1} << 62), Error);
  }
  EXPECT_NE(memory->memory(), nullptr);
  EXPECT_EQ(file->memory(), nullptr);
}

TEST_F(files, more_files_than_the_process_may_open_are_an_io_error_with_the_way_out) {
  const fs::path path = write("a", "bytes");
  // UBSan looks at a class that it meets for the first time through a pipe, so it must have met
  // what is thrown while none can be had.
  EXPECT_THROW(open_file(path.parent_path() / "absent"), Error);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const struct rlimit small {
    64, old.rlim_max
  };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  std::vector<std::shared_ptr<const ByteSource>> sources;
  std::exception_ptr problem;
  try {
    for (int i = 0; i < 64; ++i) sources.push_back(open_file(path));
  } catch (...) {
    problem = std::current_exception();
  }
  ::setrlimit(RLIMIT_NOFILE, &old);
  std::string message;
  try {
    ASSERT_TRUE(problem);
    std::rethrow_exception(problem);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    message = error.what();
  }
  EXPECT_EQ(message, base::quoted(path.native()) +
                         ": cannot open: Too many open files; keep the data in fewer files, or "
                         "raise ulimit -n");
}

// As `cp -p` and `touch -r` leave it, by this name or another of the file.
TEST_F(files, file_rewritten_in_place_under_its_old_times_is_found) {
  for (const char* name : {"a", "other"}) {
    const fs::path path = write("a", "old bytes");
    fs::create_hard_link(path, folder_ / "other");
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    const auto source = open_file(path);
    ::usleep(20000);  // past a tick of the kernel's clock
    write(name, "new bytes");
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    try {
      source->check_unchanged();
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_file);
    }
    fs::rename(path, folder_ / "moved");
    EXPECT_NO_THROW(source->check_unchanged());
    EXPECT_EQ(change_of(*source), Change::status);  // its bytes tell
    fs::remove(folder_ / "moved");
    fs::remove(folder_ / "other");
  }
}

TEST_F(files, only_regular_files_open) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const fs::path& path : {folder_, fifo, folder_ / "absent", fs::path("/dev/zero")}) {
    try {
      open_file(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
    }
  }
}

TEST_F(files, writer_replaces_at_commit_and_leaves_nothing_beside) {
  const fs::path path = write("a", "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  {
    const auto writer = atomic_file_writer(path);
    writer->write(bytes_of("ne"));
    writer->write(bytes_of("w"));
    EXPECT_EQ(text_of(path), "old");
    writer->commit();
  }
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(files, writer_without_commit_leaves_the_old_file) {
  const fs::path path = write("a", "old");
  atomic_file_writer(path)->write(bytes_of("new"));
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(files, named_writer_does_the_same) {
  const fs::path path = write("a", "old");
  named_file_writer(path)->write(bytes_of("none"));
  EXPECT_EQ(text_of(path), "old");
  const auto writer = named_file_writer(path);
  writer->write(bytes_of("new"));
  EXPECT_EQ(entries(), 2u);
  writer->commit();
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(files, what_killed_writers_left_is_removed_by_the_next) {
  const fs::path path = write("a", "old");
  for (const auto& make : {atomic_file_writer, named_file_writer}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto writer = make(make == named_file_writer ? folder_ / "b" : path);
      writer->write(bytes_of("half"));
      ::raise(SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(entries(), make == named_file_writer ? 2u : 1u);
  }
  for (const char* anothers :
       {".a.tenon-1.0.tmp.not", ".a.notes.tmp", ".a.1.0.tmp", ".tenon-1.0.tmp"})
    write(anothers, "another's");
  const auto slow = named_file_writer(path), next = named_file_writer(path);  // both go on
  for (const auto& writer : {slow.get(), next.get()}) {
    writer->write(bytes_of("new"));
    writer->commit();
  }
  EXPECT_EQ(text_of(path), "new");
  EXPECT_EQ(entries(), 5u);
}

TEST_F(files, writer_writes_through_a_link_and_refuses_devices_and_absent_folders) {
  write("a", "old");
  fs::create_symlink("a", folder_ / "link");
  const auto writer = atomic_file_writer(folder_ / "link");
  writer->write(bytes_of("new"));
  writer->commit();
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(text_of(folder_ / "a"), "new");
  EXPECT_THROW(atomic_file_writer("/dev/null"), Error);
  EXPECT_THROW(atomic_file_writer(folder_), Error);
  EXPECT_THROW(atomic_file_writer(folder_ / "absent" / "a"), Error);
}

TEST_F(files, writer_wants_the_name_of_a_file) {
  for (const fs::path& path : {fs::path(), folder_ / "", folder_ / "gone" / ""}) {
    try {
      atomic_file_writer(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      EXPECT_EQ(entries(), 0u);
      EXPECT_EQ(error.what(), "\"" + path.native() + "\": names no file; give the name of a file");
    }
  }
}

TEST_F(files, writer_follows_links_to_where_nothing_is_yet_and_none_for_ever) {
  fs::create_symlink("second", folder_ / "first");
  fs::create_symlink(folder_ / "absent", folder_ / "second");
  const auto writer = atomic_file_writer(folder_ / "first");
  writer->write(bytes_of("new"));
  writer->commit();
  EXPECT_TRUE(fs::is_symlink(folder_ / "first") && fs::is_symlink(folder_ / "second"));
  EXPECT_EQ(text_of(folder_ / "absent"), "new");
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_THROW(atomic_file_writer(folder_ / "loop"), Error);
}

TEST_F(files, write_that_the_system_refuses_is_an_io_error) {
  const fs::path path = write("a", "old");
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small {
    4096, old.rlim_max
  };  // stands in for a full disk
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  {
    const auto writer = atomic_file_writer(path);
    EXPECT_THROW(writer->write(std::vector<std::byte>(10000)), Error);
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace tenon::base
