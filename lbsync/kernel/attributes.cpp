#include "lbsync/kernel/attributes.h"

#include <algorithm>
#include <array>

namespace rehome::lbsync::kernel {

namespace {

using enum Kind;

// What a rule set is made of.
constexpr Known table[] = {{"name", text}, {"flags"},           {"use", state}, {"handle", state},
                           {"pad", state}, {"userdata", bytes}, {"owner"}};
constexpr Known chain[] = {
    {"table", text}, {"handle", state}, {"name", text}, {"hook", group, "hook"},
    {"policy"},      {"use", state},    {"type", text}, {"counters", state},
    {"pad", state},  {"flags"},         {"id", state},  {"userdata", bytes}};
constexpr Known hook[] = {{"hooknum"}, {"priority"}, {"dev", text}, {"devices", list, "device"}};
constexpr Known device[] = {{"name", text}};
constexpr Known rule[] = {{"table", text},
                          {"chain", text},
                          {"handle"},
                          {"expressions", expressions},
                          {"compat", group, "compat"},
                          {"position", state},
                          {"userdata", bytes},
                          {"pad", state},
                          {"id", state},
                          {"position_id", state},
                          {"chain_id", state}};
constexpr Known compat[] = {{"proto"}, {"flags"}};
constexpr Known set[] = {{"table", text},     {"name", text},       {"flags"},
                         {"key_type"},        {"key_len"},          {"data_type"},
                         {"data_len"},        {"policy"},           {"desc", group, "set_desc"},
                         {"id", state},       {"timeout"},          {"gc_interval"},
                         {"userdata", bytes}, {"pad", state},       {"obj_type"},
                         {"handle", state},   {"expr", expression}, {"expressions", expressions},
                         {"type", state},  // the data structure that the kernel has chosen
                         {"count", state}};
constexpr Known set_desc[] = {{"size"}, {"concat", list, "set_field"}};
constexpr Known set_field[] = {{"len"}};
constexpr Known element[] = {{"key", group, "data"},
                             {"data", group, "data"},
                             {"flags"},
                             {"timeout"},
                             {"expiration", state},
                             {"userdata", bytes},
                             {"expr", expression},
                             {"pad", state},
                             {"objref", text},
                             {"key_end", group, "data"},
                             {"expressions", expressions}};
constexpr Known elements[] = {
    {"table", text}, {"set", text}, {"elements", list, "element"}, {"set_id", state}};
constexpr Known data[] = {{"value", bytes}, {"verdict", group, "verdict"}};
constexpr Known verdict[] = {{"code"}, {"chain", text}, {"chain_id", state}};
constexpr Known obj[] = {{"table", text}, {"name", text},    {"type"},       {"data", object},
                         {"use", state},  {"handle", state}, {"pad", state}, {"userdata", bytes}};
constexpr Known flowtable[] = {{"table", text}, {"name", text},    {"hook", group, "flow_hook"},
                               {"use", state},  {"handle", state}, {"pad", state},
                               {"flags"}};
constexpr Known flow_hook[] = {{"hooknum"}, {"priority"}, {"devices", list, "device"}};
constexpr Known generation[] = {{"id"}, {"pid", state}, {"program", state}};

// Who hooks a place (nfnetlink_hook).
constexpr Known hook_entry[] = {{"hooknum"},      {"priority"},
                                {"dev", text},    {"function", text},
                                {"module", text}, {"chain_info", group, "hook_chain_info"}};
constexpr Known hook_chain_info[] = {{"desc", group, "hook_chain"}, {"type"}};
constexpr Known hook_chain[] = {{"table", text}, {"family"}, {"name", text}};

// Expressions.
constexpr Known immediate[] = {{"dreg"}, {"data", group, "data"}};
constexpr Known bitwise[] = {{"sreg"},
                             {"dreg"},
                             {"len"},
                             {"mask", group, "data"},
                             {"xor", group, "data"},
                             {"op"},
                             {"data", group, "data"}};
constexpr Known byteorder[] = {{"sreg"}, {"dreg"}, {"op"}, {"len"}, {"size"}};
constexpr Known cmp[] = {{"sreg"}, {"op"}, {"data", group, "data"}};
constexpr Known range[] = {{"sreg"}, {"op"}, {"from", group, "data"}, {"to", group, "data"}};
constexpr Known lookup[] = {{"set", text}, {"sreg"}, {"dreg"}, {"set_id", state}, {"flags"}};
constexpr Known dynset[] = {{"set", text},
                            {"set_id", state},
                            {"op"},
                            {"sreg_key"},
                            {"sreg_data"},
                            {"timeout"},
                            {"expr", expression},
                            {"pad", state},
                            {"flags"},
                            {"expressions", expressions}};
constexpr Known payload[] = {{"dreg"}, {"base"},      {"offset"},      {"len"},
                             {"sreg"}, {"csum_type"}, {"csum_offset"}, {"csum_flags"}};
constexpr Known exthdr[] = {{"dreg"}, {"type"}, {"offset"}, {"len"}, {"flags"}, {"op"}, {"sreg"}};
constexpr Known hash[] = {{"sreg"},   {"dreg"}, {"len"},       {"modulus"},      {"seed"},
                          {"offset"}, {"type"}, {"set", text}, {"set_id", state}};
constexpr Known meta[] = {{"dreg"}, {"key"}, {"sreg"}};
constexpr Known rt[] = {{"dreg"}, {"key"}};
constexpr Known socket[] = {{"key"}, {"dreg"}, {"level"}};
constexpr Known ct[] = {{"dreg"}, {"key"}, {"direction"}, {"sreg"}};
constexpr Known flow_offload[] = {{"table", text}};
constexpr Known limit[] = {{"rate"}, {"unit"}, {"burst"}, {"type"}, {"flags"}, {"pad", state}};
constexpr Known connlimit[] = {{"count"}, {"flags"}};
constexpr Known counter[] = {{"bytes", state}, {"packets", state}, {"pad", state}};
constexpr Known last[] = {{"set", state}, {"msecs", state}, {"pad", state}};
constexpr Known log[] = {{"group"},      {"prefix", text}, {"snaplen"},
                         {"qthreshold"}, {"level"},        {"flags"}};
constexpr Known queue[] = {{"num"}, {"total"}, {"flags"}, {"sreg_qnum"}};
constexpr Known quota[] = {{"bytes"}, {"flags"}, {"pad", state}, {"consumed", state}};
constexpr Known reject[] = {{"type"}, {"icmp_code"}};
constexpr Known nat[] = {{"type"},          {"family"},        {"reg_addr_min"}, {"reg_addr_max"},
                         {"reg_proto_min"}, {"reg_proto_max"}, {"flags"}};
constexpr Known tproxy[] = {{"family"}, {"reg_addr"}, {"reg_port"}};
constexpr Known masq[] = {{"flags"}, {"reg_proto_min"}, {"reg_proto_max"}};
constexpr Known redir[] = {{"reg_proto_min"}, {"reg_proto_max"}, {"flags"}};
constexpr Known dup[] = {{"sreg_addr"}, {"sreg_dev"}};
constexpr Known fwd[] = {{"sreg_dev"}, {"sreg_addr"}, {"nfproto"}};
constexpr Known objref[] = {
    {"imm_type"}, {"imm_name", text}, {"set_sreg"}, {"set", text}, {"set_id", state}};
constexpr Known fib[] = {{"dreg"}, {"result"}, {"flags"}};
constexpr Known osf[] = {{"dreg"}, {"ttl"}, {"flags"}};
constexpr Known synproxy[] = {{"mss"}, {"wscale"}, {"flags"}};
constexpr Known xfrm[] = {{"dreg"}, {"key"}, {"dir"}, {"spnum"}};
constexpr Known numgen[] = {{"dreg"},   {"modulus"},   {"type"},
                            {"offset"}, {"set", text}, {"set_id", state}};
constexpr Known tunnel[] = {{"key"}, {"dreg"}, {"mode"}};
// Extensions of iptables: their contents are for their own modules.
constexpr Known match[] = {{"name", text}, {"rev"}, {"info", bytes}};

// Named objects that no expression is called after.
constexpr Known ct_helper[] = {{"name", text}, {"l3proto"}, {"l4proto"}};
constexpr Known ct_expectation[] = {{"l3proto"}, {"l4proto"}, {"dport"}, {"timeout"}, {"size"}};

constexpr auto groups = std::to_array<Group>({
    {"table", table},
    {"chain", chain},
    {"hook", hook},
    {"device", device},
    {"rule", rule},
    {"compat", compat},
    {"set", set},
    {"set_desc", set_desc},
    {"set_field", set_field},
    {"element", element},
    {"elements", elements},
    {"data", data},
    {"verdict", verdict},
    {"object", obj},
    {"flowtable", flowtable},
    {"flow_hook", flow_hook},
    {"generation", generation},
    {"hook_entry", hook_entry},
    {"hook_chain_info", hook_chain_info},
    {"hook_chain", hook_chain},
    {"immediate", immediate},
    {"bitwise", bitwise},
    {"byteorder", byteorder},
    {"cmp", cmp},
    {"range", range},
    {"lookup", lookup},
    {"dynset", dynset},
    {"payload", payload},
    {"exthdr", exthdr},
    {"hash", hash},
    {"meta", meta},
    {"rt", rt},
    {"socket", socket},
    {"ct", ct},
    {"flow_offload", flow_offload},
    {"limit", limit},
    {"connlimit", connlimit},
    {"counter", counter},
    {"last", last},
    {"log", log},
    {"queue", queue},
    {"quota", quota},
    {"reject", reject},
    {"nat", nat},
    {"tproxy", tproxy},
    {"masq", masq},
    {"redir", redir},
    {"dup", dup},
    {"fwd", fwd},
    {"objref", objref},
    {"notrack", {}},
    {"fib", fib},
    {"osf", osf},
    {"synproxy", synproxy},
    {"xfrm", xfrm},
    {"numgen", numgen},
    {"tunnel", tunnel},
    {"match", match},
    {"target", match},
    {"ct_helper", ct_helper},
    {"ct_expectation", ct_expectation},
});

template <typename List>
auto find_named(const List& list, std::string_view name) -> decltype(&*list.begin()) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& it) { return it.name == name; });
    return found == list.end() ? nullptr : &*found;
}

}  // namespace

const Group* find_group(std::string_view name) {
    return find_named(groups, name);
}

const Known* find_attribute(const Group& group, uint16_t number) {
    const bool inside = number >= 1 && number <= group.attributes.size();
    return inside ? &group.attributes[number - 1u] : nullptr;
}

const Known* find_attribute(const Group& group, std::string_view name) {
    return find_named(group.attributes, name);
}

std::string_view object_group(uint64_t type) {
    // Tunnels (6), timeouts (7) and security marks (8) are unknown here.
    static constexpr std::array<std::string_view, 11> by_type = {
        "", "counter", "quota", "ct_helper",      "limit",   "connlimit",
        "", "",        "",      "ct_expectation", "synproxy"};
    return type < by_type.size() ? by_type[type] : "";
}

}  // namespace rehome::lbsync::kernel
