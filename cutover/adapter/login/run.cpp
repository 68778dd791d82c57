// What can go wrong is looked at before the fork, so that the caller hears of it; the fork itself
// comes before any descriptor of the agent's loop exists.
#include "cutover/adapter/login/run.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "common/command.h"
#include "cutover/adapter/login/agent.h"

namespace rehome::cutover {
namespace {

constexpr int start_limit_ms = 20'000;

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

// The agent in a process of its own: true in the agent, with ready to be closed once it has
// started; false in the caller, which reads from ready.
Result<bool> detach(const std::string& log_path, Fd& ready) {
    int ends[2];
    const Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const pid_t child = !log || !null || pipe2(ends, O_CLOEXEC) != 0 ? -1 : fork();
    if (child < 0) {
        return fail(Exit::world, log_path,
                    "cannot detach: " + std::generic_category().message(errno));
    }
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    if (child > 0) {
        ready = Fd(dup(reading.get()));
        return false;
    }
    setsid();
    dup2(null.get(), STDIN_FILENO);
    dup2(log.get(), STDOUT_FILENO);
    dup2(log.get(), STDERR_FILENO);
    ready = std::move(writing);
    return true;
}

// The agent writes one byte when it has started; an end without it means that it could not.
Result<Exit> await_start(const Fd& ready, const std::string& log_path) {
    pollfd wanted{ready.get(), POLLIN, 0};
    const int count = poll(&wanted, 1, start_limit_ms);
    char byte = 0;
    if (count > 0 && read(ready.get(), &byte, 1) == 1) return Exit::yes;
    return fail(Exit::world, log_path,
                count == 0 ? fmt::format("no first status within {} s", start_limit_ms / 1000)
                           : "the agent ended before its first status, see there");
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

Result<Exit> run_login(const LoginRun& wanted) {
    const auto inventory = read_inventory(wanted.inventory);
    if (!inventory) return print_mistakes(inventory.error());
    auto task = make_task(*inventory, wanted);
    if (!task) return tl::unexpected(task.error());
    const auto checked = check_task(*task);
    if (!checked) return tl::unexpected(checked.error());
    const std::string path = login_folder(wanted.dir, wanted.carrier);
    auto folder = LoginFolder::take(path);
    if (!folder) return tl::unexpected(folder.error());

    Fd ready;
    if (wanted.detach) {
        const std::string log_path = path + "/agent.log";
        const auto agent = detach(log_path, ready);
        if (!agent) return tl::unexpected(agent.error());
        if (!*agent) return await_start(ready, log_path);
    }
    const auto started = [&ready] {
        // A caller that has gone does not matter to the agent.
        if (ready) (void)!write(ready.get(), "+", 1);
        ready.reset();
    };
    const auto done = LoginAgent(std::move(*task), std::move(*folder)).run(started);
    if (!done) return tl::unexpected(done.error());
    return Exit::yes;
}

}  // namespace rehome::cutover
