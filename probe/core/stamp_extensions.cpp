// See stamp_extensions.h.
#include "probe/core/stamp_extensions.h"

#include <algorithm>

#include "common/hmac.h"

namespace rehome::probe {

namespace {

constexpr size_t header = 4;
constexpr uint8_t unrecognised = 0x80;
constexpr uint8_t malformed = 0x40;
constexpr uint8_t unauthentic = 0x20;

enum Type : uint8_t { none = 0, padding = 1, hmac = 8, session = 252 };

constexpr size_t report_size = 12;
constexpr uint16_t report_magic = 0x5248;  // "RH"
constexpr uint8_t report_version = 1;
constexpr uint8_t filled_in = 1;
constexpr uint8_t stateful = 2;

// One TLV in a packet.
struct Tlv {
    size_t at = 0;
    uint8_t type = none;
    size_t size = 0;     // of the value
    bool whole = false;  // the packet holds all of it

    size_t value() const { return at + header; }
    size_t end() const { return value() + size; }
};

// Those of a packet, in their order; the last one may not be whole.
std::vector<Tlv> tlvs_of(ByteView packet, const StampKey& key) {
    std::vector<Tlv> tlvs;
    for (size_t at = base_size(key); at + header <= packet.size();) {
        Tlv tlv{.at = at, .type = packet[at + 1], .size = get<uint16_t>(packet, at + 2)};
        if (tlv.type == none) {
            break;
        }
        tlv.whole = tlv.end() <= packet.size();
        tlvs.push_back(tlv);
        if (!tlv.whole) {
            break;
        }
        at = tlv.end();
    }
    return tlvs;
}

std::array<uint8_t, 32> digest_of(ByteView packet, const Tlv& tlv, const StampKey& key) {
    std::vector<uint8_t> covered(packet.begin(), packet.begin() + 4);
    covered.insert(covered.end(), packet.begin() + static_cast<ptrdiff_t>(base_size(key)),
                   packet.begin() + static_cast<ptrdiff_t>(tlv.at));
    return hmac_sha256(key, covered);
}

void sign(Room packet, const Tlv& tlv, const StampKey& key) {
    const auto digest = digest_of(packet, tlv, key);
    std::copy_n(digest.begin(), stamp_hmac_size,
                packet.begin() + static_cast<ptrdiff_t>(tlv.value()));
}

bool is_hmac(const Tlv& tlv) {
    return tlv.type == hmac && tlv.whole && tlv.size == stamp_hmac_size;
}

// Nothing but padding needs no HMAC; it is the last one but for padding.
bool are_authentic(ByteView packet, const std::vector<Tlv>& tlvs, const StampKey& key) {
    const auto last = std::find_if(tlvs.rbegin(), tlvs.rend(),
                                   [](const Tlv& tlv) { return tlv.type != padding; });
    if (key.empty() || last == tlvs.rend()) {
        return true;
    }
    const auto is_last = [&last](const Tlv& tlv) { return tlv.type != hmac || tlv.at == last->at; };
    if (!is_hmac(*last) || !std::all_of(tlvs.begin(), tlvs.end(), is_last)) {
        return false;
    }
    const auto digest = digest_of(packet, *last, key);
    return same_digest(ByteView(digest).first(stamp_hmac_size),
                       packet.subspan(last->value(), stamp_hmac_size));
}

size_t put_header(Room packet, size_t at, Type type, size_t size) {
    packet[at] = unrecognised;
    packet[at + 1] = type;
    put(packet, at + 2, static_cast<uint16_t>(size));
    return at + header + size;
}

bool is_report(ByteView packet, const Tlv& tlv) {
    return tlv.type == session && tlv.whole && tlv.size == report_size &&
           get<uint16_t>(packet, tlv.value()) == report_magic;
}

// False: it is none.  Who asks for another version learns which one there is.
bool answer_report(Room packet, const Tlv& tlv, const SessionReport& report) {
    if (!is_report(packet, tlv)) {
        return false;
    }
    const size_t at = tlv.value();
    packet[at + 2] = report_version;
    packet[at + 3] = static_cast<uint8_t>(filled_in | (report.stateful ? stateful : 0));
    put(packet, at + 4, report.session);
    put(packet, at + 8, report.unreflected);
    return true;
}

uint8_t flags_for(Room packet, const Tlv& tlv, const SessionReport& report, const StampKey& key) {
    if (!tlv.whole) {
        return malformed;
    }
    const bool known =
        tlv.type == padding || (is_hmac(tlv) && !key.empty()) || answer_report(packet, tlv, report);
    return known ? 0 : unrecognised;
}

}  // namespace

size_t extensions_size(const StampKey& key) {
    return header + report_size + (key.empty() ? 0 : header + stamp_hmac_size);
}

void construct_extensions(const StampKey& key, Room packet) {
    size_t at = base_size(key);
    std::fill(packet.begin() + static_cast<ptrdiff_t>(at), packet.end(), uint8_t{0});
    if (packet.size() >= at + extensions_size(key)) {
        put(packet, at + header, report_magic);
        packet[at + header + 2] = report_version;
        at = put_header(packet, at, session, report_size);
        if (!key.empty()) {
            const Tlv tlv{.at = at, .type = hmac, .size = stamp_hmac_size, .whole = true};
            sign(packet, tlv, key);
            at = put_header(packet, at, hmac, stamp_hmac_size);
        }
    }
    if (packet.size() >= at + header) {
        put_header(packet, at, padding, packet.size() - at - header);
    }
}

void answer_extensions(ByteView message, const SessionReport& report, const StampKey& key,
                       Room packet) {
    if (message.size() != packet.size()) {
        return;
    }
    const std::vector<Tlv> tlvs = tlvs_of(packet, key);
    if (!are_authentic(message, tlvs, key)) {
        for (const Tlv& tlv : tlvs) {
            packet[tlv.at] = static_cast<uint8_t>(packet[tlv.at] | unauthentic);
        }
        return;
    }
    for (const Tlv& tlv : tlvs) {
        packet[tlv.at] = flags_for(packet, tlv, report, key);
        if (is_hmac(tlv) && !key.empty()) {
            sign(packet, tlv, key);
        }
    }
}

Extensions deconstruct_extensions(ByteView message, const StampKey& key) {
    const std::vector<Tlv> tlvs = tlvs_of(message, key);
    const auto found = std::find_if(tlvs.begin(), tlvs.end(), [message](const Tlv& tlv) {
        return is_report(message, tlv) && (message[tlv.value() + 3] & filled_in) != 0 &&
               (message[tlv.at] & (unrecognised | malformed | unauthentic)) == 0;
    });
    if (found == tlvs.end() || !are_authentic(message, tlvs, key)) {
        return {};
    }
    const size_t at = found->value();
    if (message[at + 2] != report_version) {
        return {.other_version = true};
    }
    return {.report = SessionReport{.stateful = (message[at + 3] & stateful) != 0,
                                    .session = get<uint32_t>(message, at + 4),
                                    .unreflected = get<uint32_t>(message, at + 8)}};
}

}  // namespace rehome::probe
