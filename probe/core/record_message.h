// Rows on their way from the measuring process to the one that writes them into the record.
//
// A message names a statement (record_schema.h) and its values.  On the way, in the host's order:
//
//   size of what follows (4 bytes)  statement (1)  values:  0                        nothing
//                                                           1  8 bytes               an integer
//                                                           2  size (4), bytes       a text
//
// What is read is untrusted: the sender parses what strangers send.  Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rehome::probe {

// Appends one message to a text; complete when it goes.
class MessageWriter {
public:
    MessageWriter(std::string& out, uint8_t statement);
    MessageWriter(const MessageWriter&) = delete;
    MessageWriter& operator=(const MessageWriter&) = delete;
    ~MessageWriter();

    MessageWriter& nothing();
    MessageWriter& integer(int64_t value);
    MessageWriter& text(std::string_view value);

private:
    std::string& out_;
    size_t start_;
};

using MessageValue = std::variant<std::monostate, int64_t, std::string_view>;

struct Message {
    uint8_t statement = 0;
    std::vector<MessageValue> values;  // texts are views into what was fed
};

// Takes messages out of a stream that comes in pieces.
class MessageReader {
public:
    static constexpr size_t longest = 256u << 20;

    void feed(std::string_view bytes);
    // False when there is no whole message, or the stream is broken.  Valid until the next feed.
    bool next(Message& message);
    bool broken() const { return broken_; }
    // Everything that was fed has been taken.
    bool empty() const { return taken_ == buffer_.size(); }

private:
    bool read_values(std::string_view bytes, std::vector<MessageValue>& values);

    std::string buffer_;
    size_t taken_ = 0;
    bool broken_ = false;
};

}  // namespace rehome::probe
