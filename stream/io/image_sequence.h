// Finds the files of an image sequence.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::stream {

/// True if `input` names several images rather than one file: a folder, a printf pattern
/// ("frame-%06d.png") or a glob ("shots/*.jpg"). A file that exists under the very name is not.
[[nodiscard]] bool is_image_sequence(const std::string& input);

/// The images, in order. For a printf pattern every file whose name fits, by number; gaps are
/// allowed and the numbers may start anywhere. For a glob or a folder by name, with numbers in
/// names compared as numbers ("2.png" before "10.png"). Throws sluice::Error if there are none, or
/// if a folder holds more than one series ("a-1.png a-2.png b-1.png b-2.png"): mixing colour and
/// depth images would go unnoticed otherwise.
[[nodiscard]] std::vector<std::filesystem::path> list_image_sequence(const std::string& input);

}  // namespace sluice::stream
