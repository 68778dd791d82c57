// See record_message.h.
#include "probe/core/record_message.h"

#include <cstring>

namespace rehome::probe {

namespace {

enum Tag : char { nothing_tag = 0, integer_tag = 1, text_tag = 2 };

template <typename T>
void append(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Takes it off the front; nothing when there are too few bytes.
template <typename T>
std::optional<T> take(std::string_view& bytes) {
    if (bytes.size() < sizeof(T)) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    return value;
}

std::optional<MessageValue> take_text(std::string_view& bytes) {
    const auto size = take<uint32_t>(bytes);
    if (!size || *size > bytes.size()) {
        return std::nullopt;
    }
    const std::string_view text = bytes.substr(0, *size);
    bytes.remove_prefix(*size);
    return text;
}

std::optional<MessageValue> take_value(std::string_view& bytes) {
    const auto tag = take<char>(bytes);
    if (tag == nothing_tag) {
        return MessageValue{};
    }
    if (tag == integer_tag) {
        const auto value = take<int64_t>(bytes);
        return value ? std::optional<MessageValue>(*value) : std::nullopt;
    }
    return tag == text_tag ? take_text(bytes) : std::nullopt;
}

}  // namespace

MessageWriter::MessageWriter(std::string& out, uint8_t statement) : out_(out), start_(out.size()) {
    append(out_, uint32_t{0});
    append(out_, statement);
}

MessageWriter::~MessageWriter() {
    const auto size = static_cast<uint32_t>(out_.size() - start_ - sizeof(uint32_t));
    std::memcpy(&out_[start_], &size, sizeof size);
}

MessageWriter& MessageWriter::nothing() {
    append(out_, nothing_tag);
    return *this;
}

MessageWriter& MessageWriter::integer(int64_t value) {
    append(out_, integer_tag);
    append(out_, value);
    return *this;
}

MessageWriter& MessageWriter::text(std::string_view value) {
    append(out_, text_tag);
    append(out_, static_cast<uint32_t>(value.size()));
    out_.append(value);
    return *this;
}

void MessageReader::feed(std::string_view bytes) {
    buffer_.erase(0, taken_);
    taken_ = 0;
    buffer_.append(bytes);
}

bool MessageReader::read_values(std::string_view bytes, std::vector<MessageValue>& values) {
    while (!bytes.empty()) {
        const auto value = take_value(bytes);
        if (!value) {
            return false;
        }
        values.push_back(*value);
    }
    return true;
}

bool MessageReader::next(Message& message) {
    std::string_view rest = std::string_view(buffer_).substr(taken_);
    const auto size = take<uint32_t>(rest);
    broken_ = broken_ || (size && (*size == 0 || *size > longest));
    if (broken_ || !size || rest.size() < *size) {
        return false;
    }
    std::string_view bytes = rest.substr(0, *size);
    message.statement = *take<uint8_t>(bytes);
    message.values.clear();
    broken_ = !read_values(bytes, message.values);
    taken_ += sizeof(uint32_t) + *size;
    return !broken_;
}

}  // namespace rehome::probe
