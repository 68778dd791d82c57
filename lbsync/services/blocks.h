// A file of keepalived (keepalived.conf(5)) as statements and blocks, with what it includes.
//
// Form: words on a line; "{" opens a block, "}" closes it, on whatever line; words in double quotes
// are one; "#" and "!" begin a comment.  Definitions ($NAME=), conditions (@ID) and sequences
// (~SEQ) change what the lines say and are not read: mistakes.  Pure: whoever calls reads the
// files.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome::lbsync::services {

struct Statement {
    std::string where;  // "ha.conf:12"
    std::vector<std::string> words;
    bool block = false;
    std::vector<Statement> inside;

    const std::string& name() const { return words[0]; }
};

struct File {
    std::string name;
    std::string text;
};

// The files that a pattern of the file `from` names, in order.  Errors: none can be read.
using Include =
    std::function<Result<std::vector<File>>(const std::string& pattern, const std::string& from)>;

Checked<std::vector<Statement>> read_blocks(const File& file, const Include& include);

// Statements in one line: "url { path / status_code 200 }".
std::string print(const Statement& statement);

}  // namespace rehome::lbsync::services
