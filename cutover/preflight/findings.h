// Where the judges of an answer's parts put what they find.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cutover/preflight/judge.h"

namespace rehome::cutover {

class Findings {
public:
    explicit Findings(std::vector<Finding>& list) : list_(list) {}

    // What follows is of that area.
    Findings& in(Area area) {
        area_ = area;
        return *this;
    }

    void fails(std::string what, std::string expected, std::string todo) {
        add({area_, Mark::fails, std::move(what), std::move(expected), std::move(todo)});
    }

    void unknown(std::string what, std::string expected, std::string todo) {
        add({area_, Mark::unknown, std::move(what), std::move(expected), std::move(todo)});
    }

    // Whether something of the area will fail.
    bool any(Area area) const {
        return std::any_of(list_.begin(), list_.end(), [area](const Finding& finding) {
            return finding.area == area && finding.mark == Mark::fails;
        });
    }

private:
    // What several steps run into stands once.
    void add(Finding finding) {
        const auto same = [text = finding.text()](const Finding& f) { return f.text() == text; };
        if (std::none_of(list_.begin(), list_.end(), same)) {
            list_.push_back(std::move(finding));
        }
    }

    std::vector<Finding>& list_;
    Area area_ = Area::reach;
};

}  // namespace rehome::cutover
