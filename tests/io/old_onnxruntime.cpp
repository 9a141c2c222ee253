// A library that says it is an ONNX Runtime too old for us.
#include <cstdint>

#include "stream/io/onnx/ort_api.h"

namespace {

const void* get_api(std::uint32_t version) {
  return version < sluice::stream::onnx::api_version ? static_cast<const void*>("table") : nullptr;
}

const char* get_version() {
  return "1.9.0";
}

const sluice::stream::onnx::ApiBase base{get_api, get_version};

}  // namespace

extern "C" __attribute__((visibility("default"))) const sluice::stream::onnx::ApiBase*
OrtGetApiBase() {
  return &base;
}
