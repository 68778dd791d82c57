#include "lbsync/services/keepalived_names.h"

#include <map>
#include <set>

namespace rehome::lbsync::services {

bool is_check(std::string_view name) {
    static const std::set<std::string_view> checks{
        "HTTP_GET",   "SSL_GET",   "TCP_CHECK",  "SMTP_CHECK", "DNS_CHECK",
        "MISC_CHECK", "UDP_CHECK", "PING_CHECK", "BFD_CHECK",  "FILE_CHECK"};
    return checks.contains(name);
}

bool is_service_setting(std::string_view name) {
    static const std::set<std::string_view> settings{"delay_loop",
                                                     "retry",
                                                     "delay_before_retry",
                                                     "connect_timeout",
                                                     "warmup",
                                                     "ha_suspend",
                                                     "alpha",
                                                     "omega",
                                                     "quorum",
                                                     "hysteresis",
                                                     "quorum_up",
                                                     "quorum_down",
                                                     "virtualhost",
                                                     "sorry_server_inhibit",
                                                     "smtp_alert",
                                                     "no_smtp_alert",
                                                     "snmp_name"};
    return settings.contains(name);
}

bool is_server_setting(std::string_view name) {
    static const std::set<std::string_view> settings{
        "delay_loop",  "retry",      "delay_before_retry", "connect_timeout",
        "warmup",      "alpha",      "notify_up",          "notify_down",
        "virtualhost", "smtp_alert", "no_smtp_alert",      "snmp_name"};
    return settings.contains(name);
}

std::string scheduler_flag(std::string_view name) {
    static const std::map<std::string_view, std::string_view> flags{
        {"hashed", "sched-hashed"}, {"flag-1", "flag-1"},          {"flag-2", "flag-2"},
        {"flag-3", "flag-3"},       {"sh-port", "sh-port"},        {"sh-fallback", "sh-fallback"},
        {"mh-port", "mh-port"},     {"mh-fallback", "mh-fallback"}};
    const auto found = flags.find(name);
    return found == flags.end() ? "" : std::string(found->second);
}

bool is_beside(std::string_view name) {
    static const std::set<std::string_view> blocks{"global_defs",        "vrrp_sync_group",
                                                   "vrrp_instance",      "vrrp_script",
                                                   "vrrp_track_file",    "vrrp_track_process",
                                                   "vrrp_track_bfd",     "track_file",
                                                   "static_ipaddress",   "static_routes",
                                                   "static_rules",       "static_track_group",
                                                   "garp_group",         "bfd_instance",
                                                   "net_namespace",      "namespace_with_ipsets",
                                                   "instance",           "SSL",
                                                   "linkbeat_interfaces"};
    return blocks.contains(name);
}

}  // namespace rehome::lbsync::services
