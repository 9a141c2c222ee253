// The safetensors container: an 8-byte little-endian header length, a JSON header, then raw
// tensors. https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::stream {

/// `__metadata__`: free strings.
using Metadata = std::map<std::string, std::string>;

/// A parsed blob: names, shapes and views into the caller's bytes, which must outlive it.
/// Tensor data need not be aligned in the blob: copy before casting if in doubt (`tensor()` does).
/// A scalar (rank 0 in the file) is presented as shape [1]. Tensors that the library has no type
/// for (I8, U16, F8_E4M3 …, or more than eight axes) are listed but can't be viewed.
class SafetensorsView {
 public:
  /// Checks everything before believing it: header length against the blob's size (and at most
  /// 100 MB, as the reference implementation), strict JSON, known dtypes, shapes that match their
  /// byte ranges, ranges that neither overlap nor leave gaps. Throws sluice::Error.
  [[nodiscard]] static SafetensorsView parse(std::span<const std::byte> blob,
                                             std::string_view where);

  [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  /// The tensor as a view on the blob. Throws sluice::Error if there is none of that name, or if
  /// it can't be viewed.
  [[nodiscard]] kernels::TensorView view(std::string_view name) const;
  /// An aligned copy.
  [[nodiscard]] kernels::Tensor tensor(std::string_view name) const;
  /// What errors call this blob.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
  Metadata metadata_;
  std::map<std::string, kernels::TensorView, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> unsupported_;  // name → what is wrong with it
};

/// A file mapped read-only into memory and parsed: opening a large file costs no memory. The file
/// must not be shortened while it is open (replacing it, as `write_safetensors` does, is fine).
class SafetensorsFile {
 public:
  /// Throws sluice::Error if the file can't be opened or isn't valid.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  [[nodiscard]] const SafetensorsView& contents() const noexcept { return view_; }

 private:
  void* mapping_ = nullptr;
  std::size_t size_ = 0;
  SafetensorsView view_;
};

/// A tensor to be written, and its name. The data must outlive the call.
struct NamedTensor {
  std::string name;
  kernels::TensorView tensor;
};

/// One blob. Tensors are laid out by descending item size, then name, so that equal contents give
/// equal bytes and every tensor is aligned to its item size. Throws sluice::Error for a tensor that
/// is undefined, not contiguous or not in host memory, and for a name that is taken or not UTF-8.
[[nodiscard]] std::vector<std::byte> encode_safetensors(std::span<const NamedTensor> tensors,
                                                        const Metadata& metadata);

/// Writes to a temporary file beside `path` and renames it, so that `path` is never half written.
/// Throws sluice::Error (kind system) when the disk is full; then `path` is as it was before.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata);

}  // namespace sluice::stream
