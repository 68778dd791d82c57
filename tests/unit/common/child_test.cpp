// Child processes, with real ones: what they print and how they end, limits, and that none is left.
#include "common/child.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "common/clock.h"
#include "common/json/file.h"

namespace rehome {
namespace {

using std::chrono::milliseconds;

// Waits until the condition holds, at most ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
    const int64_t deadline = monotonic_us() + 10'000'000;
    while (!condition()) {
        if (monotonic_us() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

// Gone, or dead and waiting for a parent that is not us.
bool has_ended(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(stat, line);
    return line.empty() || line.find(") Z") != std::string::npos;
}

bool no_child_is_left() {
    return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

std::string temporary_file() {
    std::string path = "/tmp/rehome-child-test.XXXXXX";
    close(mkstemp(path.data()));
    return path;
}

TEST_CASE("what a child prints and how it ends") {
    const struct {
        Argv argv;
        std::string input;
        int code;
        std::string out;
        std::string err;
    } cases[] = {
        {{"true"}, "", 0, "", ""},
        {{"false"}, "", 1, "", ""},
        {{"printf", "%s|", "a b", "$HOME", "'"}, "", 0, "a b|$HOME|'|", ""},
        {{"sh", "-c", "echo out; echo err >&2; exit 7"}, "", 7, "out\n", "err\n"},
        {{"cat"}, "given\n", 0, "given\n", ""},
        {{"cat"}, "", 0, "", ""},
        {{"sh", "-c", "kill -KILL $$"}, "", 128 + SIGKILL, "", ""},
        {{"sh", "-c", "cat /dev/stdin"}, "again", 0, "again", ""},
    };
    for (const auto& row : cases) {
        CAPTURE(printable(row.argv));
        const auto finished = run(row.argv, {.input = row.input});
        REQUIRE(finished.has_value());
        CHECK(finished->code == row.code);
        CHECK(finished->out == row.out);
        CHECK(finished->err == row.err);
        CHECK_FALSE(finished->timed_out);
    }
    CHECK(no_child_is_left());
}

TEST_CASE("a program that cannot start is an error that says why") {
    CHECK(run({}).error().what == "no command was given to run");
    const auto missing = run({"/nowhere/program", "an argument"});
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().kind == Exit::world);
    CHECK(missing.error().text() ==
          "/nowhere/program 'an argument': cannot start: No such file or directory");
    CHECK(run({"/etc/passwd"}).error().what == "cannot start: Permission denied");
    CHECK_FALSE(spawn({"/nowhere/program"}).has_value());
    CHECK_FALSE(spawn({"/nowhere/program"}, {.detached = true}).has_value());
    CHECK(no_child_is_left());
}

TEST_CASE("much on both streams at once does not stall") {
    const auto finished = run({"sh", "-c",
                               "for i in 1 2 3 4 5 6; do head -c 200000 /dev/zero; "
                               "head -c 200000 /dev/zero >&2; done"});
    REQUIRE(finished.has_value());
    CHECK(finished->out.size() == 1'200'000);
    CHECK(finished->err.size() == 1'200'000);
}

TEST_CASE("too much output is an error, and ends the child") {
    for (const char* command : {"yes", "yes >&2"}) {
        const auto finished = run({"sh", "-c", command}, {.output_limit = 100'000});
        REQUIRE_FALSE(finished.has_value());
        CHECK(finished.error().what == "printed more than 100000 bytes");
    }
    CHECK(no_child_is_left());
}

TEST_CASE("a child that outlives its limit ends with its group") {
    const std::string path = temporary_file();
    const auto finished =
        run({"sh", "-c", "sleep 1000 & echo $! > " + path + "; echo started; wait"},
            {.timeout = milliseconds(300)});
    REQUIRE(finished.has_value());
    CHECK(finished->timed_out);
    CHECK(finished->code == 128 + SIGTERM);
    CHECK(finished->out == "started\n");
    CHECK(no_child_is_left());
    const pid_t grandchild = std::stoi(read_file(path).value());
    CHECK(eventually([grandchild] { return has_ended(grandchild); }));
    unlink(path.c_str());
}

TEST_CASE("SIGKILL follows where SIGTERM is ignored") {
    const auto finished = run({"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"},
                              {.timeout = milliseconds(200)});
    REQUIRE(finished.has_value());
    CHECK(finished->timed_out);
    CHECK(finished->code == 128 + SIGKILL);
}

TEST_CASE("a descendant that keeps the pipes open is not waited for") {
    const int64_t before = monotonic_us();
    const auto finished = run({"sh", "-c", "sleep 5 & echo done"});
    REQUIRE(finished.has_value());
    CHECK(finished->out == "done\n");
    CHECK(monotonic_us() - before < 4'000'000);
}

TEST_CASE("a spawned child appends to its file and can be stopped") {
    const std::string path = temporary_file();
    std::ofstream(path) << "before\n";
    const auto child =
        spawn({"sh", "-c", "echo ready; echo error >&2; exec sleep 1000"}, {.output_path = path});
    REQUIRE(child.has_value());
    CHECK(eventually([&] { return read_file(path).value() == "before\nready\nerror\n"; }));
    CHECK(stop(*child).value() == 128 + SIGTERM);
    CHECK_FALSE(stop(*child).has_value());
    CHECK(no_child_is_left());
    unlink(path.c_str());
}

TEST_CASE("a child dies with its parent, a detached one does not") {
    for (const bool detached : {false, true}) {
        CAPTURE(detached);
        const std::string path = temporary_file();
        const pid_t parent = fork();
        REQUIRE(parent >= 0);
        if (parent == 0) {
            const auto child = spawn({"sleep", "1000"}, {.detached = detached});
            std::ofstream(path) << child.value_or(-1) << "\n";
            _exit(0);
        }
        int status = -1;
        CHECK(waitpid(parent, &status, 0) == parent);
        CHECK(status == 0);
        const pid_t child = std::stoi(read_file(path).value());
        REQUIRE(child > 0);
        if (detached) {
            CHECK(getsid(child) != getsid(0));
            CHECK_FALSE(has_ended(child));
            kill(child, SIGKILL);
        }
        CHECK(eventually([child] { return has_ended(child); }));
        unlink(path.c_str());
    }
}

TEST_CASE("a detached child is no child of ours") {
    const auto child = spawn({"sleep", "1000"}, {.detached = true});
    REQUIRE(child.has_value());
    CHECK(no_child_is_left());
    kill(*child, SIGKILL);
}

TEST_CASE("descriptors and ignored signals are not inherited") {
    signal(SIGPIPE, SIG_IGN);
    const int leaky = open("/dev/null", O_RDONLY);
    const auto listed = run({"ls", "/proc/self/fd"});
    close(leaky);
    REQUIRE(listed.has_value());
    CHECK(listed->out == "0\n1\n2\n3\n");  // 3 is the folder that ls reads
    const auto piped = run({"sh", "-c", "yes | head -n 1"});
    REQUIRE(piped.has_value());
    CHECK(piped->out == "y\n");
    CHECK(piped->err == "");  // yes would complain if it were not killed
}

TEST_CASE("printable lines can be pasted") {
    const struct {
        Argv argv;
        std::string text;
    } cases[] = {
        {{"ip", "route", "show"}, "ip route show"},
        {{"a", ""}, "a ''"},
        {{"sh", "-c", "echo hi"}, "sh -c 'echo hi'"},
        {{"it's"}, "'it'\\''s'"},
        {{"a=b", "x/y", "u@h:1", "50%"}, "a=b x/y u@h:1 50%"},
        {{}, ""},
    };
    for (const auto& row : cases) {
        CHECK(printable(row.argv) == row.text);
    }
}

}  // namespace
}  // namespace rehome
