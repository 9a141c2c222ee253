#include "python/src/exclusive.h"

#include <unistd.h>

#include "kernels/error.h"

namespace sluice::python {

Exclusive::Exclusive(const char* name) : name_(name), process_(::getpid()) {}

bool Exclusive::is_at_home() const noexcept {
  return ::getpid() == process_;
}

Exclusive::Use::Use(Exclusive& object) : object_(object) {
  if (!object.is_at_home())
    throw system_error(object.name_, "was made in another process",
                       "one that is made after the fork");
  if (object.in_use_.exchange(true))
    throw system_error(object.name_, "is at work in another thread",
                       "one thread at a time, or an object for each");
}

Exclusive::Use::~Use() {
  object_.in_use_ = false;
}

}  // namespace sluice::python
