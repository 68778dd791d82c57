// The shortest way from one list of lines to another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rehome::lbsync {

// "- LINE" and "+ LINE" in order, by longest common subsequence; what both share is left out.
// Lists too long for that (over four million pairs between their common ends) are told as all of
// the old middle gone and all of the new come.
std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to);

// The same where order counts, with its place: before each group of changes a line "@ NOUN 27, now
// 28" (counted from 1) and around it up to two lines "  LINE" that stay.
std::vector<std::string> diff_in_place(const std::vector<std::string>& from,
                                       const std::vector<std::string>& to, std::string_view noun);

// The same where the order means nothing: what goes, then what comes.
std::vector<std::string> unordered_diff(const std::vector<std::string>& from,
                                        const std::vector<std::string>& to);

}  // namespace rehome::lbsync
