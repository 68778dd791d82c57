#include "cutover/run/figure.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "cutover/run/number.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

// "~1" is "/" and "~0" is "~" (RFC 6901, section 4).
std::string unescaped(std::string_view part) {
    std::string result;
    for (size_t i = 0; i < part.size(); ++i) {
        const bool escape = part[i] == '~' && i + 1 < part.size();
        if (escape && (part[i + 1] == '0' || part[i + 1] == '1')) {
            result += part[++i] == '0' ? '~' : '/';
        } else {
            result += part[i];
        }
    }
    return result;
}

bool reads_as(const json& value, std::string_view text) {
    return value.is_string() ? value.get_ref<const std::string&>() == text : value.dump() == text;
}

const json* find_in_array(const json& array, const std::string& part) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) {
        size_t index = 0;
        const char* end = part.data() + part.size();
        const auto [rest, error] = std::from_chars(part.data(), end, index);
        return error == std::errc() && rest == end && index < array.size() ? &array[index]
                                                                           : nullptr;
    }
    const std::string key = part.substr(0, equals);
    for (const json& element : array) {
        const auto member = element.is_object() ? element.find(key) : element.end();
        if (member != element.end() && reads_as(*member, part.substr(equals + 1))) {
            return &element;
        }
    }
    return nullptr;
}

const json* find_part(const json& value, const std::string& part) {
    if (value.is_array()) {
        return find_in_array(value, part);
    }
    const auto member = value.is_object() ? value.find(part) : value.end();
    return member == value.end() ? nullptr : &*member;
}

std::string bounds(const Figure& figure) {
    std::string text;
    if (figure.min) {
        text += ", min " + number_text(*figure.min);
    }
    if (figure.max) {
        text += ", max " + number_text(*figure.max);
    }
    if (figure.equals) {
        text += fmt::format(", equals {}", std::visit([](const auto& v) { return json(v).dump(); },
                                                      *figure.equals));
    }
    return text;
}

bool equals(const json& value, const std::variant<double, bool, std::string>& wanted) {
    if (const auto* number = std::get_if<double>(&wanted)) {
        return value.is_number() && value.get<double>() == *number;
    }
    if (const auto* truth = std::get_if<bool>(&wanted)) {
        return value.is_boolean() && value.get<bool>() == *truth;
    }
    return value.is_string() &&
           value.get_ref<const std::string&>() == std::get<std::string>(wanted);
}

FigureReading bad(const std::string& shown) {
    return {false, shown, std::nullopt};
}

bool within(const Figure& figure, double value) {
    return (!figure.min || value >= *figure.min) && (!figure.max || value <= *figure.max);
}

FigureReading read_number(const Figure& figure, double value, const std::string& shown) {
    const bool is_equal = !figure.equals || equals(json(value), *figure.equals);
    return {within(figure, value) && is_equal, shown + bounds(figure), value};
}

FigureReading read_share(const Figure& figure, const json& document, double part) {
    const json* whole = find_value(document, figure.of);
    if (whole == nullptr || !whole->is_number() || whole->get<double>() == 0) {
        return bad(fmt::format("{} is no number above 0", figure.of));
    }
    return read_number(
        figure, part / whole->get<double>(),
        fmt::format("{} {} of {} {}", figure.pointer, number_text(part), figure.of, whole->dump()));
}

}  // namespace

std::vector<std::string> pointer_parts(std::string_view pointer) {
    std::vector<std::string> parts;
    while (!pointer.empty()) {
        const size_t end = std::min(pointer.find('/', 1), pointer.size());
        parts.push_back(unescaped(pointer.substr(1, end - 1)));
        pointer.remove_prefix(end);
    }
    return parts;
}

const json* find_value(const json& document, std::string_view pointer) {
    if (!pointer.empty() && pointer.front() != '/') {
        return nullptr;
    }
    const json* value = &document;
    for (const std::string& part : pointer_parts(pointer)) {
        value = find_part(*value, part);
        if (value == nullptr) {
            return nullptr;
        }
    }
    return value;
}

FigureReading read_figure(const Figure& figure, const json& document, std::optional<double> first) {
    const json* value = find_value(document, figure.pointer);
    if (value == nullptr || value->is_null()) {
        return bad(figure.pointer + " is not there");
    }
    if (!value->is_number()) {
        const bool numbers_alone =
            figure.min || figure.max || figure.since_start || !figure.of.empty() || !figure.equals;
        const std::string shown = figure.pointer + " " + value->dump() + bounds(figure);
        return {!numbers_alone && equals(*value, *figure.equals), shown, std::nullopt};
    }
    const double number = value->get<double>();
    if (!figure.of.empty()) {
        return read_share(figure, document, number);
    }
    if (figure.since_start) {
        const double growth = number - first.value_or(number);
        FigureReading reading =
            read_number(figure, growth, fmt::format("{} {:+} since start", figure.pointer, growth));
        reading.value = number;
        return reading;
    }
    return read_number(figure, number, figure.pointer + " " + number_text(number));
}

}  // namespace rehome::cutover
