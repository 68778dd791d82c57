// Services as ipvsadm prints them and as keepalived's files say them: what is taken, what is
// refused, and what differs.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lbsync/services/difference.h"
#include "lbsync/services/ipvsadm.h"
#include "lbsync/services/keepalived.h"
#include "lbsync/services/to_vipd.h"

namespace rehome::lbsync::services {

namespace {

template <typename T>
std::string all(const Checked<T>& checked) {
    std::string text;
    if (!checked) {
        for (const Error& mistake : checked.error()) {
            text += mistake.text() + "\n";
        }
    }
    return text;
}

Result<std::vector<File>> no_files(const std::string& pattern, const std::string&) {
    return fail(Exit::usage, pattern, "no such file");
}

Checked<policy::Services> keepalived(const std::string& text, const Include& include = no_files) {
    return read_keepalived({"ha.conf", text}, include);
}

// The services in lines, each behind its title.
std::string lines(const policy::Services& services) {
    std::string text;
    for (const policy::VirtualService& service : services.services) {
        text += service.title() + "\n";
        for (const std::string& line : lines_of(service, !services.running)) {
            text += "  " + line + "\n";
        }
    }
    return text;
}

constexpr const char* recorded =
    "-A -t 198.51.100.10:80 -s wlc -p 300 -M 255.255.255.0\n"
    "-a -t 198.51.100.10:80 -r 10.1.1.11:8080 -m -w 1\n"
    "-a -t 198.51.100.10:80 -r 10.1.1.12:8080 -m -w 2 -x 100 -y 50\n"
    "-A -u 198.51.100.10:53 -s rr -o\n"
    "-A -t [2001:db8::10]:443 -s mh -p 360 -M 64 -b mh-fallback,mh-port\n"
    "-a -t [2001:db8::10]:443 -r [2001:db8:1::11]:443 -g -w 0\n"
    "-A --sctp-service 198.51.100.10:5060 -s sh -p 60 --pe sip\n"
    "-A -f 5 -s wrr\n"
    "-a -f 5 -r 10.1.1.11:0 -i -w 1 --tun-type gue --tun-port 5555 --tun-csum\n"
    "-A -f 6 -6 -s rr\n";

constexpr const char* conf = R"(! a site's own
global_defs {
    router_id lb1
}
vrrp_instance VI_1 {
    virtual_ipaddress { 198.51.100.10 }
}
virtual_server_group doors {
    198.51.100.10-11 80   # two addresses
    fwmark 5
}
virtual_server group doors
{
    delay_loop 6
    lb_algo wlc
    lb_kind NAT
    persistence_timeout 300
    persistence_granularity 255.255.255.0
    protocol TCP
    quorum 1
    sorry_server 10.1.1.99 80
    real_server 10.1.1.11 8080 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.1.1.12 8080 {
        weight 2
        inhibit_on_failure
        HTTP_GET {
            url {
                path "/a b"
                status_code 200
            }
        }
    }
}
virtual_server 2001:db8::10 53 {
    lvs_sched mh
    mh-port
    lvs_method TUN type gue port 5555
    protocol UDP
    ops
    weight 7
    real_server 2001:db8:1::11 53 {
        lvs_method DR
        uthreshold 100
    }
    real_server 2001:db8:1::12 53
    {
    }
}
)";

constexpr const char* running =
    "-A -t 198.51.100.10:80 -s wlc -p 300 -M 255.255.255.0\n"
    "-a -t 198.51.100.10:80 -r 10.1.1.11:8080 -m -w 1\n"
    "-a -t 198.51.100.10:80 -r 10.1.1.12:8080 -m -w 2\n"
    "-A -t 198.51.100.11:80 -s wlc -p 300 -M 255.255.255.0\n"
    "-a -t 198.51.100.11:80 -r 10.1.1.11:8080 -m -w 1\n"
    "-a -t 198.51.100.11:80 -r 10.1.1.12:8080 -m -w 2\n"
    "-A -f 5 -s wlc -p 300 -M 255.255.255.0\n"
    "-a -f 5 -r 10.1.1.11:8080 -m -w 1\n"
    "-a -f 5 -r 10.1.1.12:8080 -m -w 2\n"
    "-A -u [2001:db8::10]:53 -s mh -o -b mh-port\n"
    "-a -u [2001:db8::10]:53 -r [2001:db8:1::11]:53 -g -w 7 -x 100\n"
    "-a -u [2001:db8::10]:53 -r [2001:db8:1::12]:53 -i -w 7 --tun-type gue --tun-port 5555\n";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const size_t at = text.find(what);
    REQUIRE(at != text.npos);
    return text.replace(at, what.size(), with);
}

Differences against(const std::string& ipvs) {
    const auto wanted = keepalived(conf);
    const auto runs = read_ipvsadm(ipvs, "host");
    REQUIRE_MESSAGE(wanted, all(wanted));
    REQUIRE_MESSAGE(runs, all(runs));
    return differences(*wanted, *runs);
}

std::string told(const Differences& found) {
    std::string text;
    for (const ServiceDifference& service : found.services) {
        text += fmt::format("{}: {}; ", service.service, fmt::join(service.lines, ", "));
    }
    return text + fmt::format("{}", fmt::join(found.state, "; "));
}

}  // namespace

TEST_CASE("ipvsadm's lines are printed again as they stand there") {
    const auto services = read_ipvsadm(recorded, "f");
    REQUIRE_MESSAGE(services, all(services));
    CHECK(services->services.size() == 6);
    CHECK(print_ipvsadm(*services) == recorded);
}

TEST_CASE("ipvsadm: what is refused, with its line") {
    const std::pair<std::string, const char*> cases[] = {
        {"-E -t 1.2.3.4:80\n", "f:1: \"-E\" is neither"},
        {"-A -t 1.2.3.4:80 -q\n", "f:1: option \"-q\" is not known"},
        {"-A -t 1.2.3.4:80 -s\n", "f:1: -s has no value"},
        {"-A -t 1.2.3.4:80 -s rr -s wlc\n", "f:1: -s stands here twice"},
        {"-A -t www:80\n", "f:1: \"www:80\" is no ADDRESS:PORT"},
        {"-A -s rr\n", "f:1: expected one of -t, -u"},
        {"-A -t 1.2.3.4:80 -u 1.2.3.4:80\n", "f:1: expected one of -t, -u"},
        {"-A -f 0\n", "f:1: \"0\" is no firewall mark"},
        {"-A -t 1.2.3.4:80 -M 255.255.255.0\n", "f:1: -M and --pe mean nothing"},
        {"-A -t 1.2.3.4:80 -p 3 -M 255.0.255.0\n", "f:1: \"255.0.255.0\" is no mask"},
        {"-A -t 1.2.3.4:80 -w 1\n", "f:1: option -w has no meaning here"},
        {"-A -t 1.2.3.4:80\n-A -t 1.2.3.4:80\n", "f:2: service tcp 1.2.3.4:80 stands here twice"},
        {"-a -t 1.2.3.4:80 -r 1.1.1.1:1\n", "f:1: service tcp 1.2.3.4:80 is not there"},
        {"-A -f 1\n-a -f 1 -r 1.1.1.1:1 -g -m\n", "f:2: expected one of -g"},
        {"-A -f 1\n-a -f 1 -r 1.1.1.1:1 -m --tun-port 5\n", "f:2: option --tun-port has no"},
        {"-A -f 1\n-a -f 1 -r 1.1.1.1:1 -m -w x\n", "f:2: \"x\" is no number"},
        {"-A -f 1\n-a -f 1 -r 1.1.1.1:1 -m\n-a -f 1 -r 1.1.1.1:1 -m\n", "f:3: server 1.1.1.1:1"},
    };
    for (const auto& [text, mistake] : cases) {
        CAPTURE(text);
        const auto services = read_ipvsadm(text, "f");
        REQUIRE(!services);
        CHECK_MESSAGE(all(services).starts_with(mistake), all(services));
    }
}

TEST_CASE("keepalived's services, with groups, ranges, marks and defaults") {
    const auto services = keepalived(conf);
    REQUIRE_MESSAGE(services, all(services));
    const std::string pool =
        "  scheduler wlc\n"
        "  persistent for 300 s, clients by /24\n"
        "  server 10.1.1.11:8080 weight 1 by masquerade, TCP_CHECK { connect_timeout 3 }\n"
        "  server 10.1.1.12:8080 weight 2 by masquerade, stays when it is down, HTTP_GET { url { "
        "path \"/a b\" status_code 200 } }\n"
        "  sorry server 10.1.1.99:80 weight 1 by masquerade\n"
        "  delay_loop 6\n"
        "  quorum 1\n";
    CHECK(lines(*services) ==
          "tcp 198.51.100.10:80\n" + pool + "tcp 198.51.100.11:80\n" + pool + "mark 5 ipv4\n" +
              pool +
              "udp [2001:db8::10]:53\n"
              "  scheduler mh\n"
              "  scheduler's flag mh-port\n"
              "  each packet by itself\n"
              "  server [2001:db8:1::11]:53 weight 7 by route connections 0-100\n"
              "  server [2001:db8:1::12]:53 weight 7 by tunnel gue port 5555\n");
    CHECK(services->beside ==
          std::vector<std::string>{"ha.conf:2: global_defs", "ha.conf:5: vrrp_instance VI_1"});
}

TEST_CASE("keepalived: what is refused, with its line") {
    const auto server = [](const std::string& line) {
        return "virtual_server 1.2.3.4 80 {\nreal_server 1.1.1.1 80 {\n" + line + "\n}\n}\n";
    };
    const std::pair<std::string, const char*> cases[] = {
        {"virtual_server 1.2.3.4 80 {\n", "ha.conf:2: the file ends within \"virtual_server\""},
        {"}\n", "ha.conf:1: \"}\" closes nothing"},
        {"{\n}\n", "ha.conf:1: \"{\" opens nothing"},
        {"virtual_sever 1.2.3.4 80 {\n}\n", "ha.conf:1: \"virtual_sever\" is not known here"},
        {"virtual_server 1.2.3.4 80 {\nlb_alog rr\n}\n", "ha.conf:2: \"lb_alog\" is not known"},
        {"virtual_server 1.2.3.4 80 {\nlb_kind XX\n}\n", "ha.conf:2: \"XX\" is none of NAT"},
        {"virtual_server 1.2.3.4 80 {\nreal_server 1.1.1.1 80\n}\n", "ha.conf:2: \"real_server\""},
        {"virtual_server www 80 {\n}\n", "ha.conf:1: \"www\" is no address"},
        {"virtual_server 1.2.3.4 80 90 {\n}\n", "ha.conf:1: \"90\" is not known here"},
        {"virtual_server 1.2.3.4 x {\n}\n", "ha.conf:1: \"x\" is no port's number"},
        {"virtual_server group g {\n}\n", "ha.conf:1: no such group is there"},
        {"virtual_server_group g {\n1.2.3.9-4 80\n}\n", "ha.conf:2: \"1.2.3.9-4\" is no range"},
        {"virtual_server fwmark 0 {\n}\n", "ha.conf:1: 0 is no firewall mark"},
        {"virtual_server 1.2.3.4 80 {\n}\nvirtual_server 1.2.3.4 80 {\n}\n",
         "ha.conf:3: service tcp 1.2.3.4:80 stands here twice"},
        {server("TCP_CHCK {\n}"), "ha.conf:3: \"TCP_CHCK\" is not known here"},
        {server("weight heavy"), "ha.conf:3: \"heavy\" is no number"},
        {server("path \"x"), "ha.conf:3: a quote is not closed"},
        {server("@lb1 weight 2"), "ha.conf:3: \"@lb1\": definitions, conditions"},
        {"$VIP=1.2.3.4\n", "ha.conf:1: \"$VIP=1.2.3.4\": definitions"},
        {"include a.conf b.conf\n", "ha.conf:1: expected \"include PATTERN\""},
        {"include a.conf\n", "ha.conf:1: a.conf: no such file"},
        {"a {\nb {\nc {\nd {\ne {\nf {\ng {\nh {\ni {\nj {\nk {\nl {\nm {\nn {\no {\np {\nq "
         "{\n}\n}\n"
         "}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n",
         "ha.conf:17: more than 16 blocks"},
    };
    for (const auto& [text, mistake] : cases) {
        CAPTURE(text);
        const auto services = keepalived(text);
        REQUIRE(!services);
        CHECK_MESSAGE(all(services).starts_with(mistake), all(services));
    }
}

TEST_CASE("files that are included are read in their place, and no circle is walked") {
    const Include files = [](const std::string& pattern,
                             const std::string& from) -> Result<std::vector<File>> {
        CHECK(from.ends_with(".conf"));
        if (pattern == "loop") {
            return std::vector<File>{{"a.conf", "include back\n"}};
        }
        if (pattern == "back") {
            return std::vector<File>{{"ha.conf", ""}};
        }
        if (pattern == "open") {
            return std::vector<File>{{"a.conf", "real_server 1.1.1.1 80 {\n"}};
        }
        return std::vector<File>{{"a.conf", "real_server 1.1.1.1 80 {\n}\n"},
                                 {"b.conf", "real_server 1.1.1.2 80 {\n}\n"}};
    };
    const auto text = [](const std::string& pattern) {
        return "virtual_server 1.2.3.4 80 {\ninclude " + pattern + "\n}\n";
    };
    const auto two = keepalived(text("*.conf"), files);
    REQUIRE_MESSAGE(two, all(two));
    CHECK(two->services[0].servers.size() == 2);
    CHECK(all(keepalived(text("loop"), files)) == "a.conf:1: ha.conf includes itself\n");
    CHECK(all(keepalived(text("open"), files)) ==
          "a.conf:2: the file ends within \"real_server\"\n");
}

TEST_CASE("what IPVS runs equals the file, but for what checks have done") {
    const std::string ipvs = running;
    const struct {
        std::string runs, differs;
    } cases[] = {
        {ipvs, ""},
        {replaced(ipvs, "-a -f 5 -r 10.1.1.11:8080 -m -w 1\n", ""),
         "mark 5 ipv4: 10.1.1.11:8080 is absent, as one that failed its check"},
        {replaced(ipvs, "-a -f 5 -r 10.1.1.12:8080 -m -w 2\n",
                  "-a -f 5 -r 10.1.1.12:8080 -m -w 0\n-a -f 5 -r 10.1.1.99:80 -m -w 1\n"),
         "mark 5 ipv4: 10.1.1.12:8080 has no weight, as one that failed its check; "
         "mark 5 ipv4: 10.1.1.99:80 is there, the sorry server"},
        // A server without a check, a weight, a sorry server while all are well: differences.
        {replaced(ipvs, "-a -u [2001:db8::10]:53 -r [2001:db8:1::11]:53 -g -w 7 -x 100\n", ""),
         "udp [2001:db8::10]:53: - server [2001:db8:1::11]:53 weight 7 by route connections "
         "0-100; "},
        {replaced(ipvs, "-a -f 5 -r 10.1.1.12:8080 -m -w 2", "-a -f 5 -r 10.1.1.12:8080 -m -w 3"),
         "mark 5 ipv4: - server 10.1.1.12:8080 weight 2 by masquerade, + server 10.1.1.12:8080 "
         "weight 3 by masquerade; "},
        {replaced(ipvs, "-a -f 5 -r 10.1.1.11", "-a -f 5 -r 10.1.1.99:80 -m\n-a -f 5 -r 10.1.1.11"),
         "mark 5 ipv4: + server 10.1.1.99:80 weight 1 by masquerade; "},
        {replaced(ipvs, "-A -f 5 -s wlc -p 300", "-A -f 5 -s rr -p 30"),
         "mark 5 ipv4: - scheduler wlc, - persistent for 300 s, clients by /24, + scheduler rr, + "
         "persistent for 30 s, clients by /24; "},
        {ipvs + "-A -t 198.51.100.77:80 -s rr\n", "tcp 198.51.100.77:80: + scheduler rr; "},
    };
    for (const auto& row : cases) {
        CAPTURE(row.runs);
        const Differences found = against(row.runs);
        CHECK(!found.checks_seen);
        CHECK(told(found) == row.differs);
    }
}

TEST_CASE("between two files checks count") {
    const auto one = keepalived(conf);
    const auto other = keepalived(replaced(conf, "connect_timeout 3", "connect_timeout 4"));
    REQUIRE(one);
    REQUIRE(other);
    CHECK(differences(*one, *one).services.empty());
    CHECK(differences(*one, *one).checks_seen);
    CHECK(differences(*one, *other).services.size() == 3);
}

TEST_CASE("as vipd's services") {
    const auto read = read_ipvsadm(
        "-A -t 198.51.100.10:80 -s wrr\n"
        "-a -t 198.51.100.10:80 -r 10.1.1.11:8080 -m -w 2\n"
        "-a -t 198.51.100.10:80 -r 10.1.1.12:0 -m -w 0\n"
        "-A -u [2001:db8::10]:53 -s rr\n"
        "-a -u [2001:db8::10]:53 -r 10.1.1.11:53 -i -w 9 --tun-type gue --tun-port 6080\n",
        "f");
    REQUIRE(read);
    const auto written = to_vipd(*read, {});
    REQUIRE_MESSAGE(written, all(written));
    using vipd::ServerConfig;
    const std::vector<vipd::ServiceConfig> expected{
        {"tcp-198.51.100.10-80",
         Address::parse("198.51.100.10").value(),
         Protocol::tcp,
         80,
         vipd::Forward::nat,
         vipd::Encapsulation::ipip,
         {},
         {ServerConfig{"10.1.1.11-8080", Address::parse("10.1.1.11").value(), 8080, 2, false},
          ServerConfig{"10.1.1.12-0", Address::parse("10.1.1.12").value(), 80, 1, true}},
         {}},
        {"udp--2001-db8--10--53",
         Address::parse("2001:db8::10").value(),
         Protocol::udp,
         53,
         vipd::Forward::tunnel,
         vipd::Encapsulation::gue,
         {},
         {ServerConfig{"10.1.1.11-53", Address::parse("10.1.1.11").value(), 0, 1, false}},
         {}}};
    CHECK(*written == expected);

    nlohmann::ordered_json config{{"schema", "rehome/vipd/1"},
                                  {"inventory", "i.json"},
                                  {"gateway", "g"},
                                  {"control", "/run/vipd.sock"},
                                  {"ports", {{{"name", "p"}, {"device", "null:"}}}},
                                  {"lines", nlohmann::ordered_json::array()}};
    for (const vipd::ServiceConfig& service : *written) {
        config["services"].push_back(vipd::to_json(service, {}));
    }
    const auto taken = vipd::parse_config_alone("f", config.dump());
    REQUIRE_MESSAGE(taken, all(taken));
    CHECK(taken->services == expected);
}

TEST_CASE("what vipd has no counterpart for is refused, or left out where it is said") {
    const std::string at = "198.51.100.10:80";
    const std::string server = "-a -t " + at + " -r 10.1.1.11:80 -m -w 1";
    const struct {
        std::string text;
        const char* sentence;
        Without without;
    } cases[] = {
        {"-A -t " + at + " -s wlc\n" + server, "not by wlc", {"scheduler"}},
        {"-A -t " + at + " -s mh -b mh-port\n" + server, "with its flags", {"scheduler"}},
        {"-A -t " + at + " -s rr -p 30\n" + server, "not clients", {"persistence"}},
        {"-A -t " + at + " -s rr\n" + server + " -x 5", "no limit", {"thresholds"}},
        {"-A -t " + at + " -s rr -o\n" + server, "one-packet", {}},
        {"-A -t " + at + " -s rr\n", "no servers", {}},
        {"-A -t " + at + " -s wrr\n" + server + "001", "weight 1001", {}},
        {"-A -t " + at + " -s rr\n-a -t " + at + " -r 10.1.1.11:80 -g", "direct routing", {}},
        {"-A -t " + at + " -s rr\n-a -t " + at + " -r 10.1.1.11:81 -i", "keeps the service's", {}},
        {"-A -t " + at + " -s rr\n-a -t " + at + " -r 10.1.1.11:80 -i --tun-type gre", "gre", {}},
        {"-A -t " + at + " -s rr\n" + server + "\n-a -t " + at + " -r 10.1.1.12:80 -g -w 1",
         "in one way",
         {}},
        {"-A -t 198.51.100.10:0 -s rr -p 9\n", "single ports", {}},
        {"-A --sctp-service " + at + " -s rr\n", "not sctp", {}},
        {"-A -f 5 -s rr\n", "no firewall marks", {}},
    };
    for (const auto& row : cases) {
        CAPTURE(row.text);
        const auto read = read_ipvsadm(row.text, "f");
        REQUIRE_MESSAGE(read, all(read));
        CHECK_MESSAGE(all(to_vipd(*read, {})).find(row.sentence) != std::string::npos,
                      all(to_vipd(*read, {})));
        if (!row.without.empty()) {
            CHECK(to_vipd(*read, row.without));
        }
    }
    const auto checked = keepalived(conf);
    REQUIRE(checked);
    CHECK(all(to_vipd(*checked, {"persistence", "scheduler", "sorry"}))
              .find("how keepalived checks") != std::string::npos);
}

}  // namespace rehome::lbsync::services
