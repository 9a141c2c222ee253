// Writing: the same contents give the same bytes.
#include "stream/atomic_file.h"
#include "stream/safetensors.h"
#include "stream/safetensors_layout.h"

namespace sluice::stream {
namespace {

/// The parts of a blob: layout.head(), then the tensors.
struct Arranged {
  std::vector<const NamedTensor*> tensors;
  SafetensorsLayout layout;
};

Arranged arrange(std::span<const NamedTensor> tensors, const Metadata& metadata) {
  Arranged arranged;
  for (const NamedTensor& named : tensors) arranged.tensors.push_back(&named);
  std::vector<MetadataEntry> entries;
  for (const auto& [key, value] : metadata) entries.push_back({key, value});
  arranged.layout.arrange(arranged.tensors, entries);
  return arranged;
}

}  // namespace

std::vector<std::byte> encode_safetensors(std::span<const NamedTensor> tensors,
                                          const Metadata& metadata) {
  const Arranged arranged = arrange(tensors, metadata);
  std::vector<std::byte> blob;
  append_blob(arranged.layout, arranged.tensors, blob);
  return blob;
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata) {
  const Arranged arranged = arrange(tensors, metadata);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(arranged.layout.head())));
  for (const NamedTensor* named : arranged.tensors) file.write(bytes_of(named->tensor));
  file.commit();
}

}  // namespace sluice::stream
