#include "lbsync/plan/line_diff.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace rehome::lbsync {

namespace {

using Lines = std::span<const std::string>;

// length[i][j]: of the longest common subsequence of from[i..] and to[j..].
std::vector<uint32_t> common_lengths(Lines from, Lines to) {
    const size_t width = to.size() + 1;
    std::vector<uint32_t> length((from.size() + 1) * width, 0);
    for (size_t i = from.size(); i-- > 0;) {
        for (size_t j = to.size(); j-- > 0;) {
            length[i * width + j] =
                from[i] == to[j] ? length[(i + 1) * width + j + 1] + 1
                                 : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
        }
    }
    return length;
}

std::vector<std::string> middle_diff(Lines from, Lines to) {
    constexpr size_t most_pairs = 4'000'000;
    const bool small = (from.size() + 1) * (to.size() + 1) <= most_pairs;
    const std::vector<uint32_t> length = small ? common_lengths(from, to) : std::vector<uint32_t>{};
    const size_t width = to.size() + 1;
    std::vector<std::string> diff;
    size_t i = 0;
    size_t j = 0;
    while (i < from.size() || j < to.size()) {
        const bool both = i < from.size() && j < to.size();
        if (small && both && from[i] == to[j]) {
            ++i;
            ++j;
        } else if (j == to.size() ||
                   (both && (!small || length[(i + 1) * width + j] >= length[i * width + j + 1]))) {
            diff.push_back("- " + from[i++]);
        } else {
            diff.push_back("+ " + to[j++]);
        }
    }
    return diff;
}

}  // namespace

std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to) {
    Lines left(from);
    Lines right(to);
    while (!left.empty() && !right.empty() && left.front() == right.front()) {
        left = left.subspan(1);
        right = right.subspan(1);
    }
    while (!left.empty() && !right.empty() && left.back() == right.back()) {
        left = left.first(left.size() - 1);
        right = right.first(right.size() - 1);
    }
    return middle_diff(left, right);
}

}  // namespace rehome::lbsync
