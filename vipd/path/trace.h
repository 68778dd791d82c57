// What the datapath tells of its decisions, for `vipd why` and `vipctl why`: one note a decision,
// in the order in which they fall.  A Datapath that nobody asks has none (a null pointer), and pays
// one branch where it would note something:
//
//     if (trace_ != nullptr) {
//         trace_->note("flow", fmt::format("new: server {}", server.text()));
//     }
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace rehome::vipd {

struct Trace {
    // stage: one word, that of the path of a packet ("parse", "vip", "access", "flow", "relay",
    // "rewrite", "tunnel", "route", "out").  text: what was decided and why, one line without a
    // full stop.
    std::function<void(std::string_view stage, std::string text)> note;
};

}  // namespace rehome::vipd
