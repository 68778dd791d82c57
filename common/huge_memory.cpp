#include "common/huge_memory.h"

#include <sys/mman.h>

#include <new>

namespace rehome {

void* take_huge_memory(size_t bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        throw std::bad_alloc();
    }
    ::madvise(at, bytes, MADV_HUGEPAGE);  // a kernel that has none says so: as well without
    return at;
}

void give_huge_memory_back(void* at, size_t bytes) {
    ::munmap(at, bytes);
}

}  // namespace rehome
