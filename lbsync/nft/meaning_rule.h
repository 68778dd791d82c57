// Rules' statements as the policy's steps; meaning.h says how.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lbsync/nft/key_field.h"
#include "lbsync/nft/model.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::nft {

class RuleMeaning {
public:
    // chains: of the table, as indices of the policy's.
    RuleMeaning(const Table& table, const std::map<std::string, size_t>& chains)
        : table_(table), chains_(chains) {}

    Meant<std::vector<policy::Step>> steps(const Rule& rule);

private:
    using Steps = std::vector<policy::Step>;

    struct Columns {
        std::vector<policy::Term> of;
        std::vector<KeyField> keys;
        Steps implied;
    };

    Meant<void> add(const Match& match, Steps& steps);
    Meant<void> add(const Verdict& verdict, Steps& steps);
    Meant<void> add(const Counter&, Steps&) { return {}; }
    Meant<void> add(const Limit& limit, Steps& steps);
    Meant<void> add(const Log& log, Steps& steps);
    Meant<void> add(const Reject& reject, Steps& steps);
    Meant<void> add(const Nat& nat, Steps& steps);
    Meant<void> add(const Assign& assign, Steps& steps);
    Meant<void> add(const VerdictMap& map, Steps& steps);
    Meant<void> add(const NoTrack& no_track, Steps& steps);
    Meant<void> add(const Update& update, Steps& steps);
    Meant<void> add(const Verbatim& verbatim, Steps& steps);

    Meant<Columns> columns(const Expr& left) const;
    Meant<policy::Step> test(const Columns& columns, const Match& match);
    Meant<policy::Step> in_named_set(const Columns& columns, const Expr& left,
                                     const std::string& name, bool negated);
    Meant<void> append_row(const Expr& element, const Columns& columns,
                           policy::Elements& rows) const;
    Meant<policy::ElementsPtr> rows(const std::vector<Expr>& elements,
                                    const Columns& columns) const;

    // A map's branches, one for each of what `mean` makes of the data.
    template <typename Mean>
    Meant<policy::Step> choice(const Columns& columns, const Expr& data, Mean mean);
    Meant<const std::vector<Expr>*> pairs(const Expr& data) const;

    Meant<policy::Verdict> verdict(const Expr& expr) const;
    Meant<policy::Value> value(const Expr& expr, const KeyField& into) const;
    Meant<void> add_nat(const policy::Nat& nat, const Nat& from, Steps& steps);
    Meant<void> set_target(const Expr& data, bool port, policy::Nat& nat) const;
    std::string words(const Statement& statement) const;
    const Set* set(const std::string& name) const;
    std::string title(const Set& set) const;

    const Table& table_;
    const std::map<std::string, size_t>& chains_;
    std::map<std::string, policy::ElementsPtr> sets_;  // by name and what is looked up
};

}  // namespace rehome::lbsync::nft
