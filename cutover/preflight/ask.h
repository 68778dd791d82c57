// What a playbook needs of each host, as it can be looked at before the night: found in the plan's
// own commands and in the inventory.
//
// A host is asked once for all of it, by "rehome/preflight-ask/1" on the standard input of `cutover
// preflight-host` there, which answers "rehome/preflight-host/1".  A host on which no cutover is
// run (a server whose rule set lbsync carries) is asked by its programs and tools themselves. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/inventory.h"
#include "cutover/bird/announce_file.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct VipdAsk {
    std::string gateway;
    std::string socket;
};

struct CarrierAsk {
    const Line* line = nullptr;  // of the inventory
    Announce state{};            // as a move begins
};

struct BirdAsk {
    const Gateway* gateway = nullptr;  // of the inventory
    std::vector<CarrierAsk> carriers;
    std::vector<std::string> all;  // every carrier of the gateway, which the include file must name
};

// Whether a vantage gets to a VIP, as its kernel says: no packet is sent.
struct RouteAsk {
    std::string carrier;
    Address to;
    Vantage from;  // the source is bound where it is of the same family
};

struct FolderAsk {
    std::string path;
    std::string what;
    unsigned need_mb = 0;
};

// A gate, a check or a guard that uses a command.
struct Use {
    std::string step;
    Sample sample;
    Kept was;
};

// A command that only looks, and is tried once.
struct Tried {
    Argv command;
    std::vector<Use> uses;
};

struct HostAsk {
    Host host;
    std::vector<std::string> names;        // what the inventory has there
    bool ours = false;                     // cutover is run there
    bool hand = false;                     // a hand of the run works there, or holds it
    std::vector<std::string> programs;     // as the steps name them
    std::vector<Argv> tools;               // must succeed
    std::vector<std::string> inventories;  // paths there
    std::vector<VipdAsk> vipd;
    std::vector<BirdAsk> bird;
    std::vector<RouteAsk> routes;
    std::vector<FolderAsk> folders;
    std::vector<Tried> tried;
    std::vector<std::string> misplaced;  // words of commands there: paths that this host alone has
};

struct Asks {
    std::vector<HostAsk> hosts;          // this one first
    std::vector<std::string> not_tried;  // gates and checks (ids) of what the run itself makes
};

// Where the run would keep its files; the plan must have been read with it.
inline constexpr const char* preflight_run_dir = "JOURNAL.d";

// inventory_path: of the file that the plan was read from; journal_folder: where the journal will
// stand.  The plan and the inventory must outlive what is asked.
Asks asks_of(const Plan& plan, const Inventory& inventory, const std::string& inventory_path,
             const std::string& journal_folder);

// What goes to the host.
std::string ask_json(const HostAsk& ask, const Inventory& inventory);

// A program of rehome, whose version must be ours.
bool is_ours(std::string_view program);

}  // namespace rehome::cutover
