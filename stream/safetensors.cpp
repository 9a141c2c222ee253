// Reading: a blob is believed only after every number in its header has been checked.
#include "stream/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/safetensors_dtype.h"

namespace sluice::stream {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian data");

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t largest_header = 100'000'000;  // as in the reference implementation
constexpr std::int64_t most_elements = std::int64_t{1} << 62;

/// A shape of any rank; only as many extents are kept as a kernels::Shape can hold.
struct StoredShape {
  std::array<std::int64_t, kernels::Shape::max_rank> extents{};
  std::size_t rank = 0;
  std::int64_t elements = 1;  // of a scalar
};

/// What the header says of one tensor.
struct Entry {
  std::string name;
  const StoredType* type = nullptr;
  StoredShape shape;
  std::int64_t begin = 0, end = 0;  // bytes within the data
};

class HeaderParser {
 public:
  HeaderParser(std::string_view header, std::string_view where) : reader_(header, where) {}

  void parse() {
    std::string key;
    bool has_metadata = false;
    reader_.begin_object();
    while (reader_.next_member(key)) {
      if (key == "__metadata__") {
        if (std::exchange(has_metadata, true)) reader_.fail("a second __metadata__", "one");
        parse_metadata();
      } else {
        entries.push_back(parse_entry(key));
      }
    }
    reader_.finish();
  }

  Metadata metadata;
  std::vector<Entry> entries;

 private:
  void parse_metadata() {
    std::string key;
    reader_.begin_object();
    while (reader_.next_member(key)) {
      std::string value = reader_.string_value();
      if (!metadata.try_emplace(std::move(key), std::move(value)).second)
        reader_.fail("a metadata key that is there already", "every key once");
    }
  }

  Entry parse_entry(const std::string& name) {
    Entry entry;
    entry.name = name;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    std::string key;
    const auto once = [&](bool& seen) {
      if (std::exchange(seen, true))
        reader_.fail(concat("a second ", in_quotes(key), " of tensor ", in_quotes(name)), "one");
    };
    reader_.begin_object();
    while (reader_.next_member(key)) {
      if (key == "dtype") {
        once(has_dtype);
        entry.type = parse_type(name);
      } else if (key == "shape") {
        once(has_shape);
        entry.shape = parse_shape(name);
      } else if (key == "data_offsets") {
        once(has_offsets);
        parse_offsets(entry);
      } else {
        reader_.fail(concat("unknown field ", in_quotes(key), " of tensor ", in_quotes(name)),
                     "dtype, shape and data_offsets");
      }
    }
    if (!has_dtype || !has_shape || !has_offsets)
      reader_.fail(concat("tensor ", in_quotes(name), " is not described completely"),
                   "dtype, shape and data_offsets");
    return entry;
  }

  const StoredType* parse_type(const std::string& name) {
    const std::string type_name = reader_.string_value();
    const StoredType* type = find_stored_type(type_name);
    if (type == nullptr)
      reader_.fail(concat("tensor ", in_quotes(name), " has unknown dtype ", in_quotes(type_name)),
                   viewable_type_names);
    return type;
  }

  StoredShape parse_shape(const std::string& name) {
    StoredShape shape;
    // Zero extents are left out of this product: strides are products of the others, and must not
    // overflow either.
    std::int64_t product = 1;
    bool has_zero = false;
    reader_.begin_array();
    while (reader_.next_element()) {
      const std::int64_t extent = reader_.count_value();
      has_zero |= extent == 0;
      if (__builtin_mul_overflow(product, std::max<std::int64_t>(extent, 1), &product) ||
          product > most_elements)
        reader_.fail(concat("the shape of tensor ", in_quotes(name), " overflows"),
                     "at most 2^62 elements");
      if (shape.rank < shape.extents.size()) shape.extents[shape.rank] = extent;
      ++shape.rank;
    }
    shape.elements = has_zero ? 0 : product;
    return shape;
  }

  void parse_offsets(Entry& entry) {
    constexpr std::string_view expected = "[begin, end]";
    std::array<std::int64_t, 2> offsets{};
    std::size_t count = 0;
    reader_.begin_array();
    while (reader_.next_element()) {
      if (count == 2) reader_.fail("data_offsets with more than two numbers", expected);
      offsets[count++] = reader_.count_value();
    }
    if (count != 2) reader_.fail("data_offsets with fewer than two numbers", expected);
    entry.begin = offsets[0];
    entry.end = offsets[1];
  }

  JsonReader reader_;
};

std::string tensor_place(std::string_view where, std::string_view name) {
  return concat(where, ", tensor ", in_quotes(name));
}

std::string_view header_of(std::span<const std::byte> blob, std::string_view where) {
  if (blob.size() < length_bytes)
    throw input_error(where, concat("only ", blob.size(), " bytes"),
                      "a safetensors blob, which starts with its header's length in 8 bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, blob.data(), length_bytes);
  if (length > largest_header)
    throw input_error(where, concat("a header of ", length, " bytes"),
                      concat("a safetensors header of at most ", largest_header, " bytes"));
  if (length > blob.size() - length_bytes)
    throw input_error(
        where, concat("truncated: a header of ", length, " bytes in a blob of ", blob.size()),
        "the whole header");
  const auto* text = reinterpret_cast<const char*>(blob.data() + length_bytes);
  const std::string_view header(text, length);
  if (!header.starts_with('{'))
    throw input_error(where, "the header is not a JSON object", "'{' as its first byte");
  return header;
}

void check_size(const Entry& entry, std::string_view where) {
  std::int64_t bits = 0;
  const bool overflow = __builtin_mul_overflow(entry.shape.elements, entry.type->bits, &bits);
  if (overflow || bits % 8 != 0 || entry.end < entry.begin || entry.end - entry.begin != bits / 8)
    throw input_error(tensor_place(where, entry.name),
                      concat("data_offsets [", entry.begin, ", ", entry.end, "] for ",
                             entry.shape.elements, " elements of ", entry.type->name),
                      overflow ? std::string("a tensor that fits the file")
                               : concat("a range of ", bits / 8, " bytes"));
}

/// The tensors must cover the data exactly: no byte twice, no byte unexplained.
void check_layout(std::span<const Entry> entries, std::size_t data_size, std::string_view where) {
  std::vector<const Entry*> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::int64_t covered = 0;
  for (const Entry* entry : order) {
    if (entry->begin != covered)
      throw input_error(tensor_place(where, entry->name),
                        concat(entry->begin < covered ? "overlaps" : "leaves a gap after",
                               " the tensor before it: starts at byte ", entry->begin),
                        concat("byte ", covered));
    covered = entry->end;
    if (static_cast<std::uint64_t>(covered) > data_size)
      throw input_error(tensor_place(where, entry->name),
                        concat("ends at byte ", covered, ", beyond the data"),
                        concat("at most ", data_size, " (is the file truncated?)"));
  }
  if (static_cast<std::uint64_t>(covered) != data_size)
    throw input_error(
        where,
        concat(data_size - static_cast<std::uint64_t>(covered), " bytes after the last tensor"),
        "none");
}

kernels::Shape presented(const StoredShape& stored) {
  if (stored.rank == 0) return kernels::Shape{1};
  return kernels::Shape(std::span(stored.extents.data(), stored.rank));
}

/// A bool with any other value than 0 and 1 is undefined behaviour in C++.
bool are_bools(const kernels::TensorView& tensor) {
  const auto* bytes = static_cast<const unsigned char*>(tensor.data());
  return std::all_of(bytes, bytes + tensor.byte_size(), [](unsigned char b) { return b <= 1; });
}

}  // namespace

SafetensorsView SafetensorsView::parse(std::span<const std::byte> blob, std::string_view where) {
  const std::string_view header = header_of(blob, where);
  HeaderParser parser(header, where);
  parser.parse();
  const auto data = blob.subspan(length_bytes + header.size());
  for (const Entry& entry : parser.entries) check_size(entry, where);
  check_layout(parser.entries, data.size(), where);

  SafetensorsView result;
  result.where_ = where;
  result.metadata_ = std::move(parser.metadata);
  for (Entry& entry : parser.entries) {
    if (result.contains(entry.name))
      throw input_error(tensor_place(where, entry.name), "is there twice", "every name once");
    if (!entry.type->dtype) {
      result.unsupported_.emplace(std::move(entry.name), concat("has dtype ", entry.type->name));
    } else if (entry.shape.rank > kernels::Shape::max_rank) {
      result.unsupported_.emplace(std::move(entry.name), concat("has rank ", entry.shape.rank));
    } else {
      result.tensors_.emplace(std::move(entry.name),
                              kernels::TensorView(data.data() + entry.begin, *entry.type->dtype,
                                                  presented(entry.shape)));
    }
  }
  return result;
}

bool SafetensorsView::contains(std::string_view name) const {
  return tensors_.contains(name) || unsupported_.contains(name);
}

std::vector<std::string> SafetensorsView::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  for (const auto& [name, problem] : unsupported_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

kernels::TensorView SafetensorsView::view(std::string_view name) const {
  if (const auto found = tensors_.find(name); found != tensors_.end()) {
    if (found->second.dtype() == kernels::DType::boolean && !are_bools(found->second))
      throw input_error(tensor_place(where_, name), "has bytes other than 0 and 1", "BOOL values");
    return found->second;
  }
  if (const auto found = unsupported_.find(name); found != unsupported_.end())
    throw input_error(
        tensor_place(where_, name), found->second + ", which can't be read",
        concat(viewable_type_names, " of rank ", kernels::Shape::max_rank, " at most"));
  std::string present;
  for (const std::string& other : names()) {
    if (present.size() > 200) {
      present += ", …";
      break;
    }
    present += (present.empty() ? "" : ", ") + in_quotes(other);
  }
  throw input_error(
      where_, concat("no tensor ", in_quotes(name)),
      present.empty() ? "it, but there are no tensors" : "it; there are only " + present);
}

kernels::Tensor SafetensorsView::tensor(std::string_view name) const {
  return kernels::Tensor(view(name));
}

}  // namespace sluice::stream
