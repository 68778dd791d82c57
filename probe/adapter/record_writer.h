// The life of the child that writes a record: messages (record_message.h) in, rows of a new SQLite
// database out, committed to the disk at most 0.3 s after the first of them came.
//
// The database is in WAL mode with synchronous=FULL: a commit is on disk when it is done, and a
// kill at any moment, of this process, its parent or the host, loses what was not committed.  When
// the parent has gone, what it had sent is still written, and the database closed.  After a
// failure (a full disk) nothing more is written; what was committed stays.
//
// To the parent: a letter and 8 bytes of a number (the host's order), then text.
//
//   o   opened                  u   the file is there already (text)
//   c   committed: probes then  s   the same, as was asked for
//   e   it ends early (text): probes that are committed
#pragma once

#include <string>

#include "common/fd.h"

namespace rehome::probe {

void write_record(const Fd& channel, const std::string& path);

struct WriterWord {
    char letter = 0;
    uint64_t rows = 0;
    std::string text{};
};
std::string to_bytes(const WriterWord& word);
WriterWord parse_word(const std::string& bytes);  // letter 0: it is none

}  // namespace rehome::probe
