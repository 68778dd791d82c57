// A fixed array of plain values in memory of its own: zeroed, backed by huge pages where the kernel
// has them to give, and taken page by page as it is touched.  So a table for 10,000,000 flows costs
// nothing until the flows come, and a random access costs one TLB entry for 2 MiB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace rehome {

template <typename T>
class HugeArray {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    HugeArray() = default;
    // Throws std::bad_alloc when the address space has no room.
    explicit HugeArray(size_t size) : size_(size) {
        if (size == 0) {
            return;
        }
        void* at = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) {
            throw std::bad_alloc();
        }
        ::madvise(at, bytes(), MADV_HUGEPAGE);  // a kernel that has none says so: as well without
        values_ = static_cast<T*>(at);
    }
    HugeArray(HugeArray&& other) noexcept { *this = std::move(other); }
    HugeArray& operator=(HugeArray&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~HugeArray() {
        if (values_ != nullptr) {
            ::munmap(values_, bytes());
        }
    }

    T& operator[](size_t index) { return values_[index]; }
    const T& operator[](size_t index) const { return values_[index]; }
    T* data() { return values_; }
    const T* data() const { return values_; }
    size_t size() const { return size_; }
    size_t bytes() const { return size_ * sizeof(T); }

private:
    T* values_ = nullptr;
    size_t size_ = 0;
};

}  // namespace rehome
