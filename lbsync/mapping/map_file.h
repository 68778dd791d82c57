// A mapping file ("rehome/lbsync-map/1"): what an operator tells of the two sites beside the
// inventory, or instead of one.
//
// Schema: common/formats/lbsync-map.schema.json.  The reader also checks what a schema cannot: that
// both sides of a group are of one family and as many, that entries stand once, that marks' masks
// fit each other, and that VIPs stay.  What lies outside of the sites, and what is said against an
// inventory, is found where the two are put together (mapping.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/error.h"
#include "lbsync/mapping/numbers.h"
#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

struct MapFile {
    struct Group {
        Interval from;
        Interval to;
        std::string where;  // "map.json: /addresses/0", for errors
    };
    struct Port {
        std::string from;
        std::string to;
        std::string host;  // of either site: of it and its counterpart alone; empty: of all
        std::string where;
    };
    struct Mark {
        NumberPair pair;
        bool packet = true;
        bool connection = true;
    };
    // Tables that are left alone.
    struct Tables {
        std::string family;  // globs
        std::string name;
        std::string reason;
        std::string where;
    };

    std::vector<Prefix> vips;
    std::vector<Prefix> old_networks;
    std::vector<Prefix> new_networks;
    std::vector<Group> groups;
    std::vector<Port> ports;
    std::vector<NumberPair> zones;
    std::vector<Mark> marks;
    std::vector<Tables> keep;
    std::vector<Tables> ignore;
    bool back = false;   // reversed: what is ignored stands at the target
    std::string digest;  // of its text; empty: there is no file

    // From the new site to the old one; tables are left alone as before.
    MapFile reversed() const;
};

// path: for the errors.
Checked<MapFile> parse_map_file(std::string_view path, std::string_view text);

}  // namespace rehome::lbsync
