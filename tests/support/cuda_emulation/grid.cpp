#include "tests/support/cuda_emulation/grid.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/error.h"
#include "tests/support/cuda_emulation/cuda_pipeline_primitives.h"
#include "tests/support/cuda_emulation/fiber.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace sluice::cuda_emulation {
namespace {

constexpr unsigned warp_threads = 32;

struct Request {
  Operation operation{};
  unsigned mask = 0;
  std::uint64_t value = 0;
  int operand = 0;
  std::source_location where;
  std::uint64_t result = 0;

  [[nodiscard]] bool is_for_block() const {
    return operation == Operation::barrier || operation == Operation::barrier_or;
  }
  /// The same instruction, as far as can be told.
  [[nodiscard]] bool meets(const Request& other) const {
    return operation == other.operation && mask == other.mask &&
           where.line() == other.where.line() && where.file_name() == other.where.file_name();
  }
};

struct Copy {
  void* target;
  const void* source;
  std::size_t bytes;
};

enum class State : std::uint8_t { runs, waits, finished };

class Block;

struct Thread {
  Block* block = nullptr;
  Fiber fiber;
  State state = State::finished;
  Request request;
  std::deque<std::vector<Copy>> batches;  // committed copies to shared memory
  std::vector<Copy> batch;                // not committed yet
};

void perform(const std::vector<Copy>& batch) {
  for (const Copy& copy : batch) std::memcpy(copy.target, copy.source, copy.bytes);
}

std::vector<unsigned> order_of(unsigned count, std::uint64_t seed, std::mt19937_64& random) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0U);
  if (seed != 0) std::shuffle(order.begin(), order.end(), random);
  return order;
}

/// The block whose thread runs.
Block* running = nullptr;

/// A block that is at work. Threads and their stacks are used again and again.
class Block {
 public:
  void start(const Launch& launch, unsigned index, std::uint64_t seed, std::mt19937_64& random) {
    launch_ = &launch;
    index_ = {index % launch.grid.x, index / launch.grid.x % launch.grid.y,
              index / launch.grid.x / launch.grid.y};
    count_ = launch.block.x * launch.block.y * launch.block.z;
    while (threads_.size() < count_) threads_.push_back(std::make_unique<Thread>());
    // From the heap, and of exactly this size, so that address sanitizers see what is beyond it.
    shared_ = std::make_unique<std::byte[]>(launch.shared_bytes);
    std::memset(shared_.get(), pattern(seed), launch.shared_bytes);
    for (unsigned t = 0; t < count_; ++t) {
      threads_[t]->block = this;
      threads_[t]->state = State::runs;
      threads_[t]->batches.clear();
      threads_[t]->batch.clear();
      threads_[t]->fiber.restart(&Block::begin, threads_[t].get());
    }
    warps_ = order_of((count_ + warp_threads - 1) / warp_threads, seed, random);
    lanes_ = order_of(warp_threads, seed, random);
    error_.clear();
  }

  /// Until the next barrier of the whole block, or the end. Each warp runs as far as it can before
  /// the next one begins: the farther they are apart, the more a missing barrier shows. Returns
  /// what went wrong.
  std::string advance() {
    running = this;
    for (const unsigned warp : warps_) do {
        for (const unsigned lane : lanes_) {
          const unsigned t = warp * warp_threads + lane;
          if (t < count_ && threads_[t]->state == State::runs) resume(t);
        }
      } while (release_warps(warp * warp_threads));
    if (!error_.empty()) return error_;
    if (is_finished() || release_block()) return {};
    return describe_standstill();
  }

  [[nodiscard]] bool is_finished() const {
    for (unsigned t = 0; t < count_; ++t)
      if (threads_[t]->state != State::finished) return false;
    return true;
  }

  std::uint64_t meet(const Request& request) {
    Thread& thread = *threads_[current_];
    thread.request = request;
    thread.state = State::waits;
    thread.fiber.suspend();
    return thread.request.result;
  }

  [[nodiscard]] Thread& current() { return *threads_[current_]; }
  [[nodiscard]] void* shared() { return shared_.get(); }

 private:
  static void begin(void* argument);

  void resume(unsigned t) {
    current_ = t;
    const dim3& block = launch_->block;
    threadIdx.x = t % block.x;
    threadIdx.y = t / block.x % block.y;
    threadIdx.z = t / block.x / block.y;
    blockIdx = index_;
    threads_[t]->fiber.resume();
  }

  /// Lets go of those of a warp who have met; false if nobody has.
  bool release_warps(unsigned first) {
    bool released = false;
    for (unsigned t = first; t < std::min(first + warp_threads, count_); ++t)
      if (threads_[t]->state == State::waits && !threads_[t]->request.is_for_block())
        released |= release_warp(first, threads_[t]->request);
    return released;
  }

  bool release_block() {
    const Request& first = threads_[0]->request;
    bool any = false;
    for (unsigned t = 0; t < count_; ++t) {
      const Thread& thread = *threads_[t];
      if (thread.state != State::waits || !thread.request.is_for_block() ||
          !thread.request.meets(first))
        return false;
      any |= thread.request.value != 0;
    }
    for (unsigned t = 0; t < count_; ++t) {
      threads_[t]->request.result = any;
      threads_[t]->state = State::runs;
    }
    return true;
  }

  bool release_warp(unsigned first, Request request) {
    std::uint64_t values[warp_threads] = {};
    for (unsigned lane = 0; lane < warp_threads; ++lane) {
      if ((request.mask >> lane & 1U) == 0) continue;
      // A block's last warp may be short, but then no mask may name what it lacks.
      if (first + lane >= count_) return false;
      const Thread& thread = *threads_[first + lane];
      if (thread.state != State::waits || !thread.request.meets(request)) return false;
      values[lane] = thread.request.value;
    }
    unsigned ballot = 0;
    for (unsigned lane = 0; lane < warp_threads; ++lane)
      ballot |= static_cast<unsigned>(values[lane] != 0) << lane;
    for (unsigned lane = 0; lane < warp_threads; ++lane) {
      if ((request.mask >> lane & 1U) == 0) continue;
      Thread& thread = *threads_[first + lane];
      thread.state = State::runs;
      if (request.operation == Operation::ballot) {
        thread.request.result = ballot;
        continue;
      }
      if (request.operation == Operation::sync_warp) continue;
      const auto operand = static_cast<unsigned>(thread.request.operand);
      const unsigned source =
          request.operation == Operation::shuffle_xor ? lane ^ operand : operand % warp_threads;
      if ((request.mask >> source & 1U) == 0)
        error_ = concat("a shuffle reads lane ", source, ", which takes no part", place(request));
      thread.request.result = values[source];
    }
    return true;
  }

  static std::string place(const Request& request) {
    return concat(" (", request.where.file_name(), ':', request.where.line(), ')');
  }

  /// Threads wait for others that will never come.
  [[nodiscard]] std::string describe_standstill() const {
    std::string text = concat("block ", index_.x, ',', index_.y, " stands still: ");
    unsigned finished = 0;
    std::vector<const Request*> kinds;
    for (unsigned t = 0; t < count_; ++t) {
      if (threads_[t]->state == State::finished) {
        ++finished;
        continue;
      }
      const Request& request = threads_[t]->request;
      const bool known = std::any_of(kinds.begin(), kinds.end(),
                                     [&](const Request* kind) { return kind->meets(request); });
      if (known) continue;
      kinds.push_back(&request);
      text += concat("thread ", t, request.is_for_block() ? " at a barrier" : " within its warp",
                     place(request), "; ");
    }
    return text + concat(finished, " of ", count_, " threads have ended");
  }

  const Launch* launch_ = nullptr;
  uint3 index_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<unsigned> warps_, lanes_;  // in the order in which they run
  std::unique_ptr<std::byte[]> shared_;
  unsigned count_ = 0;
  unsigned current_ = 0;
  std::string error_;
};

Block& block() {
  return *running;
}

void Block::begin(void* argument) {
  auto& thread = *static_cast<Thread*>(argument);
  thread.block->launch_->thread();
  for (const auto& batch : thread.batches) perform(batch);
  perform(thread.batch);
  thread.state = State::finished;
  thread.fiber.suspend();
}

}  // namespace

std::uint64_t meet(Operation operation, unsigned mask, std::uint64_t value, int operand,
                   const std::source_location& where) {
  return block().meet({operation, mask, value, operand, where, 0});
}

void* dynamic_shared_memory() {
  return block().shared();  // as all memory from the heap, aligned to 16 bytes
}

std::string run_grid(const Launch& launch, std::uint64_t seed) {
  // Some blocks take turns, barrier by barrier, so that what they do to each other shows.
  constexpr std::size_t at_once = 3;
  static auto* blocks = new Block[at_once];  // kept for their stacks
  std::mt19937_64 random(seed);
  gridDim = launch.grid;
  blockDim = launch.block;
  const unsigned count = launch.grid.x * launch.grid.y * launch.grid.z;
  const std::vector<unsigned> order = order_of(count, seed, random);
  for (std::size_t first = 0; first < count; first += at_once) {
    const std::size_t group = std::min<std::size_t>(at_once, count - first);
    for (std::size_t b = 0; b < group; ++b) blocks[b].start(launch, order[first + b], seed, random);
    bool at_work = true;
    while (at_work) {
      at_work = false;
      for (std::size_t b = 0; b < group; ++b) {
        if (blocks[b].is_finished()) continue;
        if (auto error = blocks[b].advance(); !error.empty()) return error;
        at_work |= !blocks[b].is_finished();
      }
    }
  }
  return {};
}

}  // namespace sluice::cuda_emulation

using namespace sluice::cuda_emulation;  // NOLINT: CUDA's functions have no namespace

void __pipeline_memcpy_async(void* target, const void* source, std::size_t bytes) {
  block().current().batch.push_back({target, source, bytes});
}

void __pipeline_commit() {
  Thread& thread = block().current();
  thread.batches.push_back(std::move(thread.batch));
  thread.batch.clear();
}

void __pipeline_wait_prior(std::size_t batches) {
  auto& waiting = block().current().batches;
  while (waiting.size() > batches) {
    perform(waiting.front());
    waiting.pop_front();
  }
}
