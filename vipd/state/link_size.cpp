#include "vipd/state/link_size.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

constexpr Micros verify_every = 1'000'000;
constexpr Micros search_every = 10'000'000;
constexpr Micros copy_every = 50'000;
constexpr Micros patience_min = 200'000, patience_max = 1'000'000;
constexpr unsigned verify_copies = 8, other_copies = 4;
constexpr uint16_t step = 4;  // bytes: as exactly as sizes are told apart

}  // namespace

unsigned LinkSize::copies_at_most() const {
    return question_->asks == Asks::verify ? verify_copies : other_copies;
}

void LinkSize::ask(Asks asks, uint16_t size, Micros now) {
    ++id_;
    question_ = Question{asks, size, 0, now, now - copy_every};
}

LinkProbe LinkSize::copy(Micros now) {
    ++question_->copies;
    question_->last = now;
    return {id_, question_->size, false};
}

std::optional<LinkProbe> LinkSize::due(Micros now) {
    if (question_ && question_->copies == copies_at_most() && now >= question_->last + patience_) {
        settle(false, now);
    }
    if (!question_ && now >= next_) {
        ask(Asks::verify, passes_ == 0 ? whole_ : passes_, now);
    }
    const bool sends =
        question_ && question_->copies < copies_at_most() && now >= question_->last + copy_every;
    return sends ? std::optional(copy(now)) : std::nullopt;
}

Micros LinkSize::next() const {
    if (!question_) {
        return next_;
    }
    return question_->last + (question_->copies < copies_at_most() ? copy_every : patience_);
}

void LinkSize::answered(const LinkProbe& answer, Micros now) {
    if (!question_ || answer.id != id_ || answer.size != question_->size) {
        return;
    }
    if (question_->copies == 1) {  // else nobody can say which copy was answered (RFC 6298 3)
        patience_ = std::clamp(4 * (now - question_->first), patience_min, patience_max);
    }
    settle(true, now);
}

void LinkSize::pause() {
    question_.reset();
    next_ = 0;
}

void LinkSize::search(uint16_t passing, uint16_t lost, Micros now) {
    low_ = passing;
    high_ = lost;
    if (high_ - low_ > step) {
        const int half = (high_ - low_) / 2 / step * step;
        ask(Asks::search, static_cast<uint16_t>(low_ + std::max<int>(half, step)), now);
        return;
    }
    passes_ = low_;
    known_at_ = now;
    search_again_ = now + search_every;
}

void LinkSize::settle(bool passed, Micros now) {
    const Question asked = *question_;
    question_.reset();
    next_ = now + verify_every;
    if (asked.asks == Asks::search) {
        return passed ? search(asked.size, high_, now) : search(low_, asked.size, now);
    }
    if (passed) {
        passes_ = asked.size;
        known_at_ = asked.first;
        if (narrow()) {
            ask(Asks::whole, whole_, now);
        }
    } else if (asked.asks == Asks::verify) {
        search(least_, asked.size, now);
    } else if (now >= search_again_) {
        search(passes_, whole_, now);
    }
}

}  // namespace rehome::vipd
