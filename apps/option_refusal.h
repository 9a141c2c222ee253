// Options that don't go with the input are refused by name, not ignored.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace CLI {
class Option;
}

namespace sluice::apps {

/// Throws sluice::Error (kind input), naming the first of `options` that was given for `input`.
/// `expected`: what it would go with, such as "a video".
void refuse_given(std::span<CLI::Option* const> options, const std::string& input,
                  std::string_view expected);

}  // namespace sluice::apps
