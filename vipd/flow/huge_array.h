// A fixed array of plain values in memory of its own: zeroed, backed by huge pages where the kernel
// has them to give, and taken page by page as it is touched.  So a table for 10,000,000 flows costs
// nothing until the flows come, and a random access costs one TLB entry for 2 MiB.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "common/huge_memory.h"

namespace rehome::vipd {

template <typename T>
class HugeArray {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    HugeArray() = default;
    // Throws std::bad_alloc when the address space has no room.
    explicit HugeArray(size_t size) : size_(size) {
        if (size > 0) {
            values_ = static_cast<T*>(take_huge_memory(bytes()));
        }
    }
    HugeArray(HugeArray&& other) noexcept { *this = std::move(other); }
    HugeArray& operator=(HugeArray&& other) noexcept {
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~HugeArray() {
        if (values_ != nullptr) {
            give_huge_memory_back(values_, bytes());
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

}  // namespace rehome::vipd
