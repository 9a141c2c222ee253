#include "python/src/errors.h"

#include "kernels/error.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

// Live as long as the process: exceptions may be raised until the very end.
PyObject* input_error_type = nullptr;
PyObject* engine_error_type = nullptr;

PyObject* new_type(nb::module_& module, const char* name, const char* doc, PyObject* base) {
  const auto full_name = concat("sluice.", name);
  PyObject* type = PyErr_NewExceptionWithDoc(full_name.c_str(), doc, base, nullptr);
  if (type == nullptr) throw nb::python_error();
  module.attr(name) = nb::borrow(type);
  return type;
}

}  // namespace

void bind_errors(nb::module_& module) {
  input_error_type = new_type(
      module, "InputError",
      "An argument can't be used. The message names it, says what it is, and what was expected.",
      PyExc_ValueError);
  engine_error_type =
      new_type(module, "EngineError",
               "The arguments were fine, but the work could not be done. The message says why.",
               PyExc_RuntimeError);
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      PyErr_SetString(error.kind() == Error::Kind::input ? input_error_type : engine_error_type,
                      error.what());
    }
  });
}

}  // namespace sluice::python
