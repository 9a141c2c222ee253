#include <nanobind/stl/string.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "python/src/bindings.h"
#include "python/src/packet_fields.h"
#include "stream/message.h"
#include "stream/packet_check.h"
#include "stream/safetensors.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

/// The bytes of an object with a buffer, held as long as this lives.
class Bytes {
 public:
  explicit Bytes(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) == 0) return;
    PyErr_Clear();
    throw input_error("blob", "is not made of bytes", "bytes, a bytearray or a memoryview");
  }
  ~Bytes() { PyBuffer_Release(&buffer_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  [[nodiscard]] std::span<const std::byte> view() const noexcept {
    return {static_cast<const std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_{};
};

/// Encodes without the GIL.
template <typename Message>
nb::bytes encoded(const Message& message) {
  std::vector<std::byte> blob;
  {
    const nb::gil_scoped_release release;
    blob = encode(message);
  }
  return nb::bytes(blob.data(), blob.size());
}

/// A PacketCheck that Python doesn't copy; the GIL sees to it that threads take turns.
class Check {
 public:
  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  nb::list check(nb::handle packet) {
    nb::list found;
    for (const auto& violation : check_.check(packet_from(packet)))
      found.append(nb::str(violation.c_str()));
    return found;
  }
  [[nodiscard]] std::int64_t missing() const { return check_.missing(); }

 private:
  stream::PacketCheck check_;
};

std::string kind_of(nb::handle blob_, const std::string& where) {
  const Bytes blob(blob_);
  const auto view = stream::SafetensorsView::parse(blob.view(), where);
  const auto found = view.metadata().find(stream::message_key::kind);
  if (found == view.metadata().end())
    throw input_error(where, concat("has no key ", stream::message_key::kind), "a Sluice message");
  return found->second;
}

nb::dict decode_packet(nb::handle blob_, const std::string& where) {
  const Bytes blob(blob_);
  stream::Packet packet;
  {
    const nb::gil_scoped_release release;
    packet = stream::decode_packet(blob.view(), where);
  }
  return packet_fields(std::move(packet));
}

nb::dict decode_feedback(nb::handle blob_, const std::string& where) {
  const Bytes blob(blob_);
  stream::Feedback feedback;
  {
    const nb::gil_scoped_release release;
    feedback = stream::decode_feedback(blob.view(), where);
  }
  return feedback_fields(std::move(feedback));
}

}  // namespace

void bind_packet(nb::module_& module) {
  module.def(
      "encode_packet", [](nb::handle packet) { return encoded(packet_from(packet)); },
      nb::arg("packet").none(), "A sluice.Packet as one safetensors blob.");
  module.def(
      "encode_feedback", [](nb::handle feedback) { return encoded(feedback_from(feedback)); },
      nb::arg("feedback").none(), "A sluice.Feedback as one safetensors blob.");
  module.def("message_kind", &kind_of, nb::arg("blob").none(), nb::arg("where"));
  module.def("decode_packet", &decode_packet, nb::arg("blob").none(), nb::arg("where"));
  module.def("decode_feedback", &decode_feedback, nb::arg("blob").none(), nb::arg("where"));
  nb::class_<Check>(module, "PacketCheck", "See sluice.PacketCheck.")
      .def(nb::init<>())
      .def("check", &Check::check, nb::arg("packet").none())
      .def("missing", &Check::missing);
}

}  // namespace sluice::python
