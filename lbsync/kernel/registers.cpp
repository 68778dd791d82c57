#include "lbsync/kernel/registers.h"

namespace rehome::lbsync::kernel {

namespace {

constexpr size_t cell = 4;

// Where a register begins in the file; none for the verdict's and for what is no register.
std::optional<size_t> register_offset(uint64_t number) {
    if (number >= 1 && number <= 4) {
        return (number - 1) * 16;
    }
    if (number >= 8 && number <= 23) {
        return (number - 8) * cell;
    }
    return {};
}

}  // namespace

bool Registers::write(uint64_t number, const Word& word) {
    const auto at = register_offset(number);
    const size_t padded = (word.size() + cell - 1) / cell * cell;
    if (!at || word.empty() || *at + padded > bytes) {
        return false;
    }
    for (size_t i = 0; i < padded; ++i) {
        file_[*at + i] = i < word.size() ? word[i] : Byte{};
    }
    return true;
}

std::optional<Word> Registers::read(uint64_t number, size_t length) const {
    const auto at = register_offset(number);
    if (!at || length == 0 || *at + length > bytes) {
        return {};
    }
    Word word;
    for (size_t i = 0; i < length; ++i) {
        if (!file_[*at + i]) {
            return {};  // nothing was loaded there
        }
        word.push_back(*file_[*at + i]);
    }
    return word;
}

}  // namespace rehome::lbsync::kernel
