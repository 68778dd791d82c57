#include "vipd/adapter/dpdk_log.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <rte_log.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <mutex>

namespace rehome::vipd {

namespace {

constexpr size_t words_max = 600;  // of an Error: a line that a person reads

std::mutex guard;
bool collecting = false;
std::string collected;

// fopencookie(3)'s write: the stream is line buffered, so text is one message or more.
ssize_t write_log(void*, const char* text, size_t size) {
    const std::lock_guard lock(guard);
    if (collecting)
        collected.append(text, std::min(size, words_max - std::min(words_max, collected.size())));
    else
        fmt::print(stderr, "vipd: DPDK: {}", std::string_view(text, size));
    return static_cast<ssize_t>(size);
}

int say_nothing(int, const char*, va_list) {
    return 0;
}

}  // namespace

void take_dpdk_log() {
    FILE* stream = fopencookie(nullptr, "w", {nullptr, write_log, nullptr, nullptr});
    if (!stream) return;
    setvbuf(stream, nullptr, _IOLBF, 0);
    rte_openlog_stream(stream);
}

void silence_libxdp() {
    // DPDK loads the driver, and the driver these libraries: they are there or they are not.
    using Print = int (*)(int, const char*, va_list);
    using SetPrint = Print (*)(Print);
    constexpr const char* setters[][2] = {{"libxdp.so.1", "libxdp_set_print"},
                                          {"libbpf.so.1", "libbpf_set_print"}};
    for (const auto& [library, setter] : setters) {
        void* handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
        if (!handle) continue;
        if (auto set = reinterpret_cast<SetPrint>(dlsym(handle, setter))) set(say_nothing);
        dlclose(handle);
    }
}

Complaints::Complaints() {
    const std::lock_guard lock(guard);
    collecting = true;
    collected.clear();
}

Complaints::~Complaints() {
    const std::lock_guard lock(guard);
    collecting = false;
}

tl::unexpected<Error> Complaints::fail(const std::string& where, const std::string& what) const {
    const std::lock_guard lock(guard);
    std::string words;
    for (const char c : collected) {
        if (c != '\n')
            words += c;
        else if (!words.ends_with("; "))
            words += "; ";
    }
    if (words.ends_with("; ")) words.resize(words.size() - 2);
    return rehome::fail(Exit::world, where, words.empty() ? what : what + " (" + words + ")");
}

}  // namespace rehome::vipd
