#include "lbsync/services/blocks.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::services {

namespace {

constexpr size_t most_depth = 16;             // of blocks, and of includes
constexpr size_t most_statements = 1u << 20;  // of all files together

// A word, or a brace that is none.
struct Token {
    enum class Kind : uint8_t { word, open, close } kind = Kind::word;
    std::string text{};
};

tl::expected<std::vector<Token>, std::string> tokens_of(std::string_view line) {
    constexpr std::string_view blanks = " \t\r";
    std::vector<Token> tokens;
    size_t at = 0;
    while ((at = line.find_first_not_of(blanks, at)) != line.npos) {
        const char c = line[at];
        if (c == '#' || c == '!') {
            break;
        }
        if (c == '{' || c == '}') {
            tokens.push_back({c == '{' ? Token::Kind::open : Token::Kind::close});
            ++at;
            continue;
        }
        if (c == '"') {
            const size_t end = line.find('"', at + 1);
            if (end == line.npos) {
                return tl::unexpected<std::string>("a quote is not closed");
            }
            tokens.push_back({Token::Kind::word, std::string(line.substr(at + 1, end - at - 1))});
            at = end + 1;
            continue;
        }
        const size_t end = std::min(line.find_first_of(" \t\r{}\"#!", at), line.size());
        tokens.push_back({Token::Kind::word, std::string(line.substr(at, end - at))});
        at = end;
    }
    return tokens;
}

// All files of one reading, depth first.
class Reader {
public:
    explicit Reader(const Include& include) : include_(include) {}

    void file(const File& file) {
        names_.push_back(file.name);
        const size_t depth = open_.size();
        std::string_view text = file.text;
        unsigned number = 0;
        while (!text.empty()) {
            const size_t end = std::min(text.find('\n'), text.size());
            line(text.substr(0, end), fmt::format("{}:{}", file.name, ++number));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        if (open_.size() > depth) {
            mistake(fmt::format("{}:{}", file.name, number + 1),
                    fmt::format("the file ends within {}", in_quotes(open_.back().name())));
            close_to(depth);
        }
        names_.pop_back();
    }

    Checked<std::vector<Statement>> take() {
        if (!mistakes_.empty()) {
            return tl::unexpected(std::move(mistakes_));
        }
        return std::move(top_);
    }

private:
    void mistake(std::string where, std::string what) {
        mistakes_.push_back({Exit::usage, std::move(where), std::move(what)});
    }

    void line(std::string_view text, const std::string& where) {
        const auto tokens = tokens_of(text);
        if (!tokens) {
            mistake(where, tokens.error());
            return;
        }
        Statement statement{.where = where, .words = {}, .block = false, .inside = {}};
        for (const Token& token : *tokens) {
            if (token.kind == Token::Kind::word) {
                statement.words.push_back(token.text);
            } else if (token.kind == Token::Kind::open) {
                open(std::move(statement), where);
                statement = {.where = where, .words = {}, .block = false, .inside = {}};
            } else {
                finish(std::move(statement));
                statement = {.where = where, .words = {}, .block = false, .inside = {}};
                close(where);
            }
        }
        finish(std::move(statement));
    }

    std::vector<Statement>& current() { return open_.empty() ? top_ : open_.back().inside; }

    // A brace on a line of its own belongs to the statement before it.
    void open(Statement statement, const std::string& where) {
        if (statement.words.empty()) {
            auto& before = current();
            if (before.empty() || before.back().block) {
                mistake(where, "\"{\" opens nothing");
                statement.words = {"?"};
            } else {
                statement = std::move(before.back());
                before.pop_back();
            }
        }
        if (open_.size() >= most_depth) {
            mistake(where, fmt::format("more than {} blocks within each other", most_depth));
        }
        statement.block = true;
        open_.push_back(std::move(statement));
    }

    void close(const std::string& where) {
        if (open_.empty()) {
            mistake(where, "\"}\" closes nothing");
            return;
        }
        close_to(open_.size() - 1);
    }

    void close_to(size_t depth) {
        while (open_.size() > depth) {
            Statement done = std::move(open_.back());
            open_.pop_back();
            current().push_back(std::move(done));
        }
    }

    void finish(Statement statement) {
        if (statement.words.empty()) {
            return;
        }
        const std::string& name = statement.words[0];
        if (name.starts_with("$") || name.starts_with("@") || name.starts_with("~SEQ")) {
            mistake(statement.where,
                    fmt::format("{}: definitions, conditions and sequences are not read",
                                in_quotes(name)));
        } else if (name.starts_with("include")) {
            take_in(statement);
        } else if (++statements_ > most_statements) {
            if (statements_ == most_statements + 1) {
                mistake(statement.where, fmt::format("more than {} statements", most_statements));
            }
        } else {
            current().push_back(std::move(statement));
        }
    }

    void take_in(const Statement& statement) {
        if (statement.name() != "include" || statement.words.size() != 2) {
            mistake(statement.where, "expected \"include PATTERN\"");
            return;
        }
        if (names_.size() >= most_depth || statements_ > most_statements) {
            mistake(statement.where,
                    fmt::format("more than {} files within each other", most_depth));
            return;
        }
        const auto files = include_(statement.words[1], names_.back());
        if (!files) {
            mistake(statement.where, files.error().text());
            return;
        }
        for (const File& file : *files) {
            if (std::find(names_.begin(), names_.end(), file.name) != names_.end()) {
                mistake(statement.where, fmt::format("{} includes itself", file.name));
            } else {
                this->file(file);
            }
        }
    }

    const Include& include_;
    std::vector<std::string> names_;  // of the files that are open
    std::vector<Statement> top_;
    std::vector<Statement> open_;  // blocks
    size_t statements_ = 0;
    std::vector<Error> mistakes_;
};

}  // namespace

Checked<std::vector<Statement>> read_blocks(const File& file, const Include& include) {
    Reader reader(include);
    reader.file(file);
    return reader.take();
}

std::string print(const Statement& statement) {
    std::string text;
    for (const std::string& word : statement.words) {
        const bool quoted = word.empty() || word.find_first_of(" \t{}#!") != word.npos;
        text += text.empty() ? "" : " ";
        text += quoted ? "\"" + word + "\"" : word;
    }
    if (!statement.block) {
        return text;
    }
    text += " {";
    for (const Statement& inside : statement.inside) {
        text += " " + print(inside);
    }
    return text + " }";
}

}  // namespace rehome::lbsync::services
