#include "cutover/command/hosts.h"

namespace rehome::cutover {

namespace {

// Where a run of it is: the gateways of both sites.
Result<> name_gateways(const Opening& opening, Hands& hands) {
    const auto inventory = parse_inventory(opening.inventory_path, opening.inventory);
    if (!inventory) {
        return tl::unexpected(inventory.error().front());
    }
    for (const Site& site : inventory->sites) {
        for (const Gateway& gateway : site.gateways) {
            if (const auto host = Host::parse(gateway.host)) {
                hands.hold(gateway.name, *host);
            }
        }
    }
    return {};
}

}  // namespace

Result<std::vector<Marker>> take_hosts(const Opening& opening, const Plan& plan, Hands& hands,
                                       bool goes_on, bool way_back, Watch& watch) {
    if (auto named = name_gateways(opening, hands); !named) {
        return tl::unexpected(named.error());
    }
    std::vector<Marker> markers;
    for (const Step& step : goes_on ? plan.steps : std::vector<Step>()) {
        hands.at(step.host);
    }
    std::string refused;
    for (const Hands::Reached& one : hands.reach_all()) {
        if (one.welcome && one.welcome->head) {
            const Head& head = *one.welcome->head;
            markers.push_back({"the hand at " + one.title, opening.run, 0, head.line, head.sum});
        }
        if (one.welcome) {
            continue;
        }
        const Error& error = one.welcome.error();
        const bool is_told = error.kind != Exit::no && (way_back || !one.held);
        if (is_told) {
            watch.notice("cannot be reached: " + error.text(), now_us());
        } else {
            refused += (refused.empty() ? "" : "; ") + error.text();
        }
    }
    if (refused.empty()) {
        return markers;
    }
    if (!goes_on) {
        (void)hands.release_all();  // one that goes on has something to put back there
    }
    return fail(Exit::world, "", refused + "; nothing was done");
}

void leave_hosts(Hands& hands, const Progress& progress, Watch& watch) {
    const bool keeps = !progress.finished || !steps_in(progress, StepState::undo_skipped).empty();
    if (auto released = keeps ? Result<>() : hands.release_all(); !released) {
        watch.notice("still held for this run, `cutover hand release` there gives it up: " +
                         released.error().text(),
                     now_us());
    }
}

}  // namespace rehome::cutover
