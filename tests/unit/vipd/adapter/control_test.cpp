// What comes over the control socket is untrusted: a request that no reader could bear is refused
// before one sees it.
#include "vipd/adapter/control.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/fd.h"

namespace rehome::vipd {
namespace {

using nlohmann::json;

class Asked {
public:
    Asked()
        : path_(std::filesystem::temp_directory_path() / ("control" + std::to_string(getpid()))) {
        auto listening = Control::listen(path_, [this](const json& request, const Reply& reply) {
            ++handled;
            reply.done(
                {{"command", request.value("command", "")}, {"x", std::string(answer_bytes, 'x')}});
        });
        REQUIRE(listening);
        control_ = std::move(*listening);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, path_.size());
        REQUIRE(connect(client_.get(), reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0);
    }

    json answer(const std::string& line) {
        std::string sent = line + "\n", got;
        while (got.find('\n') == std::string::npos) {
            const ssize_t count = send(client_.get(), sent.data(), sent.size(), MSG_DONTWAIT);
            sent.erase(0, static_cast<size_t>(std::max<ssize_t>(count, 0)));
            control_->handle();
            char bytes[4096];
            const ssize_t read = recv(client_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
            REQUIRE(read != 0);
            got.append(bytes, static_cast<size_t>(std::max<ssize_t>(read, 0)));
        }
        return json::parse(got);
    }

    // So many requests are sent, and no answer is taken; the owner looks at them so often.
    void send_many(int requests, int turns) {
        for (int i = 0; i < requests; ++i) {
            const std::string line = "{\"command\":\"status\"}\n";
            REQUIRE(send(client_.get(), line.data(), line.size(), MSG_DONTWAIT) > 0);
        }
        for (int i = 0; i < turns; ++i) {
            control_->handle();
        }
    }
    // Takes what is answered, so many turns of the owner long: the lines.
    int take(int turns) {
        int lines = 0;
        for (int i = 0; i < turns; ++i) {
            control_->handle();
            char bytes[65536];
            const ssize_t read = recv(client_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
            lines += static_cast<int>(std::count(bytes, bytes + std::max<ssize_t>(read, 0), '\n'));
        }
        return lines;
    }

    bool ready(int within_ms) const {
        pollfd poll_fd{control_->fd(), POLLIN, 0};
        return poll(&poll_fd, 1, within_ms) == 1;
    }
    void turn() { control_->handle(); }

    int handled = 0;
    size_t answer_bytes = 0;

private:
    std::string path_;
    std::unique_ptr<Control> control_;
    Fd client_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

std::string nested(size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

TEST_CASE("a request that cannot be read is refused, and the next one is answered") {
    Asked asked;
    const std::string deep = R"({"command":"status","x":)" + nested(1'000'000) + "}";
    for (const std::string& line :
         {std::string("garbage"), std::string("[]"), std::string("{\"a\":1"), deep,
          std::string(R"({"command":"status","command":"stats"})"),
          std::string(R"({"command":"a\u0000"})")}) {
        const json answer = asked.answer(line);
        CHECK(answer["ok"] == false);
        CHECK(answer["code"] == static_cast<int>(Exit::usage));
        CHECK(answer["error"].get<std::string>().starts_with("request: "));
    }
    CHECK(asked.handled == 0);
    CHECK(asked.answer(deep)["error"].get<std::string>().find("nested more than 64 deep") !=
          std::string::npos);
    CHECK(asked.answer(R"({"command":"status"})")["result"]["command"] == "status");
    CHECK(asked.handled == 1);
}

TEST_CASE("who sends many requests gets one answered at a time, and none that it does not take") {
    Asked asked;
    asked.send_many(100, 3);
    CHECK(asked.handled <= 3);
    CHECK(asked.take(200) == 100);
    asked.answer_bytes = 1 << 20;
    asked.handled = 0;
    asked.send_many(100, 200);
    CHECK(asked.handled <= 2);
    CHECK(asked.take(10'000) == 100);
    CHECK(asked.handled == 100);
}

TEST_CASE("who cannot be accepted for want of descriptors waits, and so does the owner") {
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    Asked asked;  // waits to be accepted
    rlimit none = before;
    none.rlim_cur = 3;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const bool had_turn = asked.ready(0);
    asked.turn();
    const bool ready = asked.ready(0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(had_turn);
    CHECK(!ready);
    CHECK(asked.ready(2'000));  // it is tried again
    CHECK(asked.answer(R"({"command":"status"})")["ok"] == true);
}

}  // namespace
}  // namespace rehome::vipd
