// Exit codes of every command.
#pragma once

namespace sluice::apps {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;    ///< the input was fine, the work could not be done
inline constexpr int exit_bad_input = 2;  ///< bad option, file or message; also usage errors

}  // namespace sluice::apps
