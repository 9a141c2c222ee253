// Style and script of every page, as text. Pages work without the script.
#pragma once

#include <string_view>

namespace sluice::report {

extern const std::string_view page_style;
/// Moves a cursor over plots that share a time axis and reads their values; jumps from a moment to
/// its segment.
extern const std::string_view page_script;

}  // namespace sluice::report
