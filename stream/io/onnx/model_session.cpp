#include "stream/io/onnx/model_session.h"

#include <cstring>
#include <filesystem>
#include <utility>

#include "kernels/error.h"
#include "stream/io/onnx/runtime_library.h"

namespace sluice::stream::onnx {
namespace {

using kernels::DType;

std::optional<DType> dtype_of(int element) noexcept {
  switch (element) {
    case element_float: return DType::f32;
    case element_float16: return DType::f16;
    case element_bfloat16: return DType::bf16;
    default: return std::nullopt;
  }
}

int element_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f16: return element_float16;
    case DType::bf16: return element_bfloat16;
    default: return element_float;
  }
}

/// Something of the library's, released at the end.
template <typename T>
class Handle {
 public:
  using Release = void (*)(const Api&, T*);
  Handle(const Api& api, Release release) : api_(&api), release_(release) {}
  Handle(Handle&& other) noexcept
      : api_(other.api_), release_(other.release_), it_(std::exchange(other.it_, nullptr)) {}
  Handle& operator=(Handle&&) = delete;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (it_ != nullptr) release_(*api_, it_);
  }

  [[nodiscard]] T* get() const noexcept { return it_; }
  /// Where the library puts it.
  [[nodiscard]] T** out() noexcept { return &it_; }

 private:
  const Api* api_;
  Release release_;
  T* it_ = nullptr;
};

}  // namespace

std::string to_string(const TensorDeclaration& declaration) {
  std::string text = declaration.name + ' ';
  text += declaration.dtype ? kernels::name(*declaration.dtype) : "(neither f32, f16 nor bf16)";
  text += " [";
  for (std::size_t axis = 0; axis < declaration.shape.size(); ++axis) {
    const std::int64_t extent = declaration.shape[axis];
    text += axis > 0 ? ", " : "";
    text += extent < 0 ? "?" : std::to_string(extent);
  }
  return text + ']';
}

std::string to_string(std::span<const TensorDeclaration> declarations) {
  std::string text;
  for (const auto& declaration : declarations)
    text += (text.empty() ? "" : ", ") + to_string(declaration);
  return text.empty() ? "none" : text;
}

class ModelSession::Implementation {
 public:
  Implementation(const std::string& runtime, const std::string& model, int threads);

  [[nodiscard]] std::optional<std::string> metadata(const std::string& key);
  [[nodiscard]] std::vector<kernels::TensorView> run(const std::string& input,
                                                     const kernels::TensorView& tensor,
                                                     std::span<const std::string> outputs);

  const std::string& model() const noexcept { return model_; }
  const std::string& runtime_version() const noexcept { return library_.version; }
  std::vector<TensorDeclaration> declared_inputs, declared_outputs;

 private:
  void check(Status* status) const;
  void load(int threads);
  [[nodiscard]] std::string take_text(char* text);
  [[nodiscard]] TensorDeclaration declaration(std::string name, const TypeInfo& type) const;
  [[nodiscard]] std::vector<std::int64_t> shape_of(const TensorInfo& info) const;
  [[nodiscard]] kernels::TensorView view(Value* value, const std::string& name) const;

  std::string model_;
  RuntimeLibrary library_;
  const Api& api_ = library_.api;
  Handle<Environment> environment_{api_, [](auto& api, auto* it) { api.release_environment(it); }};
  Handle<Session> session_{api_, [](auto& api, auto* it) { api.release_session(it); }};
  Handle<MemoryInfo> memory_{api_, [](auto& api, auto* it) { api.release_memory_info(it); }};
  Allocator* allocator_ = nullptr;
  std::vector<Handle<Value>> results_;  ///< of the last run
};

ModelSession::Implementation::Implementation(const std::string& runtime, const std::string& model,
                                             int threads)
    : model_(model), library_(open_runtime_library(runtime)) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model, error))
    throw input_error(model, "is no file", "a model in ONNX format");
  load(threads);
  check(api_.default_allocator(&allocator_));
  check(api_.create_cpu_memory_info(arena_allocator, memory_default, memory_.out()));

  const auto declare = [this](auto count_of, auto name_of, auto type_of, auto& into) {
    std::size_t count = 0;
    check(count_of(session_.get(), &count));
    for (std::size_t i = 0; i < count; ++i) {
      char* name = nullptr;
      check(name_of(session_.get(), i, allocator_, &name));
      std::string text = take_text(name);
      Handle<TypeInfo> type(api_, [](auto& api, auto* it) { api.release_type_info(it); });
      check(type_of(session_.get(), i, type.out()));
      into.push_back(declaration(std::move(text), *type.get()));
    }
  };
  declare(api_.input_count, api_.input_name, api_.input_type, declared_inputs);
  declare(api_.output_count, api_.output_name, api_.output_type, declared_outputs);
}

void ModelSession::Implementation::check(Status* status) const {
  if (status == nullptr) return;
  const std::string message = api_.error_message(status);
  api_.release_status(status);
  throw input_error(model_, concat("ONNX Runtime ", library_.version, " says: ", message));
}

void ModelSession::Implementation::load(int threads) {
  // A library that prints would write into somebody else's output: errors come as statuses anyway.
  check(api_.create_environment(log_fatal, "sluice", environment_.out()));
  Handle<SessionOptions> options(api_,
                                 [](auto& api, auto* it) { api.release_session_options(it); });
  check(api_.create_session_options(options.out()));
  check(api_.set_threads(options.get(), threads));
  // Its threads would else go on turning between pictures, on cores that decode and merge.
  check(api_.set_config(options.get(), "session.intra_op.allow_spinning", "0"));
  check(api_.create_session(environment_.get(), model_.c_str(), options.get(), session_.out()));
}

std::string ModelSession::Implementation::take_text(char* text) {
  std::string copy = text;
  check(api_.free(allocator_, text));
  return copy;
}

TensorDeclaration ModelSession::Implementation::declaration(std::string name,
                                                            const TypeInfo& type) const {
  TensorDeclaration result;
  result.name = std::move(name);
  const TensorInfo* info = nullptr;
  check(api_.as_tensor(&type, &info));
  if (info == nullptr) return result;  // a sequence or a map
  int element = 0;
  check(api_.element_type(info, &element));
  result.dtype = dtype_of(element);
  result.shape = shape_of(*info);
  return result;
}

std::vector<std::int64_t> ModelSession::Implementation::shape_of(const TensorInfo& info) const {
  std::size_t rank = 0;
  check(api_.rank(&info, &rank));
  std::vector<std::int64_t> shape(rank);
  check(api_.shape(&info, shape.data(), rank));
  return shape;
}

std::optional<std::string> ModelSession::Implementation::metadata(const std::string& key) {
  Handle<ModelMetadata> all(api_, [](auto& api, auto* it) { api.release_model_metadata(it); });
  check(api_.model_metadata(session_.get(), all.out()));
  char* value = nullptr;
  check(api_.look_up_metadata(all.get(), allocator_, key.c_str(), &value));
  if (value == nullptr) return std::nullopt;
  return take_text(value);
}

std::vector<kernels::TensorView> ModelSession::Implementation::run(
    const std::string& input, const kernels::TensorView& tensor,
    std::span<const std::string> outputs) {
  results_.clear();
  const auto release_value = [](const Api& api, Value* it) { api.release_value(it); };
  Handle<Value> picture(api_, release_value);
  const auto extents = tensor.shape().extents();
  check(api_.wrap_tensor(memory_.get(), const_cast<void*>(tensor.data()), tensor.byte_size(),
                         extents.data(), extents.size(), element_of(tensor.dtype()),
                         picture.out()));
  std::vector<const char*> names;
  for (const auto& name : outputs) names.push_back(name.c_str());
  std::vector<Value*> values(outputs.size(), nullptr);
  const char* input_name = input.c_str();
  const Value* input_value = picture.get();
  Status* status = api_.run(session_.get(), nullptr, &input_name, &input_value, 1, names.data(),
                            names.size(), values.data());
  for (Value* value : values) *results_.emplace_back(api_, release_value).out() = value;
  check(status);
  std::vector<kernels::TensorView> views;
  for (std::size_t i = 0; i < values.size(); ++i) views.push_back(view(values[i], outputs[i]));
  return views;
}

kernels::TensorView ModelSession::Implementation::view(Value* value,
                                                       const std::string& name) const {
  const std::string where = concat(model_, ", output ", name);
  int is_tensor = 0;
  if (value != nullptr) check(api_.is_tensor(value, &is_tensor));
  if (is_tensor == 0) throw input_error(where, "is no tensor", "f32, f16 or bf16 numbers");
  Handle<TensorInfo> info(api_, [](auto& api, auto* it) { api.release_tensor_info(it); });
  check(api_.tensor_info(value, info.out()));
  int element = 0;
  check(api_.element_type(info.get(), &element));
  const auto dtype = dtype_of(element);
  if (!dtype) throw input_error(where, "has another type", "f32, f16 or bf16 numbers");
  const auto extents = shape_of(*info.get());
  void* data = nullptr;
  check(api_.tensor_data(value, &data));
  return {data, *dtype, kernels::Shape(extents)};
}

ModelSession::ModelSession(const std::string& runtime, const std::string& model, int threads)
    : implementation_(std::make_unique<Implementation>(runtime, model, threads)) {}
ModelSession::ModelSession(ModelSession&&) noexcept = default;
ModelSession& ModelSession::operator=(ModelSession&&) noexcept = default;
ModelSession::~ModelSession() = default;

const std::string& ModelSession::model() const noexcept {
  return implementation_->model();
}

const std::string& ModelSession::runtime_version() const noexcept {
  return implementation_->runtime_version();
}

const std::vector<TensorDeclaration>& ModelSession::inputs() const noexcept {
  return implementation_->declared_inputs;
}

const std::vector<TensorDeclaration>& ModelSession::outputs() const noexcept {
  return implementation_->declared_outputs;
}

std::optional<std::string> ModelSession::metadata(const std::string& key) const {
  return implementation_->metadata(key);
}

std::vector<kernels::TensorView> ModelSession::run(const std::string& input,
                                                   const kernels::TensorView& tensor,
                                                   std::span<const std::string> outputs) {
  return implementation_->run(input, tensor, outputs);
}

}  // namespace sluice::stream::onnx
