// Runs a program whose output lines can be waited for, and that can be killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace sluice::test {

class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& command);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill(); }

  /// The next line of its output; nothing if none comes in time.
  [[nodiscard]] std::optional<std::string> read_line(std::chrono::milliseconds timeout);
  /// SIGKILL, as the kernel does when memory runs out. Returns once the process is gone.
  void kill();
  /// Sends it a signal, such as SIGSTOP and SIGCONT.
  void signal(int number);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

}  // namespace sluice::test
