// A stack of its own for each thread of an emulated block.
#pragma once

#include <cstddef>

namespace sluice::cuda_emulation {

/// Runs a function on a stack of its own, which can be left and entered again.
class Fiber {
 public:
  using Body = void (*)(void* argument);

  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// From the beginning at the next resume(); whatever was on the stack is forgotten. `body` never
  /// returns: it ends with a suspend() that nobody resumes.
  void restart(Body body, void* argument);
  /// From outside: runs the fiber until it suspends itself.
  void resume();
  /// From inside.
  void suspend();

 private:
  struct Context;  // where it was left, and where it was entered from
  static void enter();

  Context* context_;
};

}  // namespace sluice::cuda_emulation
