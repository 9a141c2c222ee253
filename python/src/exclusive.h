// Objects with state: one thread at a time, and in the process that made them.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace sluice::python {

/// Guards one object of the engine.
class Exclusive {
 public:
  /// `name`: what errors call the object.
  explicit Exclusive(const char* name);

  /// For the duration of one call.
  class Use {
   public:
    /// Throws sluice::Error (kind system) if another thread is at it, or after a fork.
    explicit Use(Exclusive& object);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Exclusive& object_;
  };

  /// Whether this is the process that made the object: in another one its threads are not there,
  /// and destroying it would wait for them.
  [[nodiscard]] bool is_at_home() const noexcept;

 private:
  const char* name_;
  pid_t process_;
  std::atomic<bool> in_use_{false};
};

}  // namespace sluice::python
