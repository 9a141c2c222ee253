#include "apps/option_refusal.h"

#include <CLI/CLI.hpp>

#include "kernels/error.h"

namespace sluice::apps {

void refuse_given(std::span<CLI::Option* const> options, const std::string& input,
                  std::string_view expected) {
  for (const CLI::Option* option : options)
    if (option->count() > 0)
      throw input_error(option->get_name(), "given for " + input, std::string(expected));
}

}  // namespace sluice::apps
