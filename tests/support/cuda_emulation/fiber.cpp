#include "tests/support/cuda_emulation/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sluice::cuda_emulation {
namespace {

constexpr std::size_t page = 4096;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_bytes = 512 << 10;
#else
constexpr std::size_t stack_bytes = 128 << 10;
#endif

}  // namespace

#if defined(__x86_64__)
// swapcontext() asks the kernel for the signal mask each time, which costs more than the emulated
// instructions between two switches: here only registers are swapped.
extern "C" void sluice_switch_stack(void** left, void* entered);
asm(R"(
  .text
  .globl sluice_switch_stack
  .type sluice_switch_stack, @function
sluice_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size sluice_switch_stack, .-sluice_switch_stack
)");

struct Fiber::Context {
  void* inside = nullptr;
  void* outside = nullptr;
#else
struct Fiber::Context {
  ucontext_t inside, outside;
#endif
  std::byte* memory = nullptr;  // a page without access, then the stack
  Body body = nullptr;
  void* argument = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  void* inside_frames = nullptr;
  void* outside_frames = nullptr;
  const void* outside_stack = nullptr;
  std::size_t outside_bytes = 0;
#endif

  [[nodiscard]] std::byte* stack() const { return memory + page; }
};

namespace {
Fiber* entering = nullptr;  // the fiber that enter() belongs to
}

Fiber::Fiber() : context_(new Context) {
  void* memory = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  context_->memory = static_cast<std::byte*>(memory);
  mprotect(memory, page, PROT_NONE);
}

Fiber::~Fiber() {
  munmap(context_->memory, page + stack_bytes);
  delete context_;
}

void Fiber::enter() {
  Context& context = *entering->context_;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &context.outside_stack, &context.outside_bytes);
#endif
  context.body(context.argument);
}

void Fiber::restart(Body body, void* argument) {
  Context& context = *context_;
  context.body = body;
  context.argument = argument;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(context.stack(), stack_bytes);
  context.inside_frames = nullptr;
#endif
#if defined(__x86_64__)
  // As if enter() had been called: six registers, the address to return to, and an aligned stack.
  auto* top = reinterpret_cast<std::uintptr_t*>(context.stack() + stack_bytes);
  *--top = 0;
  *--top = reinterpret_cast<std::uintptr_t>(&Fiber::enter);
  for (int saved = 0; saved < 6; ++saved) *--top = 0;
  context.inside = top;
#else
  getcontext(&context.inside);
  context.inside.uc_stack.ss_sp = context.stack();
  context.inside.uc_stack.ss_size = stack_bytes;
  context.inside.uc_link = nullptr;
  makecontext(&context.inside, &Fiber::enter, 0);
#endif
}

void Fiber::resume() {
  Context& context = *context_;
  entering = this;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&context.outside_frames, context.stack(), stack_bytes);
#endif
#if defined(__x86_64__)
  sluice_switch_stack(&context.outside, context.inside);
#else
  swapcontext(&context.outside, &context.inside);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(context.outside_frames, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
  Context& context = *context_;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&context.inside_frames, context.outside_stack,
                                 context.outside_bytes);
#endif
#if defined(__x86_64__)
  sluice_switch_stack(&context.inside, context.outside);
#else
  swapcontext(&context.inside, &context.outside);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(context.inside_frames, &context.outside_stack,
                                  &context.outside_bytes);
#endif
}

}  // namespace sluice::cuda_emulation
