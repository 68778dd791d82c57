#include "vipd/adapter/capture_filter.h"

#include <pcap/pcap.h>

#include <memory>

namespace rehome::vipd {

namespace {

struct CloseReader {
    void operator()(pcap_t* reader) const { pcap_close(reader); }
};

struct FreeProgram {
    void operator()(bpf_program* program) const {
        pcap_freecode(program);
        delete program;
    }
};

constexpr int snap = 262144;

}  // namespace

Result<std::function<bool(std::span<const uint8_t>)>> compile_filter(
    const std::string& expression) {
    using Filter = std::function<bool(std::span<const uint8_t>)>;
    if (expression.empty()) {
        return Filter();
    }
    const std::unique_ptr<pcap_t, CloseReader> reader(pcap_open_dead(DLT_EN10MB, snap));
    const std::shared_ptr<bpf_program> program(new bpf_program{}, FreeProgram());
    if (!reader || pcap_compile(reader.get(), program.get(), expression.c_str(), 1,
                                PCAP_NETMASK_UNKNOWN) != 0) {
        return fail(Exit::usage, "",
                    "filter " + in_quotes(expression) + ": " +
                        (reader ? pcap_geterr(reader.get()) : "no memory") +
                        ", expected one such as \"host 198.51.100.7 and port 443\"");
    }
    return Filter([program](std::span<const uint8_t> frame) {
        pcap_pkthdr header{};
        header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
        return pcap_offline_filter(program.get(), &header, frame.data()) != 0;
    });
}

}  // namespace rehome::vipd
