// The part of ONNX Runtime's C interface that running a model takes. Private.
//
// ONNX Runtime hands out a table of function pointers that is only ever added to at its end, so a
// function's place in it is part of the interface. Debian packages neither library nor header:
// these declarations stand in for the header, and the library is opened at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::stream::onnx {

/// Version of the table that is asked for: that of ONNX Runtime 1.14 (2023). What is used here is
/// older; exports of today's encoders run on nothing before it.
inline constexpr std::uint32_t api_version = 14;
inline constexpr const char* oldest_release = "1.14";

// Things of the library that are only ever held by pointer.
struct Status;
struct Environment;
struct SessionOptions;
struct Session;
struct MemoryInfo;
struct Value;
struct TypeInfo;
struct TensorInfo;  ///< element type and shape
struct ModelMetadata;
struct Allocator;
struct RunOptions;

// Enumerations, by their numbers.
inline constexpr int log_fatal = 4;
inline constexpr int arena_allocator = 1;
inline constexpr int memory_default = 0;
inline constexpr int type_tensor = 1;
inline constexpr int element_float = 1;
inline constexpr int element_float16 = 10;
inline constexpr int element_bfloat16 = 16;

/// What the library's one exported function, OrtGetApiBase, returns.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version);  ///< null if the library is older than that
  const char* (*get_version)();                   ///< "1.20.0"
};
inline constexpr const char* entry_point = "OrtGetApiBase";
using GetApiBase = const ApiBase* (*)();

/// A function, and its place in the table.
template <std::size_t Place, typename Signature>
class Function;

template <std::size_t Place, typename Result, typename... Arguments>
class Function<Place, Result(Arguments...)> {
 public:
  explicit Function(const void* table)
      : call_(static_cast<Result (*const*)(Arguments...)>(table)[Place]) {}
  Result operator()(Arguments... arguments) const { return call_(arguments...); }

 private:
  Result (*call_)(Arguments...);
};

/// Functions that return Status return null for success; else it must be released.
struct Api {
  explicit Api(const void* t) : table(t) {}

  const void* table;

  Function<2, const char*(const Status*)> error_message{table};
  Function<93, void(Status*)> release_status{table};

  Function<3, Status*(int log_level, const char* log_name, Environment**)> create_environment{
      table};
  Function<92, void(Environment*)> release_environment{table};

  Function<10, Status*(SessionOptions**)> create_session_options{table};
  Function<24, Status*(SessionOptions*, int threads)> set_threads{table};
  Function<130, Status*(SessionOptions*, const char* key, const char* value)> set_config{table};
  Function<100, void(SessionOptions*)> release_session_options{table};

  Function<7, Status*(const Environment*, const char* path, const SessionOptions*, Session**)>
      create_session{table};
  Function<30, Status*(const Session*, std::size_t*)> input_count{table};
  Function<31, Status*(const Session*, std::size_t*)> output_count{table};
  Function<33, Status*(const Session*, std::size_t, TypeInfo**)> input_type{table};
  Function<34, Status*(const Session*, std::size_t, TypeInfo**)> output_type{table};
  Function<36, Status*(const Session*, std::size_t, Allocator*, char**)> input_name{table};
  Function<37, Status*(const Session*, std::size_t, Allocator*, char**)> output_name{table};
  Function<111, Status*(const Session*, ModelMetadata**)> model_metadata{table};
  Function<9, Status*(Session*, const RunOptions*, const char* const* input_names,
                      const Value* const* inputs, std::size_t input_count,
                      const char* const* output_names, std::size_t output_count, Value** outputs)>
      run{table};
  Function<95, void(Session*)> release_session{table};

  Function<116, Status*(const ModelMetadata*, Allocator*, const char* key, char** value)>
      look_up_metadata{table};
  Function<118, void(ModelMetadata*)> release_model_metadata{table};

  Function<69, Status*(int allocator, int memory, MemoryInfo**)> create_cpu_memory_info{table};
  Function<94, void(MemoryInfo*)> release_memory_info{table};
  Function<78, Status*(Allocator**)> default_allocator{table};  ///< is not released
  Function<76, Status*(Allocator*, void*)> free{table};

  Function<49, Status*(const MemoryInfo*, void* data, std::size_t bytes, const std::int64_t* shape,
                       std::size_t rank, int element, Value**)>
      wrap_tensor{table};
  Function<50, Status*(const Value*, int*)> is_tensor{table};
  Function<51, Status*(Value*, void**)> tensor_data{table};
  Function<65, Status*(const Value*, TensorInfo**)> tensor_info{table};
  Function<96, void(Value*)> release_value{table};

  Function<55, Status*(const TypeInfo*, const TensorInfo**)> as_tensor{table};  ///< null if none
  Function<98, void(TypeInfo*)> release_type_info{table};
  Function<60, Status*(const TensorInfo*, int*)> element_type{table};
  Function<61, Status*(const TensorInfo*, std::size_t*)> rank{table};
  Function<62, Status*(const TensorInfo*, std::int64_t*, std::size_t)> shape{table};
  Function<99, void(TensorInfo*)> release_tensor_info{table};
};

}  // namespace sluice::stream::onnx
