// From pictures to patch tokens: scales a picture and describes its patches.
#pragma once

#include <memory>
#include <string>

#include "kernels/tensor.h"
#include "stream/io/image.h"
#include "stream/source.h"

namespace sluice::stream {

struct TokenizerOptions {
  int grid_rows = 14;
  int grid_cols = 14;
  /// Size that pictures are scaled to, whatever their aspect ratio: smaller is faster and blind to
  /// smaller movements. 0: 384/14 pixels per patch, so 384×384 for the default grid.
  int working_width = 0;
  int working_height = 0;
};

/// `options` with the working size filled in. Throws sluice::Error (kind input) for an empty grid,
/// patches under 8×8 pixels of the working size, or a side over 16384.
[[nodiscard]] TokenizerOptions resolved(const TokenizerOptions& options);

/// Built-in stand-in for a vision encoder, good enough to tell where a video changes: see
/// kernels/patch_descriptor.h for the features and docs/tokenizer.md for how well they do.
class Tokenizer {
 public:
  /// Throws sluice::Error (kind input) as resolved() does.
  explicit Tokenizer(const TokenizerOptions& options = {});
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// With the working size filled in.
  [[nodiscard]] const TokenizerOptions& options() const noexcept { return options_; }
  /// What the tokens of a camera with this picture size look like.
  [[nodiscard]] Source source(const std::string& id, int image_width, int image_height) const;

  /// image → features [S,D] f32, reusing their memory. Pictures that have the working size already
  /// are not scaled; others are with the same filter as VideoReader's. Throws sluice::Error (kind
  /// input) for an empty picture or one whose pixels don't match its size.
  void tokenize(const Image& image, kernels::Tensor& features);

 private:
  struct Scaler;
  TokenizerOptions options_;
  std::unique_ptr<Scaler> scaler_;
};

}  // namespace sluice::stream
