// Commands on hosts.  ssh is a script in front of PATH, which hands the far words to sh(1) as
// sshd(8) does, or fails as ssh does.
#include "common/far_program.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "common/json/file.h"

namespace rehome {
namespace {

namespace fs = std::filesystem;

// A folder in front of PATH, for as long as it lives.
class Path {
public:
    Path() {
        std::string name = "/tmp/rehome-far-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        dir_ = name;
        setenv("PATH", (name + ":" + before_).c_str(), 1);
    }
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    ~Path() {
        setenv("PATH", before_.c_str(), 1);
        fs::remove_all(dir_);
    }

    void script(const std::string& name, const std::string& body) const {
        REQUIRE(write_file_atomically((dir_ / name).string(), "#!/bin/sh\n" + body));
        fs::permissions(dir_ / name, fs::perms::owner_all);
    }

    // The words behind "--" go to a shell, joined by blanks.
    void ssh_works() const {
        script("ssh", R"(while [ "$1" != -- ]; do shift; done; shift; exec sh -c "$*")");
    }

private:
    std::string before_ = std::getenv("PATH");
    fs::path dir_;
};

const Host here;
const Host far{Host::Kind::ssh, "op@far"};

TEST_CASE("what a command printed comes back, here and by ssh") {
    const Path path;
    path.ssh_works();
    for (const Host& host : {here, far}) {
        CAPTURE(host.text());
        CHECK(output_of(host, {"printf", "%s|", "a b", "$HOME", "c'd"}).value() ==
              "a b|$HOME|c'd|");
        CHECK(output_of(host, {"cat"}, {.input = "given"}).value() == "given");
        CHECK(run_on(host, {"sh", "-c", "exit 7"})->code == 7);
        const auto failed = output_of(host, {"sh", "-c", "echo one >&2; echo two >&2; exit 7"});
        REQUIRE(!failed);
        CHECK(failed.error().kind == Exit::world);
        CHECK(failed.error().where.starts_with(host.text() + ": sh -c "));
        CHECK(failed.error().what == "exit 7: one");
    }
}

TEST_CASE("255 is a command's own exit code but by ssh, which then has failed itself") {
    const Path path;
    CHECK(run_on(here, {"sh", "-c", "exit 255"})->code == 255);
    path.script("ssh", "echo 'Connection to far closed.' >&2; exit 255\n");
    for (const auto& error : {run_on(far, {"true"}).error(), output_of(far, {"true"}).error(),
                              output_of_ours(far, "lbsync", {"put"}).error()}) {
        CHECK(error.kind == Exit::unknown);
        CHECK(error.what == "cannot tell whether it ran: Connection to far closed.");
    }
}

TEST_CASE("a time that is over: what runs here is ended, what runs there may go on") {
    const Path path;
    path.script("ssh", "exec sleep 60\n");
    const RunOptions soon{.timeout = std::chrono::milliseconds(100)};
    const auto ended = output_of(here, {"sleep", "60"}, soon);
    REQUIRE(!ended);
    CHECK(ended.error().kind == Exit::world);
    CHECK(ended.error().what == "has not ended after 0.1 s");
    const auto lost = output_of(far, {"sleep", "60"}, soon);
    REQUIRE(!lost);
    CHECK(lost.error().kind == Exit::unknown);
    CHECK(lost.error().what == "has not ended after 0.1 s, and may still run there");
    CHECK(run_on(far, {"sleep", "60"}, soon)->timed_out);
}

TEST_CASE("too much is an error of the world") {
    const auto flood = run_on(here, {"yes"}, {.output_limit = 1000});
    REQUIRE(!flood);
    CHECK(flood.error().kind == Exit::world);
    CHECK(flood.error().where == "local: yes");
}

TEST_CASE("our own programs say why in their own words, and by their exit code how bad it is") {
    const Path path;
    path.ssh_works();
    path.script("ours", R"(echo "$2" >&2; exit "$1")");
    const struct {
        const char* code;
        const char* words;
        Exit kind;
        const char* what;
    } rows[] = {
        {"1", "gw: differs", Exit::no, "gw: differs"},
        {"2", "f: wrong", Exit::usage, "f: wrong"},
        {"3", "a\nb\n", Exit::world, "a\nb"},
        {"4", "cannot tell", Exit::unknown, "cannot tell"},
        {"4", "", Exit::unknown, "ours 4 '': exit 4: "},
        {"127", "not found", Exit::world, "ours 127 'not found': exit 127: not found"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.words);
        for (const Host& host : {here, far}) {
            const auto done = output_of_ours(host, "ours", {row.code, row.words});
            REQUIRE(!done);
            CHECK(done.error().kind == row.kind);
            CHECK(done.error().where == host.text());
            CHECK(done.error().what == row.what);
        }
    }
    CHECK(output_of_ours(far, "ours", {"0", "fine"}).value().empty());
}

}  // namespace
}  // namespace rehome
