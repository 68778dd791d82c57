#include "vipd/flow/endings.h"

#include <algorithm>
#include <utility>

namespace rehome::vipd {

namespace {

// So that a large table does not stop the traffic: a million flows are counted in 60 ms.
constexpr uint32_t looks_a_tick = 1U << 16;
constexpr uint64_t places_a_tick = 1U << 14;
constexpr Micros count_every = 200'000, count_seldom = 2'000'000;

// Says once more what was said of the flow; false: there is no need to.
bool repeat(FlowTable& flows, const FlowKey& key, const Endings::Says& says) {
    const Flow* flow = flows.find(key);
    if (key.protocol != static_cast<uint8_t>(Protocol::tcp)) {
        if (flow == nullptr) {
            says.gone(key);
        }
        return flow == nullptr;
    }
    if (flow == nullptr || flow->stage != Flow::Stage::reset) {
        return false;
    }
    says.reset(*flow);
    return true;
}

// It can be told, or forgotten: a relayed flow whose numbers do not pass here cannot be told.
bool can_end(const Flow& flow) {
    if (!flow.tcp()) {
        return !flow.over() && flow.kind != Flow::Kind::provisional;
    }
    const bool known = flow.served || (flow.client_known && flow.server_known);
    return flow.stage == Flow::Stage::established && flow.kind != Flow::Kind::provisional && known;
}

}  // namespace

void Endings::follow(const std::vector<Order>& orders, FlowTable& flows, Micros now) {
    std::vector<Work> work;
    std::vector<Course> courses;
    for (const Order& order : orders) {
        const auto known = std::find_if(work_.begin(), work_.end(), [&](const Work& before) {
            return before.order.id == order.id;
        });
        if (known == work_.end()) {
            const bool runs = order.rate_per_s > 0;
            Work begun{order, {}, {}, now};
            if (runs) {
                begun.generation = flows.generations().begin();
            }
            begun.pace.start(order.rate_per_s, now, turn_);
            work.push_back(std::move(begun));
            courses.push_back({order.id, runs});
            counts_ = false;  // a round that has begun does not count for it
            next_round_ = now;
            continue;
        }
        Course course = courses_[static_cast<size_t>(known - work_.begin())];
        if (order.rate_per_s != known->order.rate_per_s) {
            known->pace.start(order.rate_per_s, now, turn_);
            // Where what it is about was not there for a while, it goes on.
            course.running =
                order.rate_per_s > 0 && (course.running || known->order.rate_per_s == 0);
            known->left_at = now;
            if (course.running && !known->generation) {
                known->generation = flows.generations().begin();
            }
        }
        known->order = order;
        work.push_back(std::move(*known));
        courses.push_back(course);
    }
    work_ = std::move(work);
    courses_ = std::move(courses);
    settle(flows);
}

// What runs says how old a flow is that is met in mid-flow.
void Endings::settle(FlowTable& flows) {
    running_ = false;
    std::optional<uint16_t> oldest;
    for (size_t i = 0; i < work_.size(); ++i) {
        running_ = running_ || courses_[i].running;
        if (courses_[i].running && (!oldest || Generations::older(*work_[i].generation, *oldest))) {
            oldest = work_[i].generation;
        }
    }
    flows.generations().set_oldest(oldest);
}

bool Endings::applies(const Work& work, const Flow& flow) const {
    const bool was_there = !work.generation || Generations::older(flow.born, *work.generation);
    return can_end(flow) && was_there && work.order.scope.covers(flow);
}

void Endings::count(FlowTable& flows, Micros now) {
    if (!counts_ && now < next_round_) {
        return;
    }
    if (!counts_) {
        counts_ = true;
        round_ = 0;
        for (Work& work : work_) {
            work.counted = {};
        }
    }
    const uint64_t until = round_ + places_a_tick;
    while (const Flow* flow = flows.next(round_, until)) {
        for (size_t i = 0; i < work_.size(); ++i) {
            if (applies(work_[i], *flow)) {
                ++(flow->tcp() ? work_[i].counted.tcp : work_[i].counted.udp);
            }
        }
    }
    if (round_ < until) {
        end_round(now);
    }
}

void Endings::end_round(Micros now) {
    counts_ = false;
    next_round_ = now + (running_ ? count_every : count_seldom);
    for (size_t i = 0; i < work_.size(); ++i) {
        Work& work = work_[i];
        const bool some = work.counted.all() > 0;
        courses_[i].left = work.counted;
        work.left_at = some ? now : work.left_at;
        courses_[i].running =
            courses_[i].running && (some || now - work.left_at < work.order.quiet);
    }
}

void Endings::finish(Work& work, Course& course, FlowTable& flows, Flow& flow, Micros now,
                     const Says& says) {
    says.log(flow);
    const FlowKey key = flow.key();
    const bool served = flow.served;
    if (flow.tcp()) {
        repeats_.add(key, now);
        says.reset(flow);
        flows.change(flow, flow.kind, Flow::Stage::reset);
        flows.seen(flow, now);
        ++course.reset;
    } else {
        if (work.order.icmp) {
            says.unreachable(flow);
        }
        flows.erase(flow);
        if (served) {
            repeats_.add(key, now);
            says.gone(key);
        }
        ++course.forgotten;
    }
    if (course.left) {
        uint32_t& left = key.protocol == static_cast<uint8_t>(Protocol::tcp) ? course.left->tcp
                                                                             : course.left->udp;
        left -= left > 0 ? 1 : 0;
    }
}

void Endings::end_due(Work& work, Course& course, FlowTable& flows, Micros now, uint32_t& looks,
                      const Says& says) {
    work.pace.pass(now);
    bool wrapped = false;
    while (work.pace.due() && looks > 0 && !(course.left && course.left->all() == 0)) {
        --looks;
        Flow* flow = flows.next(work.place);
        if (flow == nullptr) {
            work.place = 0;
            if (std::exchange(wrapped, true)) {
                return;  // that was a whole round
            }
        } else if (applies(work, *flow)) {
            work.left_at = now;
            work.pace.take();
            finish(work, course, flows, *flow, now, says);
        }
    }
}

void Endings::tick(FlowTable& flows, Micros now, const Says& says) {
    repeats_.tick(now, [&](const FlowKey& key) { return repeat(flows, key, says); });
    if (work_.empty()) {
        return;
    }
    uint32_t looks = looks_a_tick;
    for (size_t i = 0; i < work_.size(); ++i) {
        if (courses_[i].running) {
            end_due(work_[i], courses_[i], flows, now, looks, says);
        }
    }
    count(flows, now);
    settle(flows);
}

}  // namespace rehome::vipd
