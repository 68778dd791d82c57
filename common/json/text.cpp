// Built on nlohmann's SAX interface, whose parser keeps its own stack: deep nesting cannot overflow
// ours before it is refused.
#include "common/json/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rehome {

namespace {

using nlohmann::json;

// Readers and validators that follow recurse; std::regex recurses once a character.
constexpr size_t deepest = 64;
constexpr size_t longest_string = 8'192;

class Builder : public nlohmann::json_sax<json> {
public:
    Builder(Mistakes& mistakes, std::string_view text) : mistakes_(mistakes), text_(text) {}

    json take() { return std::move(root_); }

    bool null() override { return place(nullptr) != nullptr; }
    bool boolean(bool value) override { return place(value) != nullptr; }
    bool number_integer(int64_t value) override { return place(value) != nullptr; }
    bool number_unsigned(uint64_t value) override { return place(value) != nullptr; }
    bool number_float(double value, const std::string& /*text*/) override {
        return place(value) != nullptr;
    }
    bool binary(json::binary_t& /*value*/) override { return false; }  // not in JSON text

    bool string(std::string& value) override {
        return is_bearable(value) && place(std::move(value)) != nullptr;
    }

    bool start_object(size_t /*count*/) override { return open(json::object()); }
    bool start_array(size_t /*count*/) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override {
        Level& level = levels_.back();
        level.key = name;
        if (!is_bearable(name)) {
            return false;
        }
        if (level.container->contains(name)) {
            mistakes_.add(pointer(), "the key stands here more than once, expected one value");
        }
        return true;
    }

    bool parse_error(size_t position, const std::string& /*last*/,
                     const json::exception& error) override {
        refuse_at(position, "is no JSON: " + reason(error.what()));
        return false;
    }

    void refuse_at(size_t position, const std::string& what) {
        const std::string_view before = text_.substr(0, position);
        const auto line = std::count(before.begin(), before.end(), '\n') + 1;
        const size_t newline = before.rfind('\n');
        const size_t column =
            newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
        mistakes_.add("", fmt::format("line {}, column {}: {}", line, column, what));
    }

private:
    // A container that is still open.
    struct Level {
        json* container = nullptr;
        std::string key;  // the one being read, in an object
    };

    // The library's reason without its prefixes, in plain ASCII whatever the file held.
    static std::string reason(std::string_view message) {
        for (const std::string_view prefix : {"] ", ": "}) {
            const size_t found = message.find(prefix);
            message.remove_prefix(found == std::string_view::npos ? 0 : found + prefix.size());
        }
        std::string plain;
        for (const char c : message.substr(0, 200)) {
            plain += c >= 0x20 && c < 0x7f ? c : '?';
        }
        // The grammar's errors name what they expected, the lexer's do not.
        return plain.find("; expected ") == std::string::npos ? plain + ", expected JSON" : plain;
    }

    // Where the text has come to: in an open list, the item that is open or comes next.
    std::string pointer() const {
        std::string result;
        for (const Level& level : levels_) {
            const bool is_last = &level == &levels_.back();
            const size_t index = level.container->size() - (is_last ? 0 : 1);
            result = level.container->is_array() ? pointer_to(result, index)
                                                 : pointer_to(result, level.key);
        }
        return result;
    }

    bool is_bearable(const std::string& text) {
        if (text.size() > longest_string) {
            mistakes_.add(pointer().substr(0, 200),
                          fmt::format("is a string of {} bytes, expected at most {}", text.size(),
                                      longest_string));
            return false;
        }
        if (text.find('\0') != std::string::npos) {
            mistakes_.add(pointer(), "holds a NUL character, expected text without");
            return false;
        }
        return true;
    }

    // Puts a value where the text has come to.
    template <typename T>
    json* place(T&& value) {
        if (levels_.empty()) {
            root_ = std::forward<T>(value);
            return &root_;
        }
        json& container = *levels_.back().container;
        if (container.is_array()) {
            container.push_back(std::forward<T>(value));
            return &container.back();
        }
        json& member = container[levels_.back().key];
        member = std::forward<T>(value);
        return &member;
    }

    bool open(json container) {
        if (levels_.size() >= deepest) {
            mistakes_.add(pointer(), fmt::format("is nested more than {} deep", deepest));
            return false;
        }
        json* placed = place(std::move(container));
        levels_.push_back({placed, {}});
        return true;
    }

    bool close() {
        levels_.pop_back();
        return true;
    }

    Mistakes& mistakes_;
    std::string_view text_;
    json root_;
    std::vector<Level> levels_;
};

}  // namespace

std::optional<json> parse_json_text(Mistakes& mistakes, std::string_view text) {
    Builder builder(mistakes, text);
    // The library would take it for the end, and anything behind it would pass unseen.
    if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
        builder.refuse_at(nul + 1, "holds a NUL byte, expected JSON");
        return std::nullopt;
    }
    if (!json::sax_parse(text.begin(), text.end(), &builder)) {
        return std::nullopt;
    }
    return builder.take();
}

}  // namespace rehome
