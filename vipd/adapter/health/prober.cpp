#include "vipd/adapter/health/prober.h"

#include <pthread.h>

#include <future>

#include "vipd/adapter/health/loop.h"

namespace rehome::vipd {

Result<std::unique_ptr<Prober>> Prober::start(Where where) {
    auto prober = std::unique_ptr<Prober>(new Prober());
    const bool host = where == Where::host;
    if (!prober->desk_.there()) {
        return fail(Exit::world, "health checks", "cannot make an eventfd");
    }
    if (auto opened = host ? Result<>() : prober->tunnels_.open(); !opened) {
        return tl::unexpected(opened.error());
    }
    std::promise<Result<>> begun;
    prober->thread_ = std::thread([own = prober.get(), host, &begun] {
        pthread_setname_np(pthread_self(), host ? "vipd-checks" : "vipd-tunnelled");
        auto entered = host ? Result<>() : own->tunnels_.enter();
        const bool runs = entered.has_value();
        begun.set_value(std::move(entered));
        if (runs) {
            CheckLoop(own->desk_, host ? nullptr : &own->tunnels_).run();
        }
    });
    if (auto result = begun.get_future().get(); !result) {
        return tl::unexpected(result.error());
    }
    return prober;
}

Prober::~Prober() {
    desk_.stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

}  // namespace rehome::vipd
