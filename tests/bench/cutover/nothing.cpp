// A command that costs what starting one does, and no more: no libc, whose start asks the processor
// for its kind, which is slow in a virtual machine.
extern "C" [[noreturn]] void _start() {
    for (;;) {
        asm volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");  // exit_group(0)
    }
}
