#include "lbsync/plan/line_diff.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

using Lines = std::span<const std::string>;

// One line goes or comes; before it stand so many lines of the one list and of the other.
struct Step {
    char sign = '-';
    size_t from = 0;
    size_t to = 0;
};

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

// start: so many equal lines stand before both.
std::vector<Step> middle_steps(Lines from, Lines to, size_t start) {
    constexpr size_t most_pairs = 4'000'000;
    const bool small = (from.size() + 1) * (to.size() + 1) <= most_pairs;
    const std::vector<uint32_t> length = small ? common_lengths(from, to) : std::vector<uint32_t>{};
    const size_t width = to.size() + 1;
    std::vector<Step> steps;
    size_t i = 0;
    size_t j = 0;
    while (i < from.size() || j < to.size()) {
        const bool both = i < from.size() && j < to.size();
        if (small && both && from[i] == to[j]) {
            ++i;
            ++j;
        } else if (j == to.size() ||
                   (both && (!small || length[(i + 1) * width + j] >= length[i * width + j + 1]))) {
            steps.push_back({'-', start + i++, start + j});
        } else {
            steps.push_back({'+', start + i, start + j++});
        }
    }
    return steps;
}

std::vector<Step> steps_between(Lines left, Lines right) {
    size_t start = 0;
    while (!left.empty() && !right.empty() && left.front() == right.front()) {
        left = left.subspan(1);
        right = right.subspan(1);
        ++start;
    }
    while (!left.empty() && !right.empty() && left.back() == right.back()) {
        left = left.first(left.size() - 1);
        right = right.first(right.size() - 1);
    }
    return middle_steps(left, right, start);
}

std::string told(const Step& step, Lines from, Lines to) {
    return fmt::format("{} {}", step.sign, step.sign == '-' ? from[step.from] : to[step.to]);
}

constexpr size_t context = 2;

// One group of changes with what stands around it.
class Group {
public:
    Group(Lines from, Lines to, std::span<const Step> steps)
        : from_(from), to_(to), steps_(steps) {}

    void tell(std::string_view noun, std::vector<std::string>& lines) const {
        const Step& first = steps_.front();
        lines.push_back(fmt::format("@ {} {}, now {}", noun, first.from + 1, first.to + 1));
        size_t at = first.from - std::min(first.from, context);
        for (const Step& step : steps_) {
            stay(at, step.from, lines);
            lines.push_back(told(step, from_, to_));
            at = step.from + (step.sign == '-' ? 1 : 0);
        }
        stay(at, std::min(at + context, from_.size()), lines);
    }

private:
    void stay(size_t at, size_t end, std::vector<std::string>& lines) const {
        for (; at < end; ++at) {
            lines.push_back("  " + from_[at]);
        }
    }

    Lines from_;
    Lines to_;
    std::span<const Step> steps_;
};

// How many of the steps stand so near to each other that their contexts meet.
size_t group_length(std::span<const Step> steps) {
    size_t length = 1;
    while (length < steps.size() && steps[length].from - steps[length - 1].from <= 2 * context) {
        ++length;
    }
    return length;
}

}  // namespace

std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to) {
    std::vector<std::string> lines;
    for (const Step& step : steps_between(from, to)) {
        lines.push_back(told(step, from, to));
    }
    return lines;
}

std::vector<std::string> unordered_diff(const std::vector<std::string>& from,
                                        const std::vector<std::string>& to) {
    std::vector<std::string> lines;
    const auto tell = [&lines](char sign, const auto& list, const auto& other) {
        const std::unordered_set<std::string_view> known(other.begin(), other.end());
        for (const std::string& line : list) {
            if (!known.contains(line)) {
                lines.push_back(fmt::format("{} {}", sign, line));
            }
        }
    };
    tell('-', from, to);
    tell('+', to, from);
    return lines;
}

std::vector<std::string> diff_in_place(const std::vector<std::string>& from,
                                       const std::vector<std::string>& to, std::string_view noun) {
    std::vector<std::string> lines;
    const std::vector<Step> all = steps_between(from, to);
    std::span<const Step> steps = all;
    while (!steps.empty()) {
        const size_t length = group_length(steps);
        Group(from, to, steps.first(length)).tell(noun, lines);
        steps = steps.subspan(length);
    }
    return lines;
}

}  // namespace rehome::lbsync
