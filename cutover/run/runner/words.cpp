#include "cutover/run/runner/words.h"

#include <fmt/format.h>

namespace rehome::cutover {

std::string took_text(int64_t from_us, int64_t to_us) {
    return fmt::format("{:.1f} s", static_cast<double>(to_us - from_us) / 1e6);
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : "; ") + part;
    }
    return text;
}

std::string failure(const Result<Finished>& ended, Seconds limit) {
    if (ended && ended->timed_out) {
        return fmt::format("did not end within {} s", limit.count());
    }
    const Reading reading = read_sample({}, ended);
    return reading.verdict == Reading::Verdict::good ? "" : reading.why;
}

}  // namespace rehome::cutover
