// Rows of packets: what goes into a gateway, what comes out of it, and the verdict, as text.
//
// tests/data/packets/*.rows hold them; the pure core (packet_rows_test.cpp) and the real binary
// (tests/smoke/vipd_rows_test.sh) run the same rows.  A line is one of these, and goes on in the
// lines below it that begin with a blank; # begins a comment, and $NAME stands for what was let.
//
//     core WHY          this file is for the pure core alone
//     settled           the gateway has had its configuration for long
//     share N           the other site's share of clients, in percent
//     config PATCH      what the gateway's file says otherwise: a JSON merge patch (RFC 7396)
//     let NAME TEXT
//     row DESCRIPTION
//     order MODE LEVEL NAME   the operator's, before the next packet: mask, strong or enable
//     kernel PLACE PACKET     the kernel sends it by the port's twin, before the next packet
//     in PLACE PACKET   comes in; below it, what becomes of it:
//     out PLACE PACKET    leaves, in this order
//     drop REASON         is dropped; a line for each, where some waited for it
//     punt                goes to the kernel
//     kept                is for vipd itself, or waits: nothing leaves
//
// order and kernel are for the core alone.  PACKET is the language of vipd/packet/packet_text.h.  A
// PLACE is a line, by its carrier's name, or a port.  The rows of a file meet one gateway, one
// after another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/packet_text.h"
#include "vipd/state/disabling.h"

namespace rehome::vipd::testing {

struct PlacedPacket {
    std::string place;
    TextPacket packet;
};

struct RowOrder {
    std::optional<DisableMode> mode;  // nothing: enable
    DisableTarget target;
};

struct PacketStep {
    int line = 0;  // of the file
    std::vector<RowOrder> orders;
    std::vector<PlacedPacket> of_kernel;
    PlacedPacket in;
    std::vector<PlacedPacket> out;
    std::vector<Drop> drops;
    bool punt = false;
    bool kept = false;
};

struct PacketRow {
    std::string description;
    std::vector<PacketStep> steps;
};

struct PacketRows {
    bool core = false;
    bool settled = false;
    unsigned share = 0;
    std::string config = "{}";  // the patch
    std::vector<PacketRow> rows;
};

// Exit::usage, with file and line, where it cannot be read.
Result<PacketRows> read_packet_rows(const std::string& path);

}  // namespace rehome::vipd::testing
