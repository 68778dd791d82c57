// Who looks on while a worker handles packets: a capture, the busiest, or both.  A worker without
// one pays a branch a burst.
//
//     before(slot, ...) for each packet of a burst; the datapath; after(slot, ...) for each;
//     sent(...) for each frame that is put out
#pragma once

#include <array>
#include <memory>
#include <span>

#include "vipd/path/classify.h"
#include "vipd/state/tables.h"
#include "vipd/watch/capture.h"
#include "vipd/watch/top.h"

namespace rehome::vipd {

class Observer {
public:
    // Either may be null.
    Observer(std::shared_ptr<CaptureRing> capture, std::shared_ptr<Top> top)
        : capture_(std::move(capture)), top_(std::move(top)) {}

    // time_us: of the worker's clock.
    void before(size_t slot, PortIndex port, std::span<const uint8_t> frame, int64_t time_us,
                const Tables& tables);
    // frame: as the datapath left it.
    void after(size_t slot, const Fate& fate, std::span<const uint8_t> frame, const Tables& tables);
    void sent(PortIndex port, std::span<const uint8_t> frame, int64_t time_us);
    // Dropped after all, or while it was held: by a port or for it.
    void lost(PortIndex port, std::span<const uint8_t> frame, Drop why, int64_t time_us);

private:
    // A packet of the sample, as it came in.
    struct Sampled {
        bool taken = false;
        uint32_t bytes = 0;
        Classified what;
    };

    void count(const Sampled& in, const Fate& fate, std::span<const uint8_t> frame,
               const Tables& tables);

    std::shared_ptr<CaptureRing> capture_;
    std::shared_ptr<Top> top_;
    std::array<Sampled, CaptureRing::burst_max> sampled_;
};

}  // namespace rehome::vipd
