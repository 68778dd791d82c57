#include "cutover/adapter/hand/running.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/clock.h"

namespace rehome::cutover {

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

bool Running::Stream::take(const Fd& fd) {
    std::array<char, 65536> buffer;
    while (open) {
        const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return true;
        }
        open = got > 0;
        text.append(buffer.data(), static_cast<size_t>(got > 0 ? got : 0));
        if (text.size() > longest_output) {
            text.resize(longest_output);
            return false;
        }
    }
    return true;
}

Result<> Running::start(const Argv& argv, const std::vector<std::string>& more) {
    auto enclosure = Enclosure::make(argv, keeping_, more);
    if (!enclosure) {
        return tl::unexpected(enclosure.error());
    }
    enclosure_ = std::move(*enclosure);
    out_ = err_ = {};
    return {};
}

Result<Running> Running::make(Job job, Keeping keeping, Milliseconds grace,
                              const std::vector<std::string>& more) {
    const bool survives = job.entry && job.entry->survives;
    Running running(std::move(job), keeping, grace, survives);
    if (auto started = running.start(running.job_.argv, more); !started) {
        return tl::unexpected(started.error());
    }
    running.course_ = Course(monotonic_us(), running.job_.limit, grace, survives);
    return running;
}

Running Running::cut(const Remembered& command, Keeping keeping, Milliseconds grace) {
    Running running(Job{0, {}, command.limit, command.entry}, keeping, grace, true);
    running.if_cut_ = command.if_cut;
    running.cut_ = Ending{137, Cause::gone, "", "", 0, ""};
    return running;
}

void Running::end(Cause cause, int64_t now_us) {
    course_.end(cause, now_us);
}

void Running::watch(std::vector<pollfd>& polled) const {
    if (!enclosure_) {
        return;
    }
    polled.push_back({enclosure_->ended_fd(), POLLIN, 0});
    // poll passes over negative descriptors, which closed streams have.
    polled.push_back({out_.open ? enclosure_->out().get() : -1, POLLIN, 0});
    polled.push_back({err_.open ? enclosure_->err().get() : -1, POLLIN, 0});
}

void Running::take_output(int64_t now_us) {
    const bool out_fits = out_.take(enclosure_->out());
    const bool err_fits = err_.take(enclosure_->err());
    if (!out_fits || !err_fits) {
        course_.end(Cause::output, now_us);
    }
}

Ending Running::collect() {
    const auto report = enclosure_->collect();
    enclosure_.reset();
    Ending ending;
    ending.cause = course_.cause();
    ending.out = std::move(out_.text);
    ending.err = std::move(err_.text);
    if (!report) {
        ending.code = 137;
        ending.cause = ending.cause == Cause::itself ? Cause::gone : ending.cause;
        return ending;
    }
    ending.code = report->code;
    ending.left = report->left;
    if (report->error != 0) {
        ending.err += fmt::format("cannot start: {}", strerror(report->error));
    }
    if (report->unended > 0) {
        ending.err +=
            fmt::format("{} processes of another user could not be ended", report->unended);
    }
    return ending;
}

// What the command asked for and has not taken back; false: nothing.
bool Running::begin_putting_back(int64_t now_us) {
    if (if_cut_.argv.empty()) {
        return false;
    }
    const IfCut wanted = std::exchange(if_cut_, {});
    puts_back_ = printable(wanted.argv);
    course_ = Course(now_us, wanted.limit, grace_, true);
    if (auto started = start(wanted.argv, {}); !started) {
        cut_->put_back = started.error().text();
        return false;
    }
    let_go();
    return true;
}

// Of the command, or of what puts back what it has left half done.
std::optional<Ending> Running::ended(Ending ending, int64_t now_us) {
    if (cut_) {
        const std::string& said = ending.err.empty() ? ending.out : ending.err;
        cut_->put_back =
            fmt::format("{}: {}{}", puts_back_,
                        ending.cause == Cause::itself ? fmt::format("exit {}", ending.code)
                                                      : std::string("did not end in time"),
                        said.empty() ? "" : ": " + first_line(said));
        return std::exchange(cut_, std::nullopt);
    }
    cut_ = std::move(ending);
    return begin_putting_back(now_us) ? std::nullopt : std::exchange(cut_, std::nullopt);
}

std::optional<Ending> Running::turn(int64_t now_us) {
    if (!enclosure_) {
        return begin_putting_back(now_us) ? std::nullopt : std::exchange(cut_, std::nullopt);
    }
    pollfd over{enclosure_->ended_fd(), POLLIN, 0};
    const bool has_ended = poll(&over, 1, 0) > 0;
    take_output(now_us);  // all of it, once nobody is left who could print
    if (has_ended) {
        return ended(collect(), now_us);
    }
    switch (course_.due(now_us)) {
        case Course::Signal::terminate:
            enclosure_->terminate();
            break;
        case Course::Signal::kill:
            enclosure_->kill();
            break;
        case Course::Signal::none:
            break;
    }
    return std::nullopt;
}

}  // namespace rehome::cutover
