// services: what a file or host says of load balancing, for people or as vipd's services.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "lbsync/adapter/side.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/command/sides.h"
#include "lbsync/services/difference.h"
#include "lbsync/services/to_vipd.h"

namespace rehome::lbsync {

namespace {

Exit show(const policy::Services& found) {
    for (const policy::VirtualService& service : found.services) {
        std::printf("%s\n", service.title().c_str());
        for (const std::string& line : services::lines_of(service, !found.running)) {
            std::printf("  %s\n", line.c_str());
        }
    }
    for (const std::string& beside : found.beside) {
        std::printf("no service: %s\n", beside.c_str());
    }
    return Exit::yes;
}

Exit write(const policy::Services& found, const services::Without& without) {
    const auto written = services::to_vipd(found, without);
    if (!written) {
        return print_mistakes(written.error());
    }
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const vipd::ServiceConfig& service : *written) {
        list.push_back(vipd::to_json(service, {}));
    }
    print({{"services", std::move(list)}});
    return Exit::yes;
}

Result<Exit> act(const Given& given) {
    services::Without without;
    for (const std::string& thing : given.texts("without")) {
        if (!services::can_be_left_out(thing)) {
            return fail(Exit::usage, "--without",
                        in_quotes(thing) +
                            " is none of checks, persistence, scheduler, sorry, "
                            "thresholds");
        }
        without.insert(thing);
    }
    const auto side = read_one_side(given, given.text("side"));
    if (!side) {
        return print_mistakes(side.error());
    }
    if (!side->services) {
        return fail(Exit::usage, side->name, "says nothing of services");
    }
    return given.has("vipd") ? write(*side->services, without) : show(*side->services);
}

}  // namespace

Command services_command() {
    return {
        "services",
        "show the services of IPVS or keepalived, or write them as vipd's",
        R"(With --vipd: a list for vipd's configuration.  What vipd cannot do is refused, unless it is left out.

  lbsync services /etc/keepalived/keepalived.conf
  lbsync services ipvs.saved --vipd --without scheduler)",
        {Option::text("side", "a file or a host").shown_as("SIDE").required().positional(),
         format_option(), Option::flag("vipd", "as vipd's services, in JSON"),
         Option::text("without",
                      "leave out what vipd cannot do: checks, persistence, "
                      "scheduler, sorry, thresholds")
             .repeated()},
        act};
}

}  // namespace rehome::lbsync
