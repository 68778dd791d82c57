#include "cutover/run/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cutover/run/number.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using Values = std::vector<const json*>;

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

const json* at_index(const json& array, const std::string& part) {
    size_t index = 0;
    const char* end = part.data() + part.size();
    const auto [rest, error] = std::from_chars(part.data(), end, index);
    return error == std::errc() && rest == end && index < array.size() ? &array[index] : nullptr;
}

Values select(const json& array, const std::string& part, size_t equals) {
    const std::string key = part.substr(0, equals);
    Values found;
    for (const json& element : array) {
        const auto member = element.is_object() ? element.find(key) : element.end();
        if (member != element.end() && reads_as(*member, part.substr(equals + 1))) {
            found.push_back(&element);
        }
    }
    return found;
}

Values one_or_none(const json* value) {
    return value == nullptr ? Values() : Values{value};
}

Values find_part(const json& value, const std::string& part) {
    if (!value.is_array()) {
        const auto member = value.is_object() ? value.find(part) : value.end();
        return one_or_none(member == value.end() ? nullptr : &*member);
    }
    const size_t equals = part.find('=');
    return equals == std::string::npos ? one_or_none(at_index(value, part))
                                       : select(value, part, equals);
}

// One part further from each value; null where one of several leads no further.
Values step_down(const Values& values, const std::string& part) {
    Values below;
    for (const json* value : values) {
        const Values found = value == nullptr ? Values() : find_part(*value, part);
        below.insert(below.end(), found.begin(), found.end());
        if (found.empty() && values.size() > 1) {
            below.push_back(nullptr);
        }
    }
    return below;
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

bool is_kind_of(const json& value, const std::variant<double, bool, std::string>& wanted) {
    return std::holds_alternative<double>(wanted) ? value.is_number()
           : std::holds_alternative<bool>(wanted) ? value.is_boolean()
                                                  : value.is_string();
}

// Of the same kind.
bool equals(const json& value, const std::variant<double, bool, std::string>& wanted) {
    return std::visit([&value](const auto& v) { return value == json(v); }, wanted);
}

FigureReading cannot_tell(const std::string& shown) {
    return {Verdict::cannot_tell, shown, std::nullopt};
}

bool within(const Figure& figure, double value) {
    return (!figure.min || value >= *figure.min) && (!figure.max || value <= *figure.max);
}

Verdict bad(const Figure& figure) {
    return figure.at_once ? Verdict::fatal : Verdict::bad;
}

Verdict judge_number(const Figure& figure, double value) {
    const bool is_equal = !figure.equals || (is_kind_of(json(value), *figure.equals) &&
                                             equals(json(value), *figure.equals));
    return within(figure, value) && is_equal ? Verdict::good : bad(figure);
}

Verdict judge_value(const Figure& figure, const json* value) {
    const bool as_number = figure.min || figure.max || !figure.equals;
    if (value == nullptr ||
        !(as_number ? value->is_number() : is_kind_of(*value, *figure.equals))) {
        return Verdict::cannot_tell;
    }
    if (value->is_number()) {
        return judge_number(figure, value->get<double>());
    }
    return equals(*value, *figure.equals) ? Verdict::good : bad(figure);
}

// A value as people read it, however long it is.
std::string text_of(const json* value) {
    if (value == nullptr || value->is_structured()) {
        return value == nullptr ? "nothing" : value->is_array() ? "is a list" : "is an object";
    }
    if (value->is_string()) {
        return in_quotes(value->get_ref<const std::string&>());
    }
    return value->is_number() ? number_text(value->get<double>()) : value->dump();
}

// Each of the values must be good.
FigureReading read_values(const Figure& figure, const Values& values) {
    Verdict verdict = Verdict::good;
    std::string shown;
    for (const json* value : values) {
        verdict = std::max(verdict, judge_value(figure, value));
        shown += (shown.empty() ? " " : " and ") + text_of(value);
    }
    return {verdict, figure.pointer + shown + bounds(figure), std::nullopt};
}

FigureReading read_share(const Figure& figure, const json& document, double part) {
    const json* whole = find_value(document, figure.of);
    if (whole == nullptr || !whole->is_number() || whole->get<double>() <= 0) {
        return cannot_tell(fmt::format("{} is no number above 0", figure.of));
    }
    return {judge_number(figure, part / whole->get<double>()),
            fmt::format("{} {} of {} {}{}", figure.pointer, number_text(part), figure.of,
                        whole->dump(), bounds(figure)),
            std::nullopt};
}

// What was counted before a restart is lost, and no waiting brings it back.
FigureReading read_growth(const Figure& figure, double number, std::optional<double> first) {
    const double growth = number - first.value_or(number);
    if (growth < 0) {
        return {Verdict::fatal,
                fmt::format("{} fell from {} to {}: it counts anew", figure.pointer,
                            number_text(*first), number_text(number)),
                number};
    }
    const std::string since = figure.since.empty() ? "start" : figure.since;
    return {judge_number(figure, growth),
            fmt::format("{} {:+} since {}{}", figure.pointer, growth, since, bounds(figure)),
            number};
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

std::string_view name(Verdict verdict) {
    constexpr std::array<std::string_view, 4> names{"good", "bad", "cannot_tell", "fatal"};
    return names[static_cast<size_t>(verdict)];
}

Values find_values(const json& document, std::string_view pointer) {
    if (!pointer.empty() && pointer.front() != '/') {
        return {};
    }
    Values values{&document};
    for (const std::string& part : pointer_parts(pointer)) {
        values = step_down(values, part);
    }
    return values;
}

const json* find_value(const json& document, std::string_view pointer) {
    const Values values = find_values(document, pointer);
    return values.size() == 1 ? values.front() : nullptr;
}

FigureReading read_figure(const Figure& figure, const json& document, std::optional<double> first) {
    const Values values = find_values(document, figure.pointer);
    if (values.empty() || (values.size() == 1 && values.front()->is_null())) {
        return cannot_tell(figure.pointer + " is not there");
    }
    if (!figure.counts() && figure.of.empty()) {
        return read_values(figure, values);
    }
    if (values.size() > 1) {
        return cannot_tell(
            fmt::format("{} is there {} times, expected once", figure.pointer, values.size()));
    }
    if (!values.front()->is_number()) {
        return cannot_tell(
            fmt::format("{} {} is no number", figure.pointer, text_of(values.front())));
    }
    const double number = values.front()->get<double>();
    return figure.of.empty() ? read_growth(figure, number, first)
                             : read_share(figure, document, number);
}

}  // namespace rehome::cutover
