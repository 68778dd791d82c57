#include "lbsync/outside/values.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "lbsync/nft/words.h"

namespace rehome::lbsync::outside {

namespace {

// What differs from one hour to the next.  A handle or number that two share is seen by its count
// of references.
bool is_state(const Words& of, std::string_view key) {
    const bool of_program = of.contains("tag");
    return (of_program && in(key, {"id", "jited", "load_time", "btf_id", "created_by_uid"})) ||
           in(key, {"refcnt", "index", "installed", "last_used", "stats", "not_in_hw", "in_hw",
                    "in_hw_count", "direct_packets_stat", "fh", "order", "pref"});
}

bool is_interface(std::string_view key) {
    return in(key, {"iif", "oif", "dev", "to_dev", "indev", "iifname", "oifname"});
}

// Kinds of filters and actions whose words name all that they look at.
bool is_readable(std::string_view kind) {
    return in(kind, {"flower", "matchall", "fw",    "gact", "mirred",  "police", "skbedit", "vlan",
                     "csum",   "htb",      "tbf",   "hfsc", "prio",    "drr",    "netem",   "cake",
                     "ets",    "qfq",      "red",   "hhf",  "pie",     "fq_pie", "cbs",     "etf",
                     "taprio", "mqprio",   "choke", "sfb",  "ingress", "clsact"});
}

class Printer {
public:
    explicit Printer(const Images& images) : images_(images) {}

    Images::Image<Value> print(const Words& words) {
        std::string text = walk("", words);
        if (!refused_.empty()) {
            return tl::unexpected(refused_);
        }
        value_.text = std::move(text);
        return value_;
    }

private:
    std::string walk(const std::string& key, const Words& words) {
        if (words.is_object()) {
            return object(words);
        }
        if (words.is_array()) {
            std::string text;
            for (const Words& one : words) {
                text += (text.empty() ? "" : ", ") + walk(key, one);
            }
            return "{ " + text + " }";
        }
        return words.is_string() ? text_of(key, words.get<std::string>()) : words.dump();
    }

    std::string object(const Words& words) {
        look_at(words);
        std::string text;
        for (const auto& [key, value] : words.items()) {
            if (is_state(words, key) || in(key, {"srclen", "dstlen"})) {
                continue;
            }
            const Words joined = with_length(words, key, value);
            const std::string said = key == "fwmark" ? mark(words, value) : walk(key, joined);
            if (!said.empty() && said != "{  }") {
                text += fmt::format("{}{} {}", text.empty() ? "" : " ", key, said);
            }
        }
        return text;
    }

    // "src": "10.0.0.0", "srclen": 8
    static Words with_length(const Words& words, const std::string& key, const Words& value) {
        const auto length = words.find(key + "len");
        return length != words.end() && length->is_number_unsigned() && value.is_string()
                   ? Words(fmt::format("{}/{}", value.get<std::string>(), length->get<unsigned>()))
                   : value;
    }

    // "fwmark": "0x10", "fwmask": "0xff"
    std::string mark(const Words& words, const Words& value) {
        const auto number = [](const Words& text) -> std::optional<uint64_t> {
            const std::string hex = text.is_string() ? text.get<std::string>() : "";
            const size_t start = hex.starts_with("0x") ? 2 : 0;
            uint64_t read = 0;
            const auto done = std::from_chars(hex.data() + start, hex.data() + hex.size(), read,
                                              start == 2 ? 16 : 10);
            return done.ec == std::errc() && done.ptr == hex.data() + hex.size()
                       ? std::optional(read)
                       : std::nullopt;
        };
        const auto mark = number(value);
        const auto mask = words.contains("fwmask") ? number(words["fwmask"]) : uint64_t{0xffffffff};
        if (!mark || !mask) {
            return taken(tl::unexpected("a mark that is no number: " + value.dump()));
        }
        return taken(images_.mark(*mark, *mask).map([](uint64_t image) {
            return fmt::format("{:#x}", image);
        }));
    }

    void look_at(const Words& words) {
        const std::string kind = text_at(words, "kind");
        value_.raw |= !kind.empty() && !is_readable(kind);
        value_.program |= kind == "bpf" || words.contains("tag") || words.contains("prog");
    }

    std::string text_of(const std::string& key, const std::string& text) {
        if (is_interface(key)) {
            return taken(images_.interface(text));
        }
        const auto prefix = Prefix::parse(text);
        if (!prefix) {
            return text;
        }
        return taken(images_.address(Interval::of(*prefix)).map([](const Interval& image) {
            return image.text();
        }));
    }

    std::string taken(Images::Image<std::string> image) {
        if (image) {
            return *image;
        }
        refused_ = refused_.empty() ? image.error() : refused_;
        return "";
    }

    const Images& images_;
    Value value_;
    std::string refused_;
};

}  // namespace

Images::Image<Value> value_of(const Words& words, const Images& images) {
    return Printer(images).print(words);
}

}  // namespace rehome::lbsync::outside
