// See page.h.
#include "probe/report/page.h"

namespace rehome::probe {

namespace {

constexpr char style[] =
#include "probe/report/page/report.css.inc"
    ;

constexpr char graphs[] =
#include "dygraphs/dygraph.min.js.inc"
    ;

constexpr char script[] =
#include "probe/report/page/report.js.inc"
    ;

}  // namespace

std::string_view page_style() {
    return style;
}

std::string_view page_graphs() {
    return graphs;
}

std::string_view page_script() {
    return script;
}

}  // namespace rehome::probe
