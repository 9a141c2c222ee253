// What an error must say.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/error.h"

namespace sluice::test {

/// The message of the sluice::Error of kind input that `action` must throw.
template <typename Action>
std::string input_error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

#define EXPECT_CONTAINS(text, part) \
  EXPECT_NE(std::string(text).find(part), std::string::npos) << "in: " << (text)

}  // namespace sluice::test
