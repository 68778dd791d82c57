// A dialogue with a server as bytes, as logins and health checks have it: what is sent, what is
// waited for, and how the awaited bytes are found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/view.h"

namespace rehome {

// Bytes that are sent or waited for.  A login's text may hold {session}: the session's number,
// eight digits, zero padded.
struct Bytes {
    std::string value;

    bool operator==(const Bytes&) const = default;
};

struct ScriptStep {
    enum class Kind : uint8_t { send, expect } kind = Kind::send;
    Bytes bytes;

    bool operator==(const ScriptStep&) const = default;
};

// Bytes to wait for in a stream, found wherever they begin: what comes before them is skipped.  How
// the stream is cut into reads never matters, and nothing is buffered: all that is kept between two
// reads is one number (Knuth, Morris, Pratt: Fast pattern matching in strings, 1977).
class BytePattern {
public:
    BytePattern() = default;
    explicit BytePattern(std::string bytes);

    // Takes bytes until the pattern is complete.  matched is how much of it ended the stream so
    // far: 0 at first, carried by the caller from read to read, 0 again when the pattern is
    // complete. Returns how many bytes were taken, or nothing when all were and the pattern is not
    // complete.
    std::optional<size_t> find(std::string_view stream, size_t& matched) const;

    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
    std::vector<size_t>
        border_;  // [n]: longest proper prefix of the first n bytes that also ends them
};

// A list of pieces, "hex:0d0a" or "text:hello", joined; none at all is a mistake.
Bytes read_bytes(const JsonView& view);
// {"send": PIECES} or {"expect": PIECES}.
ScriptStep read_step(const JsonView& view);
// Pieces that read_bytes joins to these bytes.
std::vector<std::string> pieces_of(const Bytes& bytes);

// "20020005", for messages.
std::string hex(std::string_view bytes);

}  // namespace rehome
