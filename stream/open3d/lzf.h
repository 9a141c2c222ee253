// Unpacks LibLZF's format, which compressed PCD files use.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::stream {

/// `unpacked` has `size` bytes afterwards; false if the data are damaged or unpack to another size.
[[nodiscard]] bool unpack_lzf(std::string_view packed, std::size_t size, std::string& unpacked);

}  // namespace sluice::stream
