// Whose loss it is: what became of each probe.
//
//   received      answered within the waiting time
//   late          answered after it; lost (RFC 7680)
//   first_lost    TCP: answered only when the target repeated itself, so that its first answer was
//                 lost; lost, whatever the waiting time is
//   on_path       left this host, and no answer came back to it; lost.  A damaged answer cannot be
//                 tied to its probe, so that its probe is one of these
//   undelivered   the answer reached an interface of this host in time and was not given to the
//                 socket: a packet filter, the reverse-path filter, or a full buffer of ours
//   elsewhere     the answer came in time by another interface than the socket is bound to: another
//                 carrier brought it
//   unreflected   reached the STAMP reflector, which did not answer, for its rate or for want of
//   room,
//                 and told so; or stands for one between the same two answers (directions.h)
//   too_big       larger than the way's MTU, and not to be fragmented: it stayed here, or a router
//   said
//                 that it dropped it, or it was sent after the last answer when one had said so
//   no_way_out    never left, for want of a link, a route or a neighbour: no carrier's loss
//   filtered      never left: a packet filter of this host
//   not_sent      never left: a queue or memory of this host
//
// The kernel takes packets that it drops later without a word (a neighbour's queue that is full,
// a neighbour that does not answer before the run ends).  They get no time stamp of leaving.  Where
// the device does stamp, a probe without a stamp and without an answer has not left.
// Pure.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "probe/core/series.h"

namespace rehome::probe {

enum class Fate : uint8_t {
    received,
    late,
    first_lost,
    on_path,
    undelivered,
    elsewhere,
    unreflected,
    too_big,
    no_way_out,
    filtered,
    not_sent
};

// By their numbers; the words stand in records.
constexpr std::array<std::string_view, 11> fate_names{
    "received",    "late",    "first_lost", "on_path",  "undelivered", "elsewhere",
    "unreflected", "too_big", "no_way_out", "filtered", "not_sent"};
std::string_view name(Fate fate);

// What was seen to become of it; nothing where no answer, and nothing else, was seen yet: what that
// means, the whole series tells.
std::optional<Fate> seen_fate(const Series& series, const Sample& sample, Nanos wait);

// One a probe, in the order of sending.
std::vector<Fate> fates_of(const Series& series, Nanos wait);

// Which are on_path: left, and nothing came back.
std::vector<bool> missing(const std::vector<Fate>& fates);

// Once all answers are in: marks the samples that stand for what the reflector told of.
void mark_unreflected(Series& series, Nanos wait);

inline bool is_lost(Fate fate) {
    return fate == Fate::late || fate == Fate::first_lost || fate == Fate::on_path;
}

// Whether it left this host: it is counted as sent.
inline bool is_sent(Fate fate) {
    return is_lost(fate) || fate == Fate::received || fate == Fate::undelivered ||
           fate == Fate::elsewhere || fate == Fate::unreflected;
}

}  // namespace rehome::probe
