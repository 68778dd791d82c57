#include "lbsync/nft/interval_expr.h"

namespace rehome::lbsync {

Expr to_expr(const Interval& interval) {
    Expr expr;
    expr.address = interval.first;
    const auto prefix = interval.prefix();
    if (interval.first == interval.last) {
        expr.kind = Expr::Kind::address;
    } else if (prefix) {
        expr.kind = Expr::Kind::prefix;
        expr.number = prefix->length;
    } else {
        expr.kind = Expr::Kind::range;
        expr.args = {to_expr({interval.first, interval.first}),
                     to_expr({interval.last, interval.last})};
    }
    return expr;
}

std::optional<Interval> to_interval(const Expr& expr) {
    if (expr.kind == Expr::Kind::address) {
        return Interval{expr.address, expr.address};
    }
    if (expr.kind == Expr::Kind::prefix) {
        return Interval::of({expr.address, static_cast<unsigned>(expr.number)});
    }
    if (expr.kind == Expr::Kind::range && expr.args[0].kind == Expr::Kind::address) {
        return Interval{expr.args[0].address, expr.args[1].address};
    }
    return {};
}

}  // namespace rehome::lbsync
