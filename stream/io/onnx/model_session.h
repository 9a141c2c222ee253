// A model that is loaded and can be run. Private.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::stream::onnx {

/// An input or output as the model declares it.
struct TensorDeclaration {
  std::string name;
  std::optional<kernels::DType> dtype;  ///< f32, f16 or bf16; nothing for any other
  std::vector<std::int64_t> shape;      ///< −1 where it is decided at run time; empty if unknown
};

/// "pixel_values f32 [?, 3, 224, 224]"
[[nodiscard]] std::string to_string(const TensorDeclaration& declaration);
/// The same of several, separated by commas.
[[nodiscard]] std::string to_string(std::span<const TensorDeclaration> declarations);

class ModelSession {
 public:
  /// Opens ONNX Runtime as open_runtime_library() does, and the model with it. `threads`: that
  /// operations are computed with; 0: one per core. Throws sluice::Error (kind input), naming the
  /// file, for what is no model that the library can run.
  ModelSession(const std::string& runtime, const std::string& model, int threads);
  ModelSession(ModelSession&&) noexcept;
  ModelSession& operator=(ModelSession&&) noexcept;
  ~ModelSession();

  [[nodiscard]] const std::string& model() const noexcept;
  /// ONNX Runtime's own: "1.20.0".
  [[nodiscard]] const std::string& runtime_version() const noexcept;
  [[nodiscard]] const std::vector<TensorDeclaration>& inputs() const noexcept;
  [[nodiscard]] const std::vector<TensorDeclaration>& outputs() const noexcept;
  /// What the exporter wrote under `key` among the model's custom metadata, if it did.
  [[nodiscard]] std::optional<std::string> metadata(const std::string& key) const;

  /// Runs the model on its one input; results in the order of `outputs`, valid until the next run.
  /// The input is contiguous f32, f16 or bf16, and not changed. Throws sluice::Error (kind input)
  /// with ONNX Runtime's reason if the model does not take it, and for results of other types.
  [[nodiscard]] std::vector<kernels::TensorView> run(const std::string& input,
                                                     const kernels::TensorView& tensor,
                                                     std::span<const std::string> outputs);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::stream::onnx
