// A run's socket: who may answer what, and that nobody who connects is in anybody's way.
#include "cutover/adapter/control_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "common/clock.h"
#include "common/fd.h"
#include "cutover/adapter/who.h"

namespace rehome::cutover::testing {

namespace {

// A folder whose name is longer than a socket's may be.
struct Folder {
    std::string top;
    std::string path;

    Folder() {
        std::array<char, 32> name{"/tmp/control-XXXXXX"};
        REQUIRE(mkdtemp(name.data()) != nullptr);
        top = name.data();
        path = top + "/" + std::string(150, 'x');
        std::filesystem::create_directory(path);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(top); }
};

struct Run {
    Folder folder;
    Result<StopSignal> stop = StopSignal::watch();
    std::unique_ptr<ControlSocket> socket;

    Run() {
        REQUIRE(stop);
        auto listens = ControlSocket::listen(folder.path, "", *stop);
        REQUIRE_MESSAGE(listens.has_value(), (listens ? "" : listens.error().text()));
        socket = std::move(*listens);
    }

    ControlReply tell(const std::string& question, const std::string& answer) const {
        const auto reply = tell_run(folder.path, {question, answer});
        REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().text()));
        return *reply;
    }

    Fd connect_silently() const {
        const Fd in(open(folder.path.c_str(), O_PATH | O_DIRECTORY));
        Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string name = "/proc/self/fd/" + std::to_string(in.get()) + "/control";
        memcpy(static_cast<char*>(address.sun_path), name.c_str(), name.size());
        REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
        return fd;
    }
};

const Question hold{"3fa21c", "s/h", "Go on?", {Choice::yes, Choice::undo, Choice::stop}};

}  // namespace

TEST_CASE("the first answer that fits is taken, once, with who gave it") {
    const Run run;
    CHECK(run.tell("3fa21c", "yes").text == "nothing is asked now");
    run.socket->ask(hold);
    CHECK(!run.tell("000000", "yes").taken);
    CHECK(!run.tell("3fa21c", "y").taken);
    CHECK(!run.socket->answer());
    CHECK(run.tell("3fa21c", "undo").taken);
    CHECK(run.tell("3fa21c", "yes").text == "nothing is asked now");
    const auto answer = run.socket->answer();
    REQUIRE(answer);
    CHECK(answer->choice == Choice::undo);
    CHECK(answer->by == who(getuid()));
    CHECK(!run.socket->answer());
}

TEST_CASE("an answer to what is not asked any more is forgotten") {
    const Run run;
    run.socket->ask(hold);
    CHECK(run.tell("3fa21c", "yes").taken);
    run.socket->ask(std::nullopt);
    CHECK(!run.socket->answer());
}

TEST_CASE("a stop needs no question") {
    const Run run;
    CHECK(!run.stop->wanted());
    CHECK(run.tell("", "stop").taken);
    CHECK(run.stop->wanted());
    CHECK(run.socket->stop_asker() == who(getuid()));
}

TEST_CASE("who connects and says nothing, or says too much, is in nobody's way") {
    const Run run;
    run.socket->ask(hold);
    std::vector<Fd> silent;
    for (int i = 0; i < 100; ++i) {
        silent.push_back(run.connect_silently());
        const std::string much(i % 2 == 0 ? 0 : 20'000, '[');
        (void)!send(silent.back().get(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    const int64_t began = monotonic_us();
    CHECK(run.tell("3fa21c", "yes").taken);
    CHECK(monotonic_us() - began < 2'000'000);
}

TEST_CASE("nobody but the owner may use it, and it goes with the run") {
    Folder folder;
    const auto stop = StopSignal::watch();
    {
        const auto socket = ControlSocket::listen(folder.path, "", *stop);
        REQUIRE(socket);
        struct stat status {};
        REQUIRE(stat((folder.path + "/control").c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        // One that was killed has left its own.
        CHECK(ControlSocket::listen(folder.path, "", *stop));
    }
    CHECK(tell_run(folder.path, {"", "stop"}).error().kind == Exit::world);
    CHECK(ControlSocket::listen(folder.path, "no such group", *stop).error().kind == Exit::usage);
    CHECK(ControlSocket::listen(folder.path + "/not there", "", *stop).error().kind == Exit::world);
}

}  // namespace rehome::cutover::testing
