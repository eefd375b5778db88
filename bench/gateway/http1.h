/* The small part of HTTP/1.1 that the mock upstream and the load client share.
 *
 * Both programs are single-threaded and read from non-blocking sockets, so everything here is
 * incremental: state lives in the caller's structs and bytes arrive in pieces of any size.
 */
#ifndef BENCH_HTTP1_H
#define BENCH_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define STAMP_DIGITS 20 /* CLOCK_MONOTONIC in nanoseconds, zero-padded */

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Value of a header in a complete, NUL-terminated head; NULL if absent. Points into the head. */
static inline const char *header_value(const char *head, const char *name) {
    size_t n = strlen(name);
    for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            const char *v = line + n + 1;
            while (*v == ' ' || *v == '\t') v++;
            return v;
        }
    }
    return NULL;
}

static inline bool value_is(const char *value, const char *word) {
    return value && strncasecmp(value, word, strlen(word)) == 0;
}

/* ---- chunked transfer coding, decoded byte-incrementally ---- */

enum chunk_state { CH_SIZE, CH_EXT, CH_DATA, CH_DATA_END, CH_TRAILER, CH_DONE, CH_BAD };

struct chunked {
    enum chunk_state state;
    uint64_t left;      /* bytes still to come of the current chunk */
    unsigned trailer;   /* length of the current trailer line */
};

typedef void (*payload_fn)(void *ctx, const char *bytes, size_t n);

/* Feeds n bytes; payload goes to `sink`. Returns how many bytes were used: fewer than n only
 * when the terminating chunk is complete (CH_DONE) or the framing is broken (CH_BAD). */
static inline size_t chunked_feed(struct chunked *c, const char *p, size_t n, payload_fn sink, void *ctx) {
    size_t i = 0;
    while (i < n) {
        char b = p[i];
        switch (c->state) {
        case CH_SIZE:
            i++;
            if (b >= '0' && b <= '9') c->left = c->left * 16 + (uint64_t)(b - '0');
            else if (b >= 'a' && b <= 'f') c->left = c->left * 16 + (uint64_t)(b - 'a' + 10);
            else if (b >= 'A' && b <= 'F') c->left = c->left * 16 + (uint64_t)(b - 'A' + 10);
            else if (b == '\n') c->state = c->left ? CH_DATA : CH_TRAILER;
            else if (b == '\r' || b == ' ' || b == ';') c->state = CH_EXT;
            else { c->state = CH_BAD; return i; }
            break;
        case CH_EXT: /* chunk extensions and the CR: skipped up to the line feed */
            i++;
            if (b == '\n') c->state = c->left ? CH_DATA : CH_TRAILER;
            break;
        case CH_DATA: {
            size_t take = n - i < c->left ? n - i : (size_t)c->left;
            sink(ctx, p + i, take);
            i += take;
            c->left -= take;
            if (!c->left) c->state = CH_DATA_END;
            break;
        }
        case CH_DATA_END:
            i++;
            if (b == '\n') c->state = CH_SIZE;
            else if (b != '\r') { c->state = CH_BAD; return i; }
            break;
        case CH_TRAILER: /* ends at the first empty line */
            i++;
            if (b == '\n') {
                if (!c->trailer) { c->state = CH_DONE; return i; }
                c->trailer = 0;
            } else if (b != '\r') c->trailer++;
            break;
        case CH_DONE:
        case CH_BAD:
            return i;
        }
    }
    return i;
}

#endif
