#include "cutover/adapter/login/run.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <system_error>

#include <fmt/format.h>

#include "common/clock.h"
#include "common/command.h"
#include "common/far_program.h"
#include "common/hand_door.h"
#include "common/pipe.h"
#include "cutover/adapter/login/agent.h"

namespace rehome::cutover {
namespace {

constexpr std::chrono::milliseconds start_limit{20'000};

// "red, green, blue"
template <typename T>
std::string names_of(const std::vector<T>& things) {
    std::string names;
    for (const T& thing : things) names += (names.empty() ? "" : ", ") + thing.name;
    return names.empty() ? "none" : names;
}

template <typename T>
Result<const T*> found(const T* thing, const char* kind, const std::string& name,
                       const std::vector<T>& all) {
    if (thing != nullptr) return thing;
    return fail(Exit::usage, "",
                fmt::format("no {} {} in the inventory, expected one of: {}", kind, in_quotes(name),
                            names_of(all)));
}

Result<LoginTask> make_task(const Inventory& inventory, const LoginRun& wanted) {
    const auto login = find_login(inventory, wanted.login);
    if (!login) return tl::unexpected(login.error());
    const auto carrier = find_carrier(inventory, wanted.carrier);
    if (!carrier) return tl::unexpected(carrier.error());
    const auto vantage = find_vantage(**carrier);
    if (!vantage) return tl::unexpected(vantage.error());
    const auto place = static_cast<size_t>(*carrier - inventory.carriers.data());
    auto plan = plan_logins(**login, **carrier, place, wanted.pace);
    if (!plan) return tl::unexpected(plan.error());
    const Service& service = *inventory.service((*login)->service);
    return LoginTask{
        wanted.login, wanted.carrier, LoginScript(**login), std::move(*plan),
        LoginPath{{service.vip, service.port}, (*vantage)->mark, (*vantage)->interface}};
}

// "+", or the kind of an error and what it says; an end without either: it ended in a worse way.
Result<> await_start(const Fd& ready, const std::string& log_path) {
    std::string told;
    const int64_t deadline = monotonic_us() + start_limit.count() * 1000;
    for (;;) {
        pollfd wanted{ready.get(), POLLIN, 0};
        const int64_t left_us = std::max<int64_t>(0, deadline - monotonic_us());
        if (poll(&wanted, 1, static_cast<int>(left_us / 1000)) == 0) {
            return fail(Exit::world, log_path, "no first status in time");
        }
        std::array<char, 4096> buffer;
        const ssize_t got = read(ready.get(), buffer.data(), buffer.size());
        if (got > 0) told.append(buffer.data(), static_cast<size_t>(got));
        if (told.starts_with('+')) return {};
        if (got == 0 || (got < 0 && errno != EINTR)) break;
    }
    if (told.empty() || told.front() < '0' || told.front() > '4') {
        return fail(Exit::world, log_path, "the agent ended before its first status, see there");
    }
    return fail(static_cast<Exit>(told.front() - '0'), "", told.substr(1));
}

// Itself, without what makes it detach.
Argv command_of(const LoginRun& wanted) {
    const auto number = [](auto value) { return fmt::format("{}", value); };
    return {path_of_ours(Host{}, "cutover"),
            "login",
            "run",
            "--ready",
            "--inventory",
            wanted.inventory,
            "--login",
            wanted.login,
            "--carrier",
            wanted.carrier,
            "--dir",
            wanted.dir,
            "--ramp",
            number(wanted.pace.ramp_per_s),
            "--canaries-per-s",
            number(wanted.pace.canaries_per_s),
            "--give-up-ms",
            number(wanted.pace.give_up_ms),
            "--backoff-first-ms",
            number(wanted.pace.backoff_first_ms),
            "--backoff-max-ms",
            number(wanted.pace.backoff_max_ms)};
}

Result<Exit> be_agent(const LoginRun& wanted, const std::function<void()>& started) {
    const auto inventory = read_inventory(wanted.inventory);
    if (!inventory) return print_mistakes(inventory.error());
    auto task = make_task(*inventory, wanted);
    if (!task) return tl::unexpected(task.error());
    const auto checked = check_task(*task);
    if (!checked) return tl::unexpected(checked.error());
    auto folder = LoginFolder::take(login_folder(wanted.dir, wanted.carrier));
    if (!folder) return tl::unexpected(folder.error());
    const auto done = LoginAgent(std::move(*task), std::move(*folder)).run(started);
    if (!done) return tl::unexpected(done.error());
    return Exit::yes;
}

}  // namespace

Result<const Login*> find_login(const Inventory& inventory, const std::string& name) {
    auto login = found(inventory.login(name), "login", name, inventory.logins);
    if (!login) return login;
    const Service* service = inventory.service((*login)->service);
    if (service != nullptr && service->protocol == Protocol::tcp) return login;
    return fail(Exit::usage, "login " + name, "its service is not of TCP, expected one that is");
}

Result<const Carrier*> find_carrier(const Inventory& inventory, const std::string& name) {
    return found(inventory.carrier(name), "carrier", name, inventory.carriers);
}

Result<const Vantage*> find_vantage(const Carrier& carrier) {
    if (carrier.vantage) return &*carrier.vantage;
    return fail(Exit::usage, "carrier " + carrier.name,
                "has no vantage in the inventory, expected one: from where to log in");
}

Result<> leave_agent(const Argv& command, const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Exit::world, folder, "cannot be made: " + error.message());
    const std::string log_path = folder + "/agent.log";
    const Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto pipe = make_pipe();
    if (!log || !null || !pipe) {
        return fail(Exit::world, log_path,
                    "cannot detach: " + std::generic_category().message(errno));
    }
    const auto left =
        leave_behind("login agent", command, {null.get(), pipe->write.get(), log.get()});
    if (!left) return tl::unexpected(left.error());
    pipe->write.reset();
    return await_start(pipe->read, log_path);
}

Result<Exit> run_login(const LoginRun& wanted) {
    if (wanted.detach) {
        const auto left = leave_agent(command_of(wanted), login_folder(wanted.dir, wanted.carrier));
        return left ? Result<Exit>(Exit::yes) : tl::unexpected(left.error());
    }
    bool is_told = !wanted.ready;
    // A caller that has gone does not matter to the agent.
    const auto tell = [&is_told](const std::string& text) {
        if (is_told) return;
        is_told = true;
        (void)!write(STDOUT_FILENO, text.data(), text.size());
        dup2(STDERR_FILENO, STDOUT_FILENO);
    };
    auto ended = be_agent(wanted, [&tell] { tell("+"); });
    if (!ended) tell(std::to_string(static_cast<int>(ended.error().kind)) + ended.error().text());
    return ended;
}

}  // namespace rehome::cutover
