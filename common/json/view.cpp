// Reads without throwing: every access asks for the type first.
#include "common/json/view.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace rehome {

using nlohmann::json;

JsonView::JsonView(const json& document, Mistakes& mistakes)
    : value_(&document), mistakes_(&mistakes) {}

JsonView::JsonView(const json* value, Mistakes* mistakes, std::string pointer)
    : value_(value), mistakes_(mistakes), pointer_(std::move(pointer)) {}

JsonView JsonView::operator[](std::string_view key) const {
    const json* member = nullptr;
    if (is_object()) {
        const auto found = value_->find(key);
        member = found == value_->end() ? nullptr : &*found;
    }
    return {member, mistakes_, pointer_to(pointer_, key)};
}

std::vector<JsonView> JsonView::items() const {
    std::vector<JsonView> views;
    if (value_ != nullptr && value_->is_array()) {
        for (size_t i = 0; i < value_->size(); ++i) {
            views.push_back(JsonView(&(*value_)[i], mistakes_, pointer_to(pointer_, i)));
        }
    }
    return views;
}

bool JsonView::is_object() const {
    return value_ != nullptr && value_->is_object();
}

const std::string* JsonView::string_or_null() const {
    return value_ == nullptr ? nullptr : value_->get_ptr<const std::string*>();
}

std::string JsonView::text(std::string_view fallback) const {
    const std::string* string = string_or_null();
    return string == nullptr ? std::string(fallback) : *string;
}

uint32_t JsonView::number(uint32_t fallback) const {
    const auto* number = value_ == nullptr ? nullptr : value_->get_ptr<const uint64_t*>();
    const bool fits = number != nullptr && *number <= std::numeric_limits<uint32_t>::max();
    return fits ? static_cast<uint32_t>(*number) : fallback;
}

bool JsonView::flag(bool fallback) const {
    const auto* flag = value_ == nullptr ? nullptr : value_->get_ptr<const bool*>();
    return flag == nullptr ? fallback : *flag;
}

std::string JsonView::dump() const {
    return value_ == nullptr ? "" : value_->dump();
}

}  // namespace rehome
