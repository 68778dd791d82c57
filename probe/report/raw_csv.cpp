// A record as CSV; raw.h tells the columns.
#include "probe/report/escape.h"
#include "probe/report/raw.h"
#include "probe/report/raw_rows.h"

namespace rehome::probe {

namespace {

constexpr std::string_view columns =
    "kind,target,index,sent_utc,rtt_ns,end,size,ttl,out,in,flags,reflector_ns\n";

// Times of one second share their text.
class UtcText {
public:
    void add(Nanos time, std::string& out) {
        constexpr Nanos second = 1'000'000'000;
        if (time / second != second_) {
            second_ = time / second;
            text_ = iso8601(second_ * 1'000'000).substr(0, 20);  // with the point
        }
        char digits[10] = "000000000";
        auto rest = static_cast<uint32_t>(time % second);
        for (int i = 8; rest != 0; --i, rest /= 10) {
            digits[i] = static_cast<char>('0' + rest % 10);
        }
        out += text_;
        out.append(digits, 9);
        out += 'Z';
    }

private:
    Nanos second_ = -1;
    std::string text_;
};

class Csv final : public RawData {
public:
    explicit Csv(const Record& record) : record_(record), rows_(record) {}

    bool add_piece(std::string& out) override {
        if (!begun_) {
            out += columns;
            begun_ = true;
        }
        const auto piece = rows_.next();
        if (!piece) {
            return false;
        }
        const PathRecord& path = record_.paths[piece->path];
        const std::string front =
            std::string(name(path.path.kind)) + ',' + in_csv(path.path.target_text()) + ',';
        for (size_t i = piece->begin; i < piece->end; ++i) {
            out += front;
            add_row(path.probes[i], out);
        }
        return true;
    }

private:
    void add_row(const ProbeRow& probe, std::string& out) {
        const Sample& sample = probe.sample;
        add_number(out, probe.index);
        out += ',';
        utc_.add(sample.departed(), out);
        out += ',';
        if (const auto answered = answered_at(probe)) {
            add_number(out, *answered - sample.departed());
        }
        out += ',';
        out += end_of(probe);
        out += ',';
        add_number(out, sample.size);
        out += ',';
        if (sample.ttl != 0) {
            add_number(out, sample.ttl);
        }
        out += ',';
        add_interface(sample.out, out);
        add_interface(sample.in, out);
        add_flags(probe, out);
        out += ',';
        if (sample.reflector != never) {
            add_number(out, sample.reflector);
        }
        out += '\n';
    }

    void add_interface(uint32_t index, std::string& out) {
        if (index != interface_) {
            const auto found = record_.interfaces.find(index);
            name_ = index == 0                          ? ""
                    : found == record_.interfaces.end() ? "#" + std::to_string(index)
                                                        : in_csv(found->second);
            interface_ = index;
        }
        out += name_;
        out += ',';
    }

    const Record& record_;
    RawRows rows_;
    UtcText utc_;
    uint32_t interface_ = 0;  // whose name is at hand
    std::string name_;
    bool begun_ = false;
};

}  // namespace

std::unique_ptr<RawData> raw_csv(const Record& record) {
    return std::make_unique<Csv>(record);
}

}  // namespace rehome::probe
