// A vision encoder in an ONNX file, run by ONNX Runtime: pictures in, patch features out.
//
//   Encoder encoder("siglip.onnx", {.preset = "siglip"});
//   encoder.load(0, image);          // encoder.width() × encoder.height() pixels
//   encoder.run(1);
//   encoder.take(0, frame);          // features [S,D], attention [S] if the export has it
//
// ONNX Runtime is opened at run time, so that nothing needs it to build. docs/encoders.md says how
// to get it and how to export a model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stream/feature_frame.h"
#include "stream/grid.h"
#include "stream/io/image.h"

namespace sluice::stream {

struct EncoderOptions {
  /// The library's file, or a folder with it; empty: $SLUICE_ONNXRUNTIME, else what the loader
  /// finds.
  std::string runtime = {};
  /// How pixel values are scaled: "siglip", "clip", "dinov2", "none" (0 to 1); or "auto": as the
  /// model's own metadata says under image_mean and image_std, and an error if it does not. There
  /// is no other default: features of wrongly scaled pixels look all right and are not.
  std::string preset = "auto";
  /// Outputs by name; unset: the obvious ones. `attention` "none": not read.
  std::optional<std::string> output = std::nullopt, attention = std::nullopt;
  /// Class and register tokens before the patches'; unset: what is over.
  std::optional<std::int64_t> prefix = std::nullopt;
  std::optional<Grid> grid =
      std::nullopt;  ///< of the patches; unset: square patches that fill the picture
  /// Pixels, for models that take any size; 0: the model's own, or image_size in its metadata.
  int width = 0, height = 0;
  /// Pictures a run at most; 0: as many as the model's input says, else 1. More saves time where
  /// one picture does not keep all cores busy, and the first waits for the last.
  int batch = 0;
  int threads = 0;  ///< 0: one per core
};

class Encoder {
 public:
  /// Loads the model and runs it once, so that whatever does not fit fails here. Throws
  /// sluice::Error (kind input) for a missing or too old ONNX Runtime; a file that is no model; and
  /// inputs, outputs or options that don't go together, naming what there is.
  explicit Encoder(const std::string& model, const EncoderOptions& options = {});
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  /// Of the pictures, in pixels.
  [[nodiscard]] int width() const noexcept;
  [[nodiscard]] int height() const noexcept;
  [[nodiscard]] int batch() const noexcept;  ///< pictures a run, at most
  [[nodiscard]] bool has_attention() const noexcept;
  /// ONNX Runtime's own: "1.20.0".
  [[nodiscard]] const std::string& runtime_version() const noexcept;
  /// What the tokens of a camera with this picture size look like.
  [[nodiscard]] Source source(const std::string& id, int image_width, int image_height) const;

  /// Puts `image` into place `slot` < batch() of the next run. Throws sluice::Error (kind input)
  /// for a picture of another size.
  void load(int slot, const Image& image);
  /// Encodes the first `count` slots. Throws sluice::Error (kind input) with ONNX Runtime's reason
  /// if the model fails on them.
  void run(int count);
  /// Features [S,D] of the slot in the last run, of the type the model gives, and attention [S] f32
  /// or none. Reuses the frame's memory.
  void take(int slot, FeatureFrame& frame) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::stream
