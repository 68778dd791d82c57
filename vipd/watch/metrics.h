// Metrics in Prometheus' text format (exposition formats, version 0.0.4): families of samples, each
// family with its help and type before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rehome::vipd {

class Metrics {
public:
    using Labels = std::vector<std::pair<std::string_view, std::string>>;

    // What the samples that follow belong to.  type: "counter" (its name ends in _total), "gauge".
    void family(std::string_view name, std::string_view type, std::string_view help);

    void sample(uint64_t value, const Labels& labels = {});

    const std::string& text() const { return text_; }

private:
    std::string name_;
    std::string text_;
};

}  // namespace rehome::vipd
