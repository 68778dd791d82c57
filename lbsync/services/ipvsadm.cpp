#include "lbsync/services/ipvsadm.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "lbsync/services/values.h"

namespace rehome::lbsync::services {

namespace {

using policy::Forwarding;
using policy::Persistence;
using policy::Server;
using policy::VirtualService;

using Words = std::vector<std::string>;

Words words_of(std::string_view line) {
    Words words;
    size_t at = 0;
    while ((at = line.find_first_not_of(" \t\r", at)) != line.npos) {
        const size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
        words.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

Read<Endpoint> endpoint(std::string_view text) {
    const auto parsed = Endpoint::parse(text);
    if (!parsed) {
        return wrong(in_quotes(text) + " is no ADDRESS:PORT, as ipvsadm -Sn prints it");
    }
    return *parsed;
}

unsigned length_of(Family family) {
    return family == Family::v4 ? 32 : 128;
}

// "255.255.255.0" or, of IPv6, "64".
Read<unsigned> mask_length(std::string_view text, Family family) {
    if (family == Family::v6) {
        const auto length = number(text);
        return length && *length <= 128 ? Read<unsigned>(*length)
                                        : wrong(in_quotes(text) + " is no prefix length");
    }
    return ipv4_mask(text);
}

// The options of one line, each taken once.
class Options {
public:
    static Read<Options> of(const Words& words) {
        Options options;
        for (size_t i = 1; i < words.size(); ++i) {
            const std::string& option = words[i];
            const bool flag = flags.find(" " + option + " ") != flags.npos;
            if (!flag && values.find(" " + option + " ") == values.npos) {
                return wrong(fmt::format("option {} is not known here", in_quotes(option)));
            }
            if (!flag && i + 1 == words.size()) {
                return wrong(fmt::format("{} has no value", option));
            }
            if (!options.found_.emplace(option, flag ? "" : words[++i]).second) {
                return wrong(fmt::format("{} stands here twice", option));
            }
        }
        return options;
    }

    std::optional<std::string> take(const std::string& option) {
        const auto found = found_.extract(option);
        return found ? std::optional(found.mapped()) : std::nullopt;
    }
    std::string left() const { return found_.empty() ? "" : found_.begin()->first; }

private:
    static constexpr std::string_view flags =
        " -6 -o -g -i -m --tun-nocsum --tun-csum --tun-remcsum ";
    static constexpr std::string_view values =
        " -t -u -f --sctp-service -s -p -M --pe -b -r -w -x -y --tun-type --tun-port ";
    std::map<std::string, std::string> found_;
};

// Which service a line speaks of.
Read<VirtualService> service_of(Options& options) {
    constexpr std::pair<const char*, const char*> protocols[] = {
        {"-t", "tcp"}, {"-u", "udp"}, {"--sctp-service", "sctp"}};
    VirtualService service;
    unsigned found = 0;
    for (const auto& [option, protocol] : protocols) {
        const auto text = options.take(option);
        if (!text) {
            continue;
        }
        const auto at = endpoint(*text);
        if (!at) {
            return wrong(at.error());
        }
        service.protocol = protocol;
        service.vip = at->address;
        service.port = at->port;
        service.family = at->address.family;
        ++found;
    }
    if (const auto text = options.take("-f")) {
        const auto mark = number(*text);
        if (!mark || *mark == 0) {
            return wrong(in_quotes(*text) + " is no firewall mark");
        }
        service.mark = *mark;
        service.family = options.take("-6") ? Family::v6 : Family::v4;
        ++found;
    }
    return found == 1 ? Read<VirtualService>(std::move(service))
                      : wrong("expected one of -t, -u, --sctp-service and -f");
}

Failed read_persistence(Options& options, VirtualService& service) {
    const auto seconds = options.take("-p");
    const auto mask = options.take("-M");
    const auto engine = options.take("--pe");
    if (!seconds) {
        return mask || engine ? wrong("-M and --pe mean nothing without -p") : Failed();
    }
    const auto count = number(*seconds);
    const auto length =
        mask ? mask_length(*mask, service.family) : Read<unsigned>(length_of(service.family));
    if (!count || !length) {
        return wrong(!count ? count.error() : length.error());
    }
    service.persistence = Persistence{*count, *length, engine.value_or("")};
    return {};
}

Failed read_service(Options& options, VirtualService& service) {
    service.scheduler = options.take("-s").value_or("wlc");
    service.one_packet = options.take("-o").has_value();
    if (auto flags = options.take("-b")) {
        size_t at = 0;
        while (at <= flags->size()) {
            const size_t end = std::min(flags->find(',', at), flags->size());
            service.scheduler_flags.push_back(flags->substr(at, end - at));
            at = end + 1;
        }
        std::sort(service.scheduler_flags.begin(), service.scheduler_flags.end());
    }
    return read_persistence(options, service);
}

Failed read_tunnel(Options& options, Server& server) {
    const std::string type = options.take("--tun-type").value_or("ipip");
    if (type != "ipip") {
        server.encapsulation = type;
        if (const auto port = options.take("--tun-port")) {
            server.encapsulation += " port " + *port;
        }
        for (const char* flag : {"--tun-nocsum", "--tun-csum", "--tun-remcsum"}) {
            server.encapsulation += options.take(flag) ? fmt::format(" {}", flag + 6) : "";
        }
    }
    return {};
}

Failed read_numbers(Options& options, Server& server) {
    const std::pair<const char*, uint32_t*> numbers[] = {
        {"-w", &server.weight}, {"-x", &server.upper_threshold}, {"-y", &server.lower_threshold}};
    for (const auto& [option, into] : numbers) {
        if (const auto text = options.take(option)) {
            const auto value = number(*text);
            if (!value) {
                return wrong(value.error());
            }
            *into = *value;
        }
    }
    return {};
}

Failed read_server(Options& options, Server& server) {
    const auto at = endpoint(options.take("-r").value_or(""));
    if (!at) {
        return wrong(at.error());
    }
    server.address = at->address;
    server.port = at->port;
    constexpr std::pair<const char*, Forwarding> ways[] = {
        {"-g", Forwarding::route}, {"-i", Forwarding::tunnel}, {"-m", Forwarding::masquerade}};
    unsigned found = 0;
    server.forwarding = Forwarding::route;  // ipvsadm's default
    for (const auto& [option, way] : ways) {
        if (options.take(option)) {
            server.forwarding = way;
            ++found;
        }
    }
    if (found > 1) {
        return wrong("expected one of -g, -i and -m");
    }
    if (server.forwarding == Forwarding::tunnel) {
        if (auto tunnel = read_tunnel(options, server); !tunnel) {
            return tunnel;
        }
    }
    return read_numbers(options, server);
}

class Reader {
public:
    explicit Reader(std::string where) : where_(std::move(where)) { result_.running = true; }

    void line(std::string_view text) {
        ++line_;
        const Words words = words_of(text);
        if (words.empty() || words[0].starts_with("#")) {
            return;
        }
        auto read = command(words);
        if (!read) {
            mistakes_.push_back({Exit::usage, fmt::format("{}:{}", where_, line_), read.error()});
        }
    }

    Checked<policy::Services> take() {
        if (!mistakes_.empty()) {
            return tl::unexpected(std::move(mistakes_));
        }
        return std::move(result_);
    }

private:
    Failed command(const Words& words) {
        if (words[0] != "-A" && words[0] != "-a") {
            return wrong(
                fmt::format("{} is neither a service (-A) nor a server (-a)", in_quotes(words[0])));
        }
        auto options = Options::of(words);
        if (!options) {
            return wrong(options.error());
        }
        auto service = service_of(*options);
        if (!service) {
            return wrong(service.error());
        }
        auto read =
            words[0] == "-A" ? add_service(*options, *service) : add_server(*options, *service);
        if (read && !options->left().empty()) {
            return wrong(fmt::format("option {} has no meaning here", options->left()));
        }
        return read;
    }

    VirtualService* find(const std::string& title) {
        const auto found = index_.find(title);
        return found == index_.end() ? nullptr : &result_.services[found->second];
    }

    Failed add_service(Options& options, VirtualService& service) {
        const std::string title = service.title();
        if (!index_.emplace(title, result_.services.size()).second) {
            return wrong(fmt::format("service {} stands here twice", title));
        }
        service.where = fmt::format("{}:{}", where_, line_);
        auto read = read_service(options, service);
        result_.services.push_back(std::move(service));
        return read;
    }

    Failed add_server(Options& options, const VirtualService& named) {
        VirtualService* const service = find(named.title());
        if (service == nullptr) {
            return wrong(fmt::format("service {} is not there", named.title()));
        }
        Server server;
        auto read = read_server(options, server);
        if (!read) {
            return read;
        }
        const auto same = [&](const Server& other) { return other.title() == server.title(); };
        if (std::any_of(service->servers.begin(), service->servers.end(), same)) {
            return wrong(fmt::format("server {} stands here twice", server.title()));
        }
        service->servers.push_back(std::move(server));
        return {};
    }

    std::string where_;
    unsigned line_ = 0;
    policy::Services result_;
    std::map<std::string, size_t> index_;
    std::vector<Error> mistakes_;
};

std::string words(const VirtualService& service) {
    if (service.mark) {
        return fmt::format("-f {}{}", *service.mark, service.family == Family::v6 ? " -6" : "");
    }
    return fmt::format("{} {}",
                       service.protocol == "tcp"   ? "-t"
                       : service.protocol == "udp" ? "-u"
                                                   : "--sctp-service",
                       Endpoint{service.vip, service.port}.text());
}

std::string mask_words(const Persistence& persistence, Family family) {
    if (persistence.length == length_of(family)) {
        return "";
    }
    if (family == Family::v6) {
        return fmt::format(" -M {}", persistence.length);
    }
    const uint32_t mask = persistence.length == 0 ? 0 : ~uint32_t{0} << (32 - persistence.length);
    return " -M " + Address::v4(mask).text();
}

std::string print(const VirtualService& service) {
    std::string line = fmt::format("-A {} -s {}", words(service), service.scheduler);
    if (service.persistence) {
        line += fmt::format(" -p {}{}", service.persistence->seconds,
                            mask_words(*service.persistence, service.family));
        line += service.persistence->engine.empty() ? "" : " --pe " + service.persistence->engine;
    }
    line += service.one_packet ? " -o" : "";
    for (size_t i = 0; i < service.scheduler_flags.size(); ++i) {
        line += (i == 0 ? " -b " : ",") + service.scheduler_flags[i];
    }
    return line + "\n";
}

std::string tunnel_words(const std::string& encapsulation) {
    const Words parts = words_of(encapsulation);
    std::string line = " --tun-type " + parts[0];
    for (size_t i = 1; i < parts.size(); ++i) {
        line += parts[i] == "port" ? fmt::format(" --tun-port {}", parts[++i])
                                   : fmt::format(" --tun-{}", parts[i]);
    }
    return line;
}

std::string print(const VirtualService& service, const Server& server) {
    constexpr std::string_view ways[] = {"-m", "-g", "-i"};
    std::string line = fmt::format("-a {} -r {} {} -w {}", words(service), server.title(),
                                   ways[static_cast<size_t>(server.forwarding)], server.weight);
    if (server.upper_threshold != 0) {
        line += fmt::format(" -x {}", server.upper_threshold);
    }
    if (server.lower_threshold != 0) {
        line += fmt::format(" -y {}", server.lower_threshold);
    }
    return line + (server.encapsulation.empty() ? "" : tunnel_words(server.encapsulation)) + "\n";
}

}  // namespace

Checked<policy::Services> read_ipvsadm(std::string_view text, const std::string& where) {
    Reader reader(where);
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        reader.line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return reader.take();
}

std::string print_ipvsadm(const policy::Services& services) {
    std::string text;
    for (const VirtualService& service : services.services) {
        text += print(service);
        for (const Server& server : service.servers) {
            text += print(service, server);
        }
    }
    return text;
}

}  // namespace rehome::lbsync::services
