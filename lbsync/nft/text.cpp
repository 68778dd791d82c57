#include "lbsync/nft/text.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "lbsync/nft/words.h"

namespace rehome::lbsync {

namespace {

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes "# handle N" off the end of a line.
std::optional<uint64_t> take_handle(std::string_view& line) {
    constexpr std::string_view mark = "# handle ";
    const size_t at = line.rfind(mark);
    uint64_t handle = 0;
    if (at == std::string_view::npos) {
        return {};
    }
    const auto [end, bad] =
        std::from_chars(line.data() + at + mark.size(), line.data() + line.size(), handle);
    if (bad != std::errc{} || end != line.data() + line.size()) {
        return {};
    }
    line = trimmed(line.substr(0, at));
    return handle;
}

// "KIND NAME {", the kind being all words but the last.
std::optional<std::pair<std::string, std::string>> opening(std::string_view line) {
    if (!line.ends_with(" {")) {
        return {};
    }
    line.remove_suffix(2);
    const size_t space = line.rfind(' ');
    if (space == std::string_view::npos) {
        return {};
    }
    return std::pair{std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

// Reads line by line; where it stands is told by which of table_ and object_ are open.
class Reader {
public:
    Result<std::vector<TextTable>> read(std::string_view text) {
        while (!text.empty()) {
            const size_t end = std::min(text.find('\n'), text.size());
            ++number_;
            if (!line(text.substr(0, end))) {
                return wrong(text.substr(0, end));
            }
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        if (in_table_ || in_object_) {
            return wrong("the end of the text");
        }
        return std::move(tables_);
    }

private:
    tl::unexpected<Error> wrong(std::string_view line) const {
        return fail(Exit::unknown, fmt::format("nft list ruleset: line {}", number_),
                    fmt::format("{} stands where nftables 1.0 prints nothing like it",
                                in_quotes(trimmed(line))));
    }

    bool line(std::string_view raw) {
        const std::string_view words = trimmed(raw);
        if (words.empty()) {
            return !in_rule_and_elements();
        }
        if (in_object_) {
            return in_object(raw, words);
        }
        return in_table_ ? in_table(raw, words) : top(words);
    }

    bool in_rule_and_elements() const { return in_elements_ || !rule_.empty(); }

    bool top(std::string_view words) {
        take_handle(words);
        const auto open = opening(words);
        if (!open || !open->first.starts_with("table ")) {
            return false;
        }
        tables_.push_back({open->first.substr(6), open->second, {}, {}});
        in_table_ = true;
        return true;
    }

    bool in_table(std::string_view raw, std::string_view words) {
        if (raw == "}") {
            in_table_ = false;
            return true;
        }
        std::string_view head = words;
        const bool has_handle = take_handle(head).has_value();
        const auto open = opening(head);
        if (has_handle && open) {
            tables_.back().objects.push_back({open->first, open->second, {}, {}, {}});
            in_object_ = true;
        } else {
            tables_.back().properties.emplace_back(words);
        }
        return true;
    }

    bool in_object(std::string_view raw, std::string_view words) {
        TextObject& object = tables_.back().objects.back();
        if (raw == "\t}") {
            in_object_ = false;
            return !in_rule_and_elements();
        }
        if (in_elements_) {
            return more_elements(object, words);
        }
        constexpr std::string_view elements = "elements = {";
        if (object.kind != "chain" && words.starts_with(elements)) {
            in_elements_ = true;
            return more_elements(object, trimmed(words.substr(elements.size())));
        }
        if (object.kind == "chain") {
            chain_line(object, words);
        } else {
            object.lines.emplace_back(words);
        }
        return true;
    }

    bool more_elements(TextObject& object, std::string_view words) {
        in_elements_ = words.ends_with(",");
        if (!in_elements_) {
            if (!words.ends_with("}")) {
                return false;
            }
            words = trimmed(words.substr(0, words.size() - 1));
        }
        object.elements += (object.elements.empty() ? "" : " ") + std::string(words);
        return true;
    }

    void chain_line(TextObject& chain, std::string_view words) {
        const bool property = words.starts_with("type ") || words.starts_with("comment ");
        const auto handle = take_handle(words);
        if (!handle && property && rule_.empty()) {
            chain.lines.emplace_back(words);
            return;
        }
        rule_ += (rule_.empty() ? "" : " ") + std::string(words);
        if (handle) {
            chain.rules.emplace_back(*handle, std::exchange(rule_, {}));
        }
    }

    std::vector<TextTable> tables_;
    size_t number_ = 0;
    bool in_table_ = false;
    bool in_object_ = false;
    bool in_elements_ = false;
    std::string rule_;  // the part so far of a rule that runs over several lines
};

}  // namespace

Result<std::vector<TextTable>> parse_nft_text(std::string_view text) {
    return Reader().read(text);
}

}  // namespace rehome::lbsync
