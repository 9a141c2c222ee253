// The text files of a sample. Private to write_sample.
#pragma once

#include <string>

#include "apps/sample/scene.h"
#include "apps/sample/write_sample.h"

namespace sluice::sample {

[[nodiscard]] std::string pose_text(const stream::Pose& pose);
[[nodiscard]] std::string intrinsics_text(const stream::Intrinsics& intrinsics);
[[nodiscard]] std::string objects_json(const SampleScene& scene);
[[nodiscard]] std::string scene_json(const SampleScene& scene, const WriteOptions& options,
                                     const WrittenSample& written);
[[nodiscard]] std::string readme_text(const SampleScene& scene, const WriteOptions& options);

}  // namespace sluice::sample
