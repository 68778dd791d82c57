#include "lbsync/kernel/fields.h"
#include "lbsync/kernel/canonical.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace rehome::lbsync::kernel {

namespace {

namespace field = policy::field;
using policy::Field;
using Where = Field::Source;

using Refused = tl::unexpected<std::string>;

constexpr size_t widest = 16;  // bytes of a field

// What the bytes of one source are.
struct Origin {
    Field whole;          // of values; of headers only the source counts
    bool header = false;  // bytes are slices of it
    bool host_order = false;
    Meant meant = Meant::number;
};

Origin value(Field whole, bool host_order = false, Meant meant = Meant::number) {
    return {std::move(whole), false, host_order, meant};
}

Origin named(Where where, std::string name, unsigned bytes, bool host_order = true) {
    return value(field::named(where, std::move(name), bytes * 8), host_order);
}

// Keys without a field of their own, by enum nft_meta_keys.
struct MetaName {
    uint64_t key;
    std::string_view name;
    unsigned bytes;
};
constexpr auto meta_names = std::to_array<MetaName>({{0, "length", 4},
                                                     {2, "priority", 4},
                                                     {8, "iiftype", 2},
                                                     {9, "oiftype", 2},
                                                     {10, "skuid", 4},
                                                     {11, "skgid", 4},
                                                     {12, "nftrace", 1},
                                                     {13, "rtclassid", 4},
                                                     {19, "pkttype", 1},
                                                     {20, "cpu", 4},
                                                     {21, "iifgroup", 4},
                                                     {22, "oifgroup", 4},
                                                     {23, "cgroup", 4},
                                                     {25, "secpath", 1},
                                                     {28, "ibrpvid", 2},
                                                     {30, "time", 8},
                                                     {31, "day", 1},
                                                     {32, "hour", 4}});

Understood<Origin> meta(uint64_t key) {
    switch (key) {
        case 1:
            return value(field::protocol());
        case 3:
            return value(field::mark(), true);
        case 4:
            return value(field::in_interface(), true, Meant::index);
        case 5:
            return value(field::out_interface(), true, Meant::index);
        case 6:
            return value(field::in_interface(), false, Meant::name);
        case 7:
            return value(field::out_interface(), false, Meant::name);
        case 15:
            return value(field::family());
        case 16:
            return value(field::transport_protocol());
        case 24:
            return named(Where::drawn, "meta random", 4);
        default:
            break;
    }
    const auto* found = std::find_if(meta_names.begin(), meta_names.end(),
                                     [&](const MetaName& it) { return it.key == key; });
    if (found == meta_names.end()) {
        return Refused(fmt::format("meta key {} has no field", key));
    }
    return named(Where::other, fmt::format("meta {}", found->name), found->bytes);
}

// By enum nft_ct_keys.
Understood<Origin> ct(const Node& load) {
    const uint64_t key = load.number("key");
    const std::string way = load.find("direction") == nullptr ? ""
                            : load.number("direction") == 0   ? "original "
                                                              : "reply ";
    const auto address = [&](std::string_view name, unsigned bytes, Meant meant) {
        return Origin{field::named(Where::other, fmt::format("ct {}{}", way, name), bytes * 8),
                      false, false, meant};
    };
    switch (key) {
        case 0:
            return value(field::ct_state(), true);
        case 1:
            return value(field::ct_direction());
        case 2:
            return value(field::ct_status(), true);
        case 3:
            return value(field::ct_mark(), true);
        case 13:
            return value(field::ct_label());
        case 17:
            return value(field::ct_zone(), true);
        case 7:
            return named(Where::other, "ct " + way + "l3proto", 1);
        case 10:
            return named(Where::other, "ct " + way + "protocol", 1);
        case 11:
            return named(Where::other, "ct " + way + "proto-src", 2, false);
        case 12:
            return named(Where::other, "ct " + way + "proto-dst", 2, false);
        case 6:
            return named(Where::other, "ct helper", 16, false);
        case 5:
            return named(Where::opaque, "ct expiration", 4);
        case 14:
            return named(Where::opaque, "ct " + way + "packets", 8);
        case 15:
            return named(Where::opaque, "ct " + way + "bytes", 8);
        case 16:
            return named(Where::opaque, "ct " + way + "avgpkt", 8);
        case 23:
            return named(Where::other, "ct id", 4);
        case 19:
            return address("ip saddr", 4, Meant::address4);
        case 20:
            return address("ip daddr", 4, Meant::address4);
        case 21:
            return address("ip6 saddr", 16, Meant::address6);
        case 22:
            return address("ip6 daddr", 16, Meant::address6);
        default:
            return Refused(fmt::format("ct key {} has no field", key));
    }
}

// By enum nft_rt_keys; what is asked for a next hop holds an address.
Understood<Origin> of_route(const Source& source) {
    switch (source.load.number("key")) {
        case 0:
            return named(Where::opaque, "rt classid", 4);
        case 3:
            return named(Where::opaque, "rt mtu", 2);
        case 4:
            return named(Where::opaque, "rt ipsec", 1);
        default:
            return Refused(fmt::format("{} has no field", source.name));
    }
}

// By enum nft_socket_keys.
Understood<Origin> of_socket(const Source& source) {
    switch (source.load.number("key")) {
        case 0:
            return named(Where::opaque, "socket transparent", 1);
        case 1:
            return named(Where::opaque, "socket mark", 4);
        case 2:
            return named(Where::opaque, "socket wildcard", 1);
        case 3:
            return named(Where::opaque,
                         fmt::format("socket cgroupv2 level {}", source.load.number("level")), 8);
        default:
            return Refused(fmt::format("{} has no field", source.name));
    }
}

// What is the same at both sites only if it is named by words without an address or interface.
Understood<Origin> unnamed(const Source& source) {
    const std::string_view group = source.load.group;
    if (group == "numgen") {
        Node words = source.load;
        std::erase_if(words.attributes, [](const Attribute& it) { return it.name == "dreg"; });
        return named(Where::drawn, canonical(words), 4);
    }
    if (group == "hash") {
        return named(Where::opaque, source.name, 4);
    }
    if (group == "exthdr") {
        const bool present = (source.load.number("flags") & 1) != 0;
        if (is_segment_size(source.load)) {  // which an act may have lowered (act_steps.cpp)
            Origin size = named(Where::opaque, std::string(segment_size), 2, false);
            size.whole.instance = segment_size;
            return size;
        }
        const uint64_t bytes = present ? 1 : source.load.number("len");
        const std::string name = present ? header_name(source.load) + " exists"
                                         : fmt::format("{} @{},{}", header_name(source.load),
                                                       source.load.number("offset"), bytes);
        return named(Where::other, name, static_cast<unsigned>(bytes), false);
    }
    if (group == "fib") {
        const bool present = (source.load.number("flags") & 32) != 0;
        const uint64_t result = source.load.number("result");
        if (!present && result != 3) {
            return Refused("an interface by fib");
        }
        return named(Where::other, source.name, present ? 1 : 4);
    }
    if (group == "socket") {
        return of_socket(source);
    }
    if (group == "osf") {
        return named(Where::opaque, source.name, 16);
    }
    if (group == "rt") {
        return of_route(source);
    }
    return Refused(fmt::format("{} has no field", source.name));
}

Understood<Origin> origin(const Source& source, const Context& context) {
    if (source.load.group == "meta") {
        return meta(source.load.number("key"));
    }
    if (source.load.group == "ct") {
        return ct(source.load);
    }
    if (source.load.group != "payload") {
        return unnamed(source);
    }
    switch (source.load.number("base")) {
        case 0:
            return Origin{field::slice(Where::link, 0, 1), true};
        case 1:
            if (!context.network) {
                return Refused("a network header of which it is not known whose it is");
            }
            return Origin{field::slice(*context.network, 0, 1), true};
        case 2:
            return Origin{field::slice(Where::transport, 0, 1), true};
        default:
            return Refused("what lies behind the transport header");
    }
}

// Where another field begins, so that what was loaded together comes apart.
bool begins_a_field(Where header, size_t byte) {
    const auto one_of = [&](std::initializer_list<size_t> starts) {
        return std::find(starts.begin(), starts.end(), byte) != starts.end();
    };
    switch (header) {
        case Where::link:
            return one_of({6, 12, 14, 16});
        case Where::ip4:
            return one_of({9, 12, 16, 20});
        case Where::ip6:
            return one_of({6, 7, 8, 24, 40});
        case Where::arp:
            return one_of({8, 14, 18, 24});
        case Where::transport:
            return one_of({2, 4, 13, 14});
        default:
            return false;
    }
}

// An address within a header, whole, that these bytes are the front part of.
struct AddressAt {
    Where header;
    size_t byte;
    size_t bytes;
    Meant meant;
};
constexpr auto addresses = std::to_array<AddressAt>({{Where::ip4, 12, 4, Meant::address4},
                                                     {Where::ip4, 16, 4, Meant::address4},
                                                     {Where::ip6, 8, 16, Meant::address6},
                                                     {Where::ip6, 24, 16, Meant::address6},
                                                     {Where::arp, 14, 4, Meant::address4},
                                                     {Where::arp, 24, 4, Meant::address4}});

// Neighbouring bytes of one source, in rising or falling order.
size_t run_length(const Word& word, size_t first, const Origin& origin, bool& falling) {
    size_t end = first + 1;
    falling = false;
    while (end < word.size() && end - first < widest && word[end].source == word[first].source) {
        const int step = int{word[end].index} - int{word[end - 1].index};
        if (end == first + 1) {
            falling = step == -1;
        }
        const bool next = step == (falling ? -1 : 1);
        if (!next ||
            (origin.header && (falling || begins_a_field(origin.whole.source, word[end].index)))) {
            break;
        }
        ++end;
    }
    return end - first;
}

WideNumber number_of(const Bytes& bytes, size_t first, size_t count, bool little) {
    WideNumber number = 0;
    for (size_t i = 0; i < count; ++i) {
        number = number << 8 | bytes[little ? first + count - 1 - i : first + i];
    }
    return number;
}

Understood<Piece> header_piece(Piece piece, const Word& word, const Origin& origin) {
    const Byte& front = word[piece.first];
    piece.field =
        field::slice(origin.whole.source, front.index * 8u, static_cast<unsigned>(piece.count) * 8);
    const auto* address =
        std::find_if(addresses.begin(), addresses.end(), [&](const AddressAt& it) {
            return it.header == origin.whole.source && front.index >= it.byte &&
                   front.index < it.byte + it.bytes;
        });
    if (address == addresses.end()) {
        return piece;
    }
    if (front.index != address->byte) {
        return Refused("a part of an address that is no prefix");
    }
    piece.missing = static_cast<unsigned>(address->bytes - piece.count) * 8;
    piece.field = field::slice(origin.whole.source, front.index * 8u,
                               static_cast<unsigned>(address->bytes) * 8);
    piece.meant = address->meant;
    return piece;
}

Understood<Piece> value_piece(Piece piece, const Word& word, const Origin& origin, bool falling) {
    piece.field = origin.whole;
    piece.meant = origin.meant;
    const size_t bytes = origin.meant == Meant::index ? 4 : (origin.whole.width + 7u) / 8;
    const size_t lowest =
        falling ? word[piece.first + piece.count - 1].index : word[piece.first].index;
    if (lowest != 0 || piece.count > bytes ||
        (piece.count < bytes && origin.meant != Meant::name)) {
        return Refused(fmt::format("a part of {}", policy::text(origin.whole)));
    }
    if (falling && !origin.host_order && piece.count > 1) {
        return Refused(fmt::format("{} turned round", policy::text(origin.whole)));
    }
    piece.little = origin.host_order && !falling;
    piece.missing = static_cast<unsigned>(bytes - piece.count) * 8;
    return piece;
}

Understood<Piece> piece_at(const Word& word, size_t first, const Source& source,
                           const Context& context) {
    const auto from = origin(source, context);
    if (!from) {
        return Refused(from.error());
    }
    Piece piece;
    bool falling = false;
    piece.first = first;
    piece.count = run_length(word, first, *from, falling);
    auto made =
        from->header ? header_piece(piece, word, *from) : value_piece(piece, word, *from, falling);
    if (made) {
        Bytes masks(word.size());
        Bytes flips(word.size());
        for (size_t i = 0; i < word.size(); ++i) {
            masks[i] = word[i].mask;
            flips[i] = word[i].flip;
        }
        made->mask = number_of(masks, first, piece.count, made->little);
        made->flip = number_of(flips, first, piece.count, made->little);
    }
    return made;
}

WideNumber ones(unsigned bits) {
    return bits >= 128 ? ~WideNumber{0} : (WideNumber{1} << bits) - 1;
}

bool is_address(Meant meant) {
    return meant == Meant::address4 || meant == Meant::address6;
}

// What the mask leaves open.
WideNumber open_bits(const Piece& piece) {
    return ones(static_cast<unsigned>(piece.count * 8)) & ~piece.mask;
}

// A whole address under a mask that makes no prefix of it.
bool is_address_in_part(const Piece& piece) {
    const WideNumber open = open_bits(piece);
    return is_address(piece.meant) && piece.missing == 0 && (open & (open + 1)) != 0;
}

Understood<policy::Span> name_span(policy::Span values) {
    const std::string name = policy::from_name(values.first) + "*";
    if (values.first != values.last &&
        values != policy::Span{policy::as_name(name, 0), policy::as_name(name, 0xff)}) {
        return Refused("a range of interfaces' names");
    }
    return values;
}

Understood<policy::Span> index_span(policy::Span values, const Context& context) {
    const auto found = context.host->interfaces.find(static_cast<uint32_t>(values.first));
    if (values.first != values.last || found == context.host->interfaces.end()) {
        return Refused(fmt::format("interface number {}, which has no name here",
                                   static_cast<uint64_t>(values.first)));
    }
    const WideNumber name = policy::as_name(found->second);
    return policy::Span{name, name};
}

}  // namespace

std::string header_name(const Node& exthdr) {
    static const std::map<std::pair<uint64_t, uint64_t>, std::string_view> names = {
        {{0, 0}, "ip6 hbh"},
        {{0, 43}, "ip6 rt"},
        {{0, 44}, "ip6 frag"},
        {{0, 60}, "ip6 dst"},
        {{0, 51}, "ip6 ah"},
        {{0, 135}, "ip6 mh"},
        {{1, 2}, "tcp option maxseg"},
        {{1, 3}, "tcp option window"},
        {{1, 4}, "tcp option sack-perm"},
        {{1, 5}, "tcp option sack"},
        {{1, 8}, "tcp option timestamp"},
        {{1, 30}, "tcp option mptcp"},
        {{2, 7}, "ip option rr"},
        {{2, 131}, "ip option lsrr"},
        {{2, 137}, "ip option ssrr"},
        {{2, 148}, "ip option ra"}};
    constexpr std::string_view kinds[] = {"ip6 header", "tcp option", "ip option", "sctp chunk"};
    const uint64_t op = exthdr.number("op");
    const uint64_t type = exthdr.number("type");
    const auto found = names.find({op, type});
    return found != names.end()    ? std::string(found->second)
           : op < std::size(kinds) ? fmt::format("{} {}", kinds[op], type)
                                   : canonical(exthdr);
}

bool is_segment_size(const Node& exthdr) {
    constexpr uint64_t tcp_option = 1;
    constexpr uint64_t maxseg = 2;
    return exthdr.number("op") == tcp_option && exthdr.number("type") == maxseg &&
           exthdr.number("offset") == 2 && exthdr.number("len") == 2 && exthdr.number("flags") == 0;
}

Understood<std::vector<Piece>> pieces(const Word& word, const std::vector<Source>& sources,
                                      const Context& context) {
    std::vector<Piece> all;
    for (size_t at = 0; at < word.size();) {
        if (word[at].source == Byte::constant) {
            ++at;
            continue;
        }
        auto piece = piece_at(word, at, sources[word[at].source], context);
        if (!piece) {
            return Refused(piece.error());
        }
        at += piece->count;
        all.push_back(std::move(*piece));
    }
    return all;
}

policy::Term term(const Piece& piece) {
    const bool whole = piece.meant != Meant::number && !is_address_in_part(piece);
    return {piece.field, whole ? ~WideNumber{0} : piece.mask};
}

Understood<policy::Span> span(const Piece& piece, const Bytes& from, const Bytes& to,
                              const Context& context) {
    policy::Span values{number_of(from, piece.first, piece.count, piece.little),
                        number_of(to, piece.first, piece.count, piece.little)};
    const bool single = values.first == values.last;
    if (!single && (piece.flip != 0 || (piece.little && piece.count > 1))) {
        return Refused("a range of what was calculated");
    }
    values = {values.first ^ piece.flip, values.last ^ piece.flip};
    if (piece.meant == Meant::number || is_address_in_part(piece)) {
        return values;
    }
    // What the mask leaves open at the end makes a prefix of a single value.
    const WideNumber open = open_bits(piece);
    if ((open & (open + 1)) != 0 || (open != 0 && !single) || (values.first & open) != 0) {
        return Refused("a mask on an address or a name that is no prefix");
    }
    values.last |= open;
    values = {values.first << piece.missing, (values.last << piece.missing) | ones(piece.missing)};
    if (piece.meant == Meant::name) {
        return name_span(values);
    }
    return piece.meant == Meant::index ? index_span(values, context) : values;
}

}  // namespace rehome::lbsync::kernel
