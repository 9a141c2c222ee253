// Keys and their files.
#include "stream/io/curve.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "kernels/error.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What the error says; empty if there is none, or not one of the input.
template <typename Action>
std::string complaint(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind() == Error::Kind::input ? error.what() : "";
  }
  return "";
}

TEST(CurveKeys, AreDifferentEachTime) {
  const CurveKeys first = make_curve_keys(), second = make_curve_keys();
  EXPECT_EQ(first.public_key.size(), 40U);
  EXPECT_EQ(first.secret_key.size(), 40U);
  EXPECT_NE(first.public_key, second.public_key);
  EXPECT_NE(first.secret_key, second.secret_key);
  EXPECT_NE(first.secret_key, first.public_key);
}

TEST(CurveKeys, AreReadAsTheyWereWritten) {
  const test::TemporaryFolder folder;
  const CurveKeys keys = make_curve_keys();
  const mode_t usual = ::umask(0);  // whatever the user's mask is
  write_curve_keys(keys, folder.path() / "loop.v2");
  ::umask(usual);
  const fs::path secret = folder.path() / "loop.v2.secret", open = folder.path() / "loop.v2.public";
  EXPECT_EQ(read(secret), keys.secret_key + "\n");
  EXPECT_EQ(read(open), keys.public_key + "\n");
  EXPECT_EQ(fs::status(secret).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_curve_keys(secret).secret_key, keys.secret_key);
  EXPECT_EQ(read_curve_keys(secret).public_key, keys.public_key);
  EXPECT_EQ(read_public_key(open), keys.public_key);
}

TEST(CurveKeys, AreNeverReplaced) {
  for (const std::string taken : {"loop.public", "loop.secret"}) {
    const test::TemporaryFolder folder;
    write(folder.path() / taken, "precious");
    EXPECT_NE(complaint([&] {
                write_curve_keys(make_curve_keys(), folder.path() / "loop");
              }).find("is there already"),
              std::string::npos);
    EXPECT_EQ(read(folder.path() / taken), "precious");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "half a pair is left";
  }
  const test::TemporaryFolder folder;
  EXPECT_NE(complaint([&] { write_curve_keys(make_curve_keys(), folder.path() / "no" / "loop"); }),
            "");
}

TEST(CurveKeys, ThatOthersCanReadAreRefused) {
  const test::TemporaryFolder folder;
  write_curve_keys(make_curve_keys(), folder.path() / "loop");
  const fs::path secret = folder.path() / "loop.secret";
  for (const mode_t mode : {0640U, 0604U, 0660U}) {
    ASSERT_EQ(::chmod(secret.c_str(), mode), 0);
    EXPECT_NE(complaint([&] { (void)read_curve_keys(secret); }).find("chmod 600"),
              std::string::npos);
  }
  ASSERT_EQ(::chmod(secret.c_str(), 0400), 0);
  EXPECT_NO_THROW((void)read_curve_keys(secret));
}

TEST(CurveKeys, WhatIsNoKeyIsRefused) {
  const test::TemporaryFolder folder;
  const CurveKeys keys = make_curve_keys(), other = make_curve_keys();
  const fs::path open = folder.path() / "a.public", secret = folder.path() / "a.secret";
  for (const std::string& text :
       {std::string(), std::string("short"), keys.public_key + "0", keys.public_key.substr(1),
        keys.public_key + "\n" + keys.public_key, std::string(40, '"'), std::string(40, '\0')}) {
    write(open, text);
    EXPECT_NE(complaint([&] { (void)read_public_key(open); }).find("a.public"), std::string::npos)
        << text;
  }
  write(secret, keys.secret_key);
  fs::remove(open);
  EXPECT_NE(complaint([&] { (void)read_curve_keys(secret); }), "") << "no public key beside it";
  write(open, other.public_key);
  EXPECT_NE(complaint([&] { (void)read_curve_keys(secret); }).find("does not belong"),
            std::string::npos);
  write(open, "  " + keys.public_key + "  \n\n");
  EXPECT_EQ(read_curve_keys(secret).public_key, keys.public_key);
  EXPECT_NE(complaint([&] { (void)read_curve_keys(open); }), "") << "a public key for a secret one";
  EXPECT_NE(complaint([&] { (void)read_public_key(secret); }), "");
  EXPECT_NE(complaint([&] { (void)read_public_key(folder.path() / "none.public"); }), "");
}

TEST(CurveKeys, AFolderGivesAllPublicKeys) {
  const test::TemporaryFolder folder;
  EXPECT_NE(complaint([&] { (void)read_public_keys(folder.path()); }), "") << "an empty folder";
  EXPECT_NE(complaint([&] { (void)read_public_keys(folder.path() / "none"); }), "");
  const CurveKeys first = make_curve_keys(), second = make_curve_keys();
  write_curve_keys(second, folder.path() / "b");
  write(folder.path() / "a.public", first.public_key);
  write(folder.path() / "notes.txt", "not a key");
  EXPECT_EQ(read_public_keys(folder.path()),
            (std::vector<std::string>{first.public_key, second.public_key}));
  write(folder.path() / "c.public", "not a key");
  EXPECT_NE(complaint([&] { (void)read_public_keys(folder.path()); }).find("c.public"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::stream
