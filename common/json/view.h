// A value of a JSON document together with its pointer, for readers that collect mistakes.
//
// A view may show nothing (the key is not there).  Reading a value of another type, or nothing,
// gives the fallback and no mistake: the schema has told it already, and the reader can go on to
// the rest. The document and the Mistakes must outlive the view.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/json/file.h"

namespace rehome {

class JsonView {
public:
    JsonView(const nlohmann::json& document, Mistakes& mistakes);

    bool exists() const { return value_ != nullptr; }
    const std::string& pointer() const { return pointer_; }
    bool is_object() const;

    JsonView operator[](std::string_view key) const;
    std::vector<JsonView> items() const;  // of a list; each at its own index

    std::string text(std::string_view fallback = "") const;
    uint32_t number(uint32_t fallback = 0) const;
    bool flag(bool fallback = false) const;
    std::string dump() const;  // the value as JSON, in one line; "" where there is nothing

    // A string that parse turns into a value; if parse refuses it, that is a mistake here.
    template <typename T>
    T parsed(Result<T> (*parse)(std::string_view), T fallback = {}) const {
        const std::string* string = string_or_null();
        if (string == nullptr) {
            return fallback;
        }
        Result<T> result = parse(*string);
        if (!result) {
            wrong(result.error().what);
            return fallback;
        }
        return std::move(*result);
    }

    // Whether the value, or one that it lies in, is known to be wrong.
    bool is_wrong() const { return mistakes_->has(pointer_); }

    void wrong(std::string_view what) const { mistakes_->add(pointer_, what); }

private:
    JsonView(const nlohmann::json* value, Mistakes* mistakes, std::string pointer);
    const std::string* string_or_null() const;

    const nlohmann::json* value_;  // null: nothing is there
    Mistakes* mistakes_;
    std::string pointer_;
};

}  // namespace rehome
