#include "stream/atomic_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "stream/safetensors.h"
#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;
using test::read_all;
using test::TemporaryFolder;
using test::write_all;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "out");
    file.write(bytes("first "));
    file.write(bytes("second"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
    file.commit();
  }
  EXPECT_EQ(read_all(folder / "out"), "first second");
  EXPECT_EQ(folder.file_count(), 1U);
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const TemporaryFolder folder;
  write_all(folder / "out", "old");
  {
    AtomicFile file(folder / "out");
    file.write(bytes("new"));
  }
  EXPECT_EQ(read_all(folder / "out"), "old");
  EXPECT_EQ(folder.file_count(), 1U);
}

TEST(AtomicFile, WritesThroughSymbolicLinks) {
  const TemporaryFolder folder;
  write_all(folder / "target", "old");
  std::filesystem::create_symlink("target", folder / "link");
  AtomicFile file(folder / "link");
  file.write(bytes("new"));
  file.commit();
  EXPECT_EQ(read_all(folder / "target"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
}

TEST(AtomicFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_CONTAINS(input_error_of([&] { AtomicFile file(folder / "no/such/folder"); }),
                  "cannot be created");
  EXPECT_CONTAINS(input_error_of([&] { AtomicFile file("/dev/null"); }), "not a regular file");
  EXPECT_CONTAINS(input_error_of([&] { AtomicFile file(folder / ""); }), "not a regular file");
  EXPECT_CONTAINS(input_error_of([&] { AtomicFile file(""); }), "names no file");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

/// Runs `action` in a child whose files may not grow beyond `limit` bytes; true if it returned
/// true. The child gets SIGXFSZ's default disposition, which is to be killed.
template <typename Action>
bool with_file_size_limit(rlim_t limit, Action&& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_DFL);
    const rlimit size{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &size);
    ::_exit(action() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(AtomicFile, FullDiskIsASystemErrorAndTheOldFileSurvives) {
  const TemporaryFolder folder;
  const std::vector<float> small(4, 1.0F), large(100'000, 2.0F);
  const auto path = folder / "out.safetensors";
  const auto write = [&path](const std::vector<float>& values) {
    const kernels::Shape shape{static_cast<std::int64_t>(values.size())};
    const NamedTensor tensor{"x", {values.data(), kernels::DType::f32, shape}};
    write_safetensors(path, {&tensor, 1}, {});
  };
  write(small);
  const std::string before = read_all(path);

  EXPECT_TRUE(with_file_size_limit(10'000, [&] {
    try {
      write(large);
    } catch (const Error& error) {
      return error.kind() == Error::Kind::system &&
             std::string(error.what()).find("out.safetensors") != std::string::npos;
    }
    return false;
  }));
  EXPECT_EQ(read_all(path), before);
  EXPECT_EQ(folder.file_count(), 1U) << "the temporary file was left behind";

  EXPECT_TRUE(with_file_size_limit(1'000'000, [&] {
    write(large);
    return true;
  }));
  EXPECT_GT(read_all(path).size(), before.size());
}

TEST(AtomicFile, LeavesTheSignalMaskAsItWas) {
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const TemporaryFolder folder;
  AtomicFile file(folder / "out");
  file.write(bytes("x"));
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(::sigismember(&before, SIGXFSZ), ::sigismember(&after, SIGXFSZ));
}

}  // namespace
}  // namespace sluice::stream
