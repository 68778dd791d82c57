// The shortest way from one list of lines to another.
#pragma once

#include <string>
#include <vector>

namespace rehome::lbsync {

// "- LINE" and "+ LINE" in order, by longest common subsequence; what both share is left out.
// Lists too long for that (over four million pairs between their common ends) are told as all of
// the old middle gone and all of the new come.
std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to);

}  // namespace rehome::lbsync
