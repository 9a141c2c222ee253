#include "stream/io/curve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "kernels/error.h"
#include "stream/io/zeromq/authenticator.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view public_ending = ".public";
constexpr std::string_view secret_ending = ".secret";
constexpr mode_t for_everybody = 0644;
constexpr mode_t for_the_owner = 0600;
using KeyText = std::array<char, 41>;  // with its terminating zero

fs::path with_ending(fs::path path, std::string_view ending) {
  return path += ending;
}

Error cannot_write(const fs::path& path, int error) {
  const std::string why = std::generic_category().message(error);
  if (error == EEXIST)
    return input_error(path.string(), "is there already", "another name: keys are never replaced");
  if (error == ENOENT || error == ENOTDIR)
    return input_error(path.string(), concat("cannot be written: ", why), "an existing folder");
  return system_error(path.string(), concat("cannot be written: ", why));
}

/// The file is there with these permissions from the first moment, or was not ours to make.
void write_new_file(const fs::path& path, std::string_view key, mode_t mode) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) throw cannot_write(path, errno);
  const std::string line = concat(key, '\n');
  const bool complete = ::write(file, line.data(), line.size()) == std::ssize(line);
  const int error = complete ? 0 : errno;
  if (::close(file) != 0 || !complete) {
    ::unlink(path.c_str());
    throw cannot_write(path, complete ? errno : error);
  }
}

std::string read_key(const fs::path& path) {
  std::ifstream file(path);
  std::string key, more;
  if (!file) throw input_error(path.string(), "cannot be read", "a key file of `sluice keys`");
  if (!(file >> key) || file >> more)
    throw input_error(path.string(), "is no key file", "one line, the key");
  (void)zeromq::decode_curve_key(key, path.string());
  return key;
}

/// As ssh has it: a key that others can read is no secret.
void check_is_private(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;  // reading says why
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw input_error(path.string(), "can be read or changed by others",
                      "a file for its owner alone: chmod 600");
}

}  // namespace

CurveKeys make_curve_keys() {
  KeyText public_key{}, secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    throw system_error("CURVE keys", concat("cannot be made: ", zmq_strerror(zmq_errno())),
                       "a libzmq that was built with CURVE");
  return {public_key.data(), secret_key.data()};
}

void write_curve_keys(const CurveKeys& keys, const fs::path& path) {
  const fs::path public_file = with_ending(path, public_ending);
  write_new_file(public_file, keys.public_key, for_everybody);
  try {
    write_new_file(with_ending(path, secret_ending), keys.secret_key, for_the_owner);
  } catch (...) {
    ::unlink(public_file.c_str());
    throw;
  }
}

CurveKeys read_curve_keys(const fs::path& path) {
  if (path.extension() != secret_ending)
    throw input_error(path.string(), "is not named as a secret key", "a file NAME.secret");
  check_is_private(path);
  CurveKeys keys;
  keys.secret_key = read_key(path);
  fs::path public_file = path;
  public_file.replace_extension(public_ending);
  keys.public_key = read_public_key(public_file);
  KeyText derived{};
  if (zmq_curve_public(derived.data(), keys.secret_key.c_str()) != 0)
    throw system_error(path.string(), concat("cannot be used: ", zmq_strerror(zmq_errno())),
                       "a libzmq that was built with CURVE");
  if (keys.public_key != derived.data())
    throw input_error(path.string(), concat("does not belong to ", public_file.string()),
                      "both files of one `sluice keys`");
  return keys;
}

std::string read_public_key(const fs::path& path) {
  if (path.extension() == secret_ending)
    throw input_error(path.string(), "is a secret key", "a file NAME.public");
  return read_key(path);
}

std::vector<std::string> read_public_keys(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == public_ending) files.push_back(entry->path());
  }
  if (error)
    throw input_error(folder.string(), concat("cannot be read: ", error.message()),
                      "a folder with *.public files");
  if (files.empty())
    throw input_error(folder.string(), "holds no keys", "a folder with *.public files");
  std::sort(files.begin(), files.end());
  std::vector<std::string> keys;
  for (const fs::path& file : files) keys.push_back(read_public_key(file));
  return keys;
}

}  // namespace sluice::stream
