// The code of the error that an action throws; kFailure stands for none, with a failed expectation.
#pragma once
#include <gtest/gtest.h>

#include "data/error.h"

namespace mb {

ErrorCode code_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kFailure;
}

}  // namespace mb
