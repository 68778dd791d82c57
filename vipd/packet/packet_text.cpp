// Words to fields and back; bytes are packet_spec.cpp's.  One table holds the options: it reads
// them, tells which are known, and says to which packets each belongs.
#include "vipd/packet/packet_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "vipd/packet/bytes.h"
#include "vipd/packet/packet.h"
#include "vipd/packet/packet_spec.h"

namespace rehome::vipd {

const std::string_view packet_text_help =
    "A packet is PROTOCOL SOURCE > DESTINATION and options in any order:\n"
    "  tcp 198.51.100.7:40000 > 203.0.113.5:14000 syn mss 1460\n"
    "  udp [2001:db8::1]:5 > [2001:db8:1::9]:53 len 512\n"
    "  icmp 198.51.100.7 > 203.0.113.5 echo ident 7 seq 1 len 56\n"
    "  icmp 192.0.2.1 > 198.51.100.7 too-big 1400 quote (tcp 198.51.100.7:1 >\n"
    "      203.0.113.5:2 ack len 1460 df)\n"
    "  proto 47 198.51.100.7 > 203.0.113.5 len 100\n"
    "\n"
    "  tcp   syn ack fin rst psh urg ece cwr; seq N; ack N (flag and number),\n"
    "        acknum N (the number alone); window N; urgent N; mss N;\n"
    "        tcp-options HEX (behind the MSS)\n"
    "  udp   udp-length N (the field)\n"
    "  icmp  echo, echo-reply, unreachable, time-exceeded, parameter-problem,\n"
    "        too-big MTU or type N; code N; ident N; seq N; rest N (bytes 4 to 7);\n"
    "        quote (PACKET)\n"
    "  IP    ttl N; tos N; id N; frag OFFSET, with a + when more follow (a fragment\n"
    "        that is not the first has no ports); cut N (the first N bytes alone);\n"
    "        total N (the length field)\n"
    "  IPv4  df; options HEX; ip-sum N\n"
    "  IPv6  flow N; ext KIND[:HEX] (0, 43 or 60; HEX from its third byte)\n"
    "  any   len N (bytes of payload: 0, 1, 2 ...; start N, from N on); data HEX (how\n"
    "        it begins); sum N (the checksum, 0 is none for udp);\n"
    "        carrying (PACKET) (behind the data); vlan N\n"
    "\n"
    "Numbers are decimal or 0x hexadecimal. Checksums and lengths that are not given\n"
    "are right. raw HEX is an IP packet as bytes.\n";

namespace {

using Bytes = std::vector<uint8_t>;
using Done = Result<>;

struct Word {
    std::string_view text;
    size_t column = 0;  // from 1
};

// The words of a text; parentheses are words of their own.
class Words {
public:
    explicit Words(std::string_view text) {
        size_t at = 0;
        while (at < text.size()) {
            const bool blank = text[at] == ' ' || text[at] == '\t' || text[at] == '\n';
            const bool bracket = text[at] == '(' || text[at] == ')';
            const size_t end = blank || bracket
                                   ? at + 1
                                   : std::min(text.find_first_of(" \t\n()", at), text.size());
            if (!blank) {
                words_.push_back({text.substr(at, end - at), at + 1});
            }
            at = end;
        }
        words_.push_back({"", text.size() + 1});
    }

    bool ended() const { return words_[at_].text.empty(); }
    const Word& peek() const { return words_[at_]; }
    Word take() { return ended() ? words_[at_] : words_[at_++]; }
    bool take_if(std::string_view text) {
        const bool is = peek().text == text;
        at_ += is && !ended() ? 1 : 0;
        return is;
    }

private:
    std::vector<Word> words_;  // the last one is empty
    size_t at_ = 0;
};

tl::unexpected<Error> wrong(const Word& word, const std::string& expected) {
    const std::string got = word.text.empty() ? "the text ends here" : in_quotes(word.text);
    return fail(Exit::usage, "packet",
                fmt::format("column {}: {}, expected {}", word.column, got, expected));
}

std::optional<uint32_t> number_in(std::string_view text) {
    const bool hex = text.starts_with("0x");
    text.remove_prefix(hex ? 2 : 0);
    uint32_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

std::optional<Bytes> hex_in(std::string_view text) {
    Bytes bytes;
    for (size_t i = 0; i < text.size(); i += 2) {
        uint8_t value = 0;
        const auto pair = text.substr(i, 2);
        const auto [end, error] =
            std::from_chars(pair.data(), pair.data() + pair.size(), value, 16);
        if (pair.size() != 2 || error != std::errc() || end != pair.data() + 2) {
            return std::nullopt;
        }
        bytes.push_back(value);
    }
    return bytes.empty() ? std::nullopt : std::optional(bytes);
}

// Reads a number of at most the field's own maximum, or of max.
template <typename T, typename Field>
Done read_number(Words& words, Field& field, uint32_t max = static_cast<T>(-1)) {
    const Word word = words.take();
    const auto value = number_in(word.text);
    if (!value || *value > max) {
        return wrong(word, fmt::format("a number from 0 to {}", max));
    }
    field = static_cast<T>(*value);
    return {};
}

Done read_hex(Words& words, Bytes& field, size_t multiple, size_t max) {
    const Word word = words.take();
    auto bytes = hex_in(word.text);
    if (!bytes || bytes->size() % multiple != 0 || bytes->size() > max) {
        return wrong(word, fmt::format("pairs of hexadecimal digits, at most {} bytes{}", max,
                                       multiple > 1 ? fmt::format(", a multiple of {}", multiple)
                                                    : std::string()));
    }
    field = std::move(*bytes);
    return {};
}

// ---- ICMP's kinds -------------------------------------------------------------------------------

struct IcmpKind {
    std::string_view name;
    uint8_t type_v4, code_v4, type_v6, code_v6;  // code: unless said
};

constexpr IcmpKind icmp_kinds[] = {
    {"echo", 8, 0, 128, 0},         {"echo-reply", 0, 0, 129, 0},
    {"too-big", 3, 4, 2, 0},        {"unreachable", 3, 3, 1, 4},  // port unreachable
    {"time-exceeded", 11, 0, 3, 0}, {"parameter-problem", 12, 0, 4, 0},
};

bool is_echo(const PacketSpec& spec) {
    return spec.v6() ? spec.type == 128 || spec.type == 129 : spec.type == 8 || spec.type == 0;
}

// ---- options ------------------------------------------------------------------------------------

constexpr std::pair<std::string_view, uint8_t> tcp_flags[] = {
    {"syn", 0x02}, {"ack", 0x10}, {"fin", 0x01}, {"rst", 0x04},
    {"psh", 0x08}, {"urg", 0x20}, {"ece", 0x40}, {"cwr", 0x80},
};

// A spec that is being read, with what is not part of it.
struct Reading {
    PacketSpec spec;
    bool kind_said = false;  // ICMP
    bool code_said = false;
    std::optional<uint32_t> length;
    int nested = 0;
};

Result<PacketSpec> read_packet(Words& words, int nested);

Done read_inner(Words& words, Reading& r) {
    const Word open = words.take();
    if (open.text != "(" || r.nested >= 4) {
        return wrong(open, "a packet in parentheses, at most four in one another");
    }
    auto inner = read_packet(words, r.nested + 1);
    if (!inner) {
        return tl::unexpected(inner.error());
    }
    const Word close = words.take();
    if (close.text != ")") {
        return wrong(close, "an option or )");
    }
    r.spec.inner = std::make_shared<const PacketSpec>(std::move(*inner));
    return {};
}

Done read_fragment(Words& words, Reading& r) {
    const Word word = words.take();
    const bool more = word.text.ends_with('+');
    const auto offset = number_in(word.text.substr(0, word.text.size() - (more ? 1 : 0)));
    if (!offset || *offset % 8 != 0 || *offset > 65528) {
        return wrong(word, "an offset in bytes, a multiple of 8 up to 65528, such as 1480 or 0+");
    }
    r.spec.fragment = true;
    r.spec.more = more;
    r.spec.offset = *offset;
    return {};
}

Done read_extension(Words& words, Reading& r) {
    const Word word = words.take();
    const size_t colon = std::min(word.text.find(':'), word.text.size());
    const auto kind = number_in(word.text.substr(0, colon));
    const bool known = kind && (*kind == 0 || *kind == 43 || *kind == 60);
    PacketSpec::Extension extension;
    if (known) {
        extension.kind = static_cast<uint8_t>(*kind);
        extension.body = empty_extension(extension.kind);
    }
    const bool said = colon < word.text.size();
    if (said) {
        extension.body = hex_in(word.text.substr(colon + 1)).value_or(Bytes());
    }
    if (!known || extension.body.size() % 8 != 6 || extension.body.size() > 2046) {
        return wrong(word, "0, 43 or 60, and perhaps : and 6, 14, 22 ... bytes in hexadecimal");
    }
    r.spec.extensions.push_back(std::move(extension));
    return {};
}

Done read_ack(Words& words, Reading& r) {
    r.spec.flags |= tcp_flag::ack;
    const bool number = number_in(words.peek().text).has_value();
    return number ? read_number<uint32_t>(words, r.spec.ack) : Done();
}

Done read_seq(Words& words, Reading& r) {
    if (r.spec.tcp()) {
        return read_number<uint32_t>(words, r.spec.seq);
    }
    uint16_t seq = 0;
    auto done = read_number<uint16_t>(words, seq);
    r.spec.rest = (r.spec.rest & 0xffff0000) | seq;
    return done;
}

Done read_ident(Words& words, Reading& r) {
    uint16_t ident = 0;
    auto done = read_number<uint16_t>(words, ident);
    r.spec.rest = (r.spec.rest & 0xffff) | uint32_t{ident} << 16;
    return done;
}

Done read_type(Words& words, Reading& r) {
    r.kind_said = true;
    return read_number<uint8_t>(words, r.spec.type);
}

Done read_code(Words& words, Reading& r) {
    r.code_said = true;
    return read_number<uint8_t>(words, r.spec.code);
}

enum class For : uint8_t { any, tcp, udp, icmp, tcp_icmp, transport, v4, v6 };

bool belongs(For what, const PacketSpec& spec) {
    switch (what) {
        case For::any:
            return true;
        case For::tcp:
            return spec.tcp();
        case For::udp:
            return spec.udp();
        case For::icmp:
            return spec.icmp();
        case For::tcp_icmp:
            return spec.tcp() || spec.icmp();
        case For::transport:
            return spec.tcp() || spec.udp() || spec.icmp();
        case For::v4:
            return !spec.v6();
        case For::v6:
            return spec.v6();
    }
    return false;
}

struct Option {
    std::string_view name;
    For what;
    Done (*read)(Words&, Reading&);
};

template <auto Field, typename T>
Done number_into(Words& words, Reading& r) {
    return read_number<T>(words, r.spec.*Field);
}

const Option options[] = {
    {"ack", For::tcp, read_ack},
    {"seq", For::tcp_icmp, read_seq},
    {"acknum", For::tcp, number_into<&PacketSpec::ack, uint32_t>},
    {"window", For::tcp, number_into<&PacketSpec::window, uint16_t>},
    {"urgent", For::tcp, number_into<&PacketSpec::urgent, uint16_t>},
    {"mss", For::tcp, number_into<&PacketSpec::mss, uint16_t>},
    {"tcp-options", For::tcp,
     [](Words& w, Reading& r) { return read_hex(w, r.spec.tcp_options, 4, 40); }},
    {"udp-length", For::udp, number_into<&PacketSpec::udp_length, uint16_t>},
    {"type", For::icmp, read_type},
    {"code", For::icmp, read_code},
    {"ident", For::icmp, read_ident},
    {"rest", For::icmp, number_into<&PacketSpec::rest, uint32_t>},
    {"quote", For::icmp, read_inner},
    {"ttl", For::any, number_into<&PacketSpec::ttl, uint8_t>},
    {"tos", For::any, number_into<&PacketSpec::tos, uint8_t>},
    {"flow", For::v6,
     [](Words& w, Reading& r) { return read_number<uint32_t>(w, r.spec.flow_label, 0xfffff); }},
    {"id", For::any,
     [](Words& w, Reading& r) {
         return read_number<uint32_t>(w, r.spec.id, r.spec.v6() ? 0xffffffff : 0xffff);
     }},
    {"df", For::v4,
     [](Words&, Reading& r) {
         r.spec.dont_fragment = true;
         return Done();
     }},
    {"frag", For::any, read_fragment},
    {"options", For::v4, [](Words& w, Reading& r) { return read_hex(w, r.spec.options, 4, 40); }},
    {"ext", For::v6, read_extension},
    {"len", For::any,
     [](Words& w, Reading& r) { return read_number<uint32_t>(w, r.length, 65535); }},
    {"start", For::any, number_into<&PacketSpec::start, uint8_t>},
    {"data", For::any, [](Words& w, Reading& r) { return read_hex(w, r.spec.data, 1, 65535); }},
    {"sum", For::transport, number_into<&PacketSpec::sum, uint16_t>},
    {"ip-sum", For::v4, number_into<&PacketSpec::ip_sum, uint16_t>},
    {"total", For::any, number_into<&PacketSpec::total, uint16_t>},
    {"cut", For::any,
     [](Words& w, Reading& r) { return read_number<uint32_t>(w, r.spec.cut, 65575); }},
    {"carrying", For::any, read_inner},
    {"vlan", For::any,
     [](Words& w, Reading& r) { return read_number<uint16_t>(w, r.spec.vlan, 4094); }},
};

std::string known_options(const PacketSpec& spec) {
    std::string names = "one of:";
    if (spec.tcp()) {
        for (const auto& [name, bit] : tcp_flags) {
            names += bit == tcp_flag::ack ? "" : fmt::format(" {}", name);
        }
    }
    if (spec.icmp()) {
        for (const auto& kind : icmp_kinds) {
            names += fmt::format(" {}", kind.name);
        }
    }
    for (const auto& option : options) {
        names += belongs(option.what, spec) ? fmt::format(" {}", option.name) : "";
    }
    return names;
}

// A kind's or a flag's name; false: the word is neither.
Result<bool> read_name(Words& words, Reading& r, const Word& word) {
    PacketSpec& spec = r.spec;
    for (const auto& kind : icmp_kinds) {
        if (!spec.icmp() || word.text != kind.name) {
            continue;
        }
        r.kind_said = true;
        spec.type = spec.v6() ? kind.type_v6 : kind.type_v4;
        spec.code = r.code_said ? spec.code : spec.v6() ? kind.code_v6 : kind.code_v4;
        if (kind.name == "too-big") {
            if (auto done = read_number<uint32_t>(words, spec.rest); !done) {
                return tl::unexpected(done.error());
            }
        }
        return true;
    }
    for (const auto& [name, bit] : tcp_flags) {
        if (spec.tcp() && word.text == name && bit != tcp_flag::ack) {
            spec.flags |= bit;
            return true;
        }
    }
    return false;
}

Done read_option(Words& words, Reading& r) {
    const Word word = words.take();
    const auto named = read_name(words, r, word);
    if (!named || *named) {
        return named ? Done() : tl::unexpected(named.error());
    }
    for (const auto& option : options) {
        if (word.text == option.name && belongs(option.what, r.spec)) {
            return option.read(words, r);
        }
    }
    return wrong(word, known_options(r.spec));
}

// ---- a packet -----------------------------------------------------------------------------------

Result<bool> read_end(Words& words, Endpoint& end) {  // true: with a port
    const Word word = words.take();
    if (const auto endpoint = Endpoint::parse(word.text)) {
        end = *endpoint;
        return true;
    }
    const auto address = Address::parse(word.text);
    if (!address) {
        return wrong(word, "an end such as 192.0.2.1:80, [2001:db8::1]:80 or 192.0.2.1");
    }
    end = {*address, 0};
    return false;
}

Done read_protocol(Words& words, PacketSpec& spec, bool& icmp) {
    const Word word = words.take();
    icmp = word.text == "icmp";
    if (word.text == "proto") {
        return read_number<uint8_t>(words, spec.protocol);
    }
    if (word.text != "tcp" && word.text != "udp" && !icmp) {
        return wrong(word, "tcp, udp, icmp, proto N or raw HEX");
    }
    spec.protocol = word.text == "tcp" ? 6 : 17;
    return {};
}

// What only the whole packet shows.  start: its first word.
Done check(const Reading& r, const Word& start, bool ports) {
    const PacketSpec& spec = r.spec;
    if ((spec.tcp() || spec.udp()) && ports == spec.later_fragment()) {
        return wrong(start, ports ? "no ports: a fragment behind the first has none"
                                  : "ports at both ends, such as 192.0.2.1:80");
    }
    if (!spec.tcp() && !spec.udp() && ports) {
        return wrong(start, "no ports, which only tcp and udp have");
    }
    if (spec.icmp() && !spec.later_fragment() && !r.kind_said) {
        return wrong(start,
                     "a kind: echo, echo-reply, unreachable, time-exceeded, too-big MTU, "
                     "parameter-problem or type N");
    }
    if (spec.v6() && spec.id != 0 && !spec.fragment) {
        return wrong(start, "no id: in IPv6 only fragments have one");
    }
    if (spec.tcp_options.size() + (spec.mss ? 4 : 0) > 40) {
        return wrong(start, "at most 40 bytes of TCP options");
    }
    if (r.length && *r.length < spec.data.size()) {
        return wrong(start, "a len that covers the data");
    }
    PacketSpec whole = spec;
    whole.cut.reset();
    const size_t bytes = build_packet(whole).size() - (spec.v6() ? 40 : 0);
    return bytes > 65535 ? wrong(start, "a packet of at most 65,535 bytes") : Done();
}

Result<PacketSpec> read_raw(Words& words) {
    words.take();
    PacketSpec spec;
    spec.is_raw = true;
    const bool empty = words.ended() || words.peek().text == "vlan" || words.peek().text == ")";
    Done done = empty ? Done() : read_hex(words, spec.raw, 1, 65575);
    if (done && words.take_if("vlan")) {
        done = read_number<uint16_t>(words, spec.vlan, 4094);
    }
    return done ? Result<PacketSpec>(std::move(spec)) : tl::unexpected(done.error());
}

Done read_ends(Words& words, PacketSpec& spec, bool& ports) {
    const auto source = read_end(words, spec.source);
    if (!source) {
        return tl::unexpected(source.error());
    }
    if (const Word arrow = words.take(); arrow.text != ">") {
        return wrong(arrow, "> and the destination");
    }
    const Word second = words.peek();
    const auto destination = read_end(words, spec.destination);
    if (!destination) {
        return tl::unexpected(destination.error());
    }
    const Address &from = spec.source.address, &to = spec.destination.address;
    if (*source != *destination || from.family != to.family) {
        return wrong(second, from.family != to.family ? "an address of the source's family"
                                                      : "ports at both ends or at none");
    }
    ports = *source;
    return {};
}

Result<PacketSpec> read_packet(Words& words, int nested) {
    const Word start = words.peek();
    if (start.text == "raw") {
        return read_raw(words);
    }
    Reading r;
    r.nested = nested;
    bool icmp = false, ports = false;
    Done done = read_protocol(words, r.spec, icmp);
    if (done) {
        done = read_ends(words, r.spec, ports);
    }
    if (done && icmp) {
        r.spec.protocol = r.spec.v6() ? 58 : 1;
    }
    while (done && !words.ended() && words.peek().text != ")") {
        done = read_option(words, r);
    }
    r.spec.length = r.length.value_or(static_cast<uint32_t>(r.spec.data.size()));
    if (done) {
        done = check(r, start, ports);
    }
    if (!done) {
        return tl::unexpected(done.error());
    }
    return std::move(r.spec);
}

// ---- fields to words ----------------------------------------------------------------------------

std::string hex(const Bytes& bytes) {
    std::string out;
    for (const uint8_t byte : bytes) {
        out += fmt::format("{:02x}", byte);
    }
    return out;
}

class Text {
public:
    void add(std::string_view word) { text += (text.empty() ? "" : " ") + std::string(word); }
    template <typename T>
    void number(std::string_view word, T value, T otherwise = 0) {
        if (value != otherwise) {
            add(fmt::format("{} {}", word, value));
        }
    }
    template <typename T>
    void number(std::string_view word, const std::optional<T>& value) {
        if (value) {
            add(fmt::format("{} {}", word, *value));
        }
    }
    void bytes(std::string_view word, const Bytes& value) {
        if (!value.empty()) {
            add(word.empty() ? hex(value) : fmt::format("{} {}", word, hex(value)));
        }
    }

    std::string text;
};

std::string spec_text(const PacketSpec& spec);

void icmp_words(Text& out, const PacketSpec& spec) {
    const IcmpKind* known = nullptr;
    for (const auto& kind : icmp_kinds) {
        const uint8_t type = spec.v6() ? kind.type_v6 : kind.type_v4;
        const uint8_t code = spec.v6() ? kind.code_v6 : kind.code_v4;
        const bool this_one = spec.type == type && (kind.name != "too-big" || spec.code == code);
        known = known == nullptr && this_one ? &kind : known;
    }
    const uint8_t code = known == nullptr ? uint8_t{0}
                         : spec.v6()      ? known->code_v6
                                          : known->code_v4;
    const bool too_big = known != nullptr && known->name == "too-big";
    out.add(known == nullptr ? fmt::format("type {}", spec.type)
            : too_big        ? fmt::format("too-big {}", spec.rest)
                             : std::string(known->name));
    out.number("code", spec.code, code);
    if (is_echo(spec)) {
        out.number("ident", spec.rest >> 16);
        out.number("seq", spec.rest & 0xffff);
    } else if (!too_big) {
        out.number("rest", spec.rest);
    }
}

void tcp_words(Text& out, const PacketSpec& spec) {
    for (const auto& [name, bit] : tcp_flags) {
        if ((spec.flags & bit) != 0) {
            const bool number = bit == tcp_flag::ack && spec.ack != 0;
            out.add(number ? fmt::format("ack {}", spec.ack) : std::string(name));
        }
    }
    if ((spec.flags & tcp_flag::ack) == 0) {
        out.number("acknum", spec.ack);
    }
    out.number("seq", spec.seq);
    out.number("window", spec.window, PacketSpec().window);
    out.number("urgent", spec.urgent);
    out.number("mss", spec.mss);
    out.bytes("tcp-options", spec.tcp_options);
}

void ip_words(Text& out, const PacketSpec& spec) {
    out.number("ttl", spec.ttl, PacketSpec().ttl);
    out.number("tos", spec.tos);
    out.number("flow", spec.flow_label);
    out.number("id", spec.id);
    if (spec.dont_fragment) {
        out.add("df");
    }
    if (spec.fragment) {
        out.add(fmt::format("frag {}{}", spec.offset, spec.more ? "+" : ""));
    }
    out.bytes("options", spec.options);
    for (const auto& extension : spec.extensions) {
        const bool empty = extension.body == empty_extension(extension.kind);
        out.add(fmt::format("ext {}{}", extension.kind, empty ? "" : ":" + hex(extension.body)));
    }
}

void payload_words(Text& out, const PacketSpec& spec) {
    out.number("len", spec.length, static_cast<uint32_t>(spec.data.size()));
    out.number("start", spec.start);
    out.bytes("data", spec.data);
    out.number("udp-length", spec.udp_length);
    out.number("total", spec.total);
    out.number("sum", spec.sum);
    out.number("ip-sum", spec.ip_sum);
    out.number("cut", spec.cut);
    out.number("vlan", spec.vlan);
    if (spec.inner) {
        out.add(fmt::format("{} ({})", spec.icmp() ? "quote" : "carrying", spec_text(*spec.inner)));
    }
}

std::string spec_text(const PacketSpec& spec) {
    Text out;
    if (spec.is_raw) {
        out.add("raw");
        out.bytes("", spec.raw);
        out.number("vlan", spec.vlan);
        return out.text;
    }
    out.add(spec.tcp()    ? "tcp"
            : spec.udp()  ? "udp"
            : spec.icmp() ? "icmp"
                          : fmt::format("proto {}", spec.protocol));
    const bool ports = spec.has_ports();
    out.add(ports ? spec.source.text() : spec.source.address.text());
    out.add(">");
    out.add(ports ? spec.destination.text() : spec.destination.address.text());
    if (!spec.later_fragment()) {
        if (spec.icmp()) {
            icmp_words(out, spec);
        } else if (spec.tcp()) {
            tcp_words(out, spec);
        }
    }
    ip_words(out, spec);
    payload_words(out, spec);
    return out.text;
}

}  // namespace

Result<TextPacket> parse_packet_text(std::string_view text) {
    Words words(text);
    const auto spec = read_packet(words, 0);
    if (!spec) {
        return tl::unexpected(spec.error());
    }
    if (!words.ended()) {
        return wrong(words.peek(), "the end of the packet");
    }
    return TextPacket{build_packet(*spec), spec->vlan};
}

std::string packet_text(std::span<const uint8_t> ip_packet, std::optional<uint16_t> vlan) {
    PacketSpec spec = describe_packet(ip_packet);
    spec.vlan = vlan;
    return spec_text(spec);
}

std::vector<uint8_t> frame_of(const TextPacket& packet) {
    Bytes frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    const auto append16 = [&](uint16_t value) {
        frame.push_back(static_cast<uint8_t>(value >> 8));
        frame.push_back(static_cast<uint8_t>(value));
    };
    if (packet.vlan) {
        append16(0x8100);
        append16(*packet.vlan);
    }
    const bool v6 = !packet.ip.empty() && packet.ip[0] >> 4 == 6;
    append16(v6 ? ethertype_v6 : ethertype_v4);
    frame.insert(frame.end(), packet.ip.begin(), packet.ip.end());
    return frame;
}

}  // namespace rehome::vipd
