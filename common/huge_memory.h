// Zeroed memory for large tables: backed by huge pages where the kernel has them to give, and taken
// page by page as it is touched.
#pragma once

#include <cstddef>

namespace rehome {

// Throws std::bad_alloc when the address space has no room.  bytes is not 0.
void* take_huge_memory(size_t bytes);
void give_huge_memory_back(void* at, size_t bytes);

}  // namespace rehome
