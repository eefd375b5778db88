/* Closed-loop load client for one endpoint: N connections, each sends its next request as soon as
 * the answer to the last one is complete.
 *
 *   load -p PORT -c CONNECTIONS -b BODY_FILE -k BEARER_KEY -s SECONDS
 *        [-w WARM_UP_SECONDS] [-g STAGGER_US] [-n REQUESTS] [-e EVENTS]
 *
 * -g  microseconds between the first requests of two connections (spreads paced streams out)
 * -n  close the window after this many requests; -s is then the upper bound
 * -e  stamped events every stream must hold; any other number is an error
 *
 * Life: connect, warm up on the very connections that will be measured, print `open`, measure,
 * print `close`, and keep the load on until a byte (or end of file) comes on standard input, so that
 * the driver can read its counters on a running system. Then the requests under way are finished, no
 * new ones are sent, and one line of JSON is printed. All times in it are nanoseconds.
 *
 * A request counts if it ENDS in the window, wherever it began. In a steady state as many begin
 * before the window as are unfinished at its end, so rate and CPU per request have no edge effect.
 */
#define _GNU_SOURCE
#include "http1.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 16384
#define MAX_CONSECUTIVE_ERRORS 2000 /* a dead server must not become a busy loop */
#define DRAIN_NS 5000000000ull
#define STDIN_TAG UINT32_MAX

enum framing { IN_HEAD, BY_LENGTH, BY_CHUNKS, BY_CLOSE };
enum phase { WARMING, OPEN, CLOSED, DRAINING };

struct conn {
    int fd;
    bool busy, want_out, close_after;
    size_t sent;              /* bytes of the request that are out */
    uint64_t started, first;  /* time of sending, time of the first byte of the answer's body */
    enum framing framing;
    size_t head_len;
    char head[HEAD_MAX + 1];
    uint64_t body_left;
    struct chunked chunks;
    int stamp_digits;         /* -1: outside a stamp; otherwise digits seen after its T */
    uint64_t stamp;
    int stamps;               /* in this answer */
};

struct samples { uint64_t *v; size_t n, cap; };

static struct conn *conns;
static int n_conns = 1, port, expected_events = -1;
static double warm_s, window_s = 1;
static uint64_t stagger_ns, max_requests;
static char *request;
static size_t request_len;
static int epfd;
static enum phase phase = WARMING;
static uint64_t requests, errors, warm_errors, reconnects, events, opened_at, closed_at;
static int consecutive_errors, running, last_bad_status;
static struct samples latency, ttft, event_delay;
static char read_buf[256 * 1024];
static uint64_t read_at; /* when the bytes in read_buf arrived */

static void die(const char *what) { perror(what); exit(1); }

static void add(struct samples *s, uint64_t v) {
    if (phase != OPEN) return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->v = realloc(s->v, s->cap * sizeof *s->v);
        if (!s->v) die("realloc");
    }
    s->v[s->n++] = v;
}

static void count_error(int status) {
    if (phase == OPEN) errors++;
    else if (phase == WARMING) warm_errors++;
    if (status) last_bad_status = status;
    if (++consecutive_errors > MAX_CONSECUTIVE_ERRORS) {
        fprintf(stderr, "load: %d errors in a row, last status %d\n", consecutive_errors, last_bad_status);
        exit(1);
    }
}

/* ---- sending ---- */

static void start_request(struct conn *c);

static void watch(struct conn *c, bool out) {
    if (c->want_out == out) return;
    c->want_out = out;
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.u32 = (uint32_t)(c - conns)};
    epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &e);
}

static void connect_conn(struct conn *c) {
    int one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* Blocking on purpose: on the loopback it returns at once, and it is never inside a latency. */
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("load: connect");
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - conns)};
    epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &e);
    c->want_out = false;
}

static void reconnect(struct conn *c) {
    close(c->fd);
    reconnects++;
    connect_conn(c);
}

static void finish_idle(struct conn *c) {
    c->busy = false;
    running--;
}

/* The request under way failed: count it, take a new connection, go on. */
static void fail(struct conn *c, int status) {
    count_error(status);
    finish_idle(c);
    reconnect(c);
    if (phase != DRAINING) start_request(c);
}

static void push_out(struct conn *c) {
    while (c->sent < request_len) {
        ssize_t n = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) { watch(c, true); return; }
        if (n < 0) { watch(c, false); return; } /* the read side will see why */
        c->sent += (size_t)n;
    }
    watch(c, false);
}

static void start_request(struct conn *c) {
    c->busy = true;
    running++;
    c->sent = c->head_len = 0;
    c->first = 0;
    c->framing = IN_HEAD;
    c->stamp_digits = -1;
    c->stamps = 0;
    c->started = now_ns();
    push_out(c);
}

/* ---- receiving ---- */

static void finish(struct conn *c) {
    bool whole = c->sent == request_len && (expected_events < 0 || c->stamps == expected_events);
    if (!whole) { fail(c, 0); return; }
    consecutive_errors = 0;
    if (phase == OPEN) requests++;
    add(&latency, read_at - c->started);
    add(&ttft, c->first - c->started);
    finish_idle(c);
    if (c->close_after) reconnect(c);
    if (phase != DRAINING) start_request(c);
}

/* Body bytes, framing removed: looks for stamps `T` + 20 digits + blank, in pieces of any size. */
static void on_payload(void *ctx, const char *p, size_t n) {
    struct conn *c = ctx;
    if (!c->first) c->first = read_at;
    const char *end = p + n;
    while (p < end) {
        if (c->stamp_digits < 0) {
            p = memchr(p, 'T', (size_t)(end - p));
            if (!p) return;
            p++;
            c->stamp_digits = 0;
            c->stamp = 0;
        } else if (c->stamp_digits < STAMP_DIGITS && *p >= '0' && *p <= '9') {
            c->stamp = c->stamp * 10 + (uint64_t)(*p++ - '0');
            c->stamp_digits++;
        } else {
            if (c->stamp_digits == STAMP_DIGITS && *p == ' ') {
                c->stamps++;
                if (phase == OPEN) events++;
                add(&event_delay, read_at - c->stamp);
            }
            c->stamp_digits = -1; /* the byte is looked at again: it may be the next T */
        }
    }
}

/* The head is complete: status and framing. Returns false if the request has failed. */
static bool on_head(struct conn *c, bool *interim) {
    int status = 0;
    if (sscanf(c->head, "HTTP/1.%*d %d", &status) != 1 || (status >= 200 && status != 200)) {
        fail(c, status);
        return false;
    }
    *interim = status < 200;
    c->head_len = 0;
    if (*interim) return true;
    const char *length = header_value(c->head, "content-length");
    c->close_after = value_is(header_value(c->head, "connection"), "close");
    if (value_is(header_value(c->head, "transfer-encoding"), "chunked")) {
        c->framing = BY_CHUNKS;
        c->chunks = (struct chunked){0};
    } else if (length) {
        c->framing = BY_LENGTH;
        c->body_left = strtoull(length, NULL, 10);
        if (!c->body_left) { fail(c, status); return false; } /* a chat answer is never empty */
    } else c->framing = BY_CLOSE;
    return true;
}

/* Uses up to n bytes for the response head. *used is set; false: the request has failed. */
static bool take_head(struct conn *c, const char *p, size_t n, size_t *used) {
    size_t room = HEAD_MAX - c->head_len, take = n < room ? n : room;
    size_t scan_from = c->head_len > 3 ? c->head_len - 3 : 0;
    memcpy(c->head + c->head_len, p, take);
    char *end = memmem(c->head + scan_from, c->head_len + take - scan_from, "\r\n\r\n", 4);
    *used = take;
    if (!end) {
        c->head_len += take;
        if (c->head_len < HEAD_MAX) return true;
        fail(c, 0);
        return false;
    }
    *used = (size_t)(end + 4 - c->head) - c->head_len;
    end[2] = 0; /* keeps the last line's CR LF, so that every value ends in a line end */
    bool interim;
    return on_head(c, &interim);
}

static void feed(struct conn *c, const char *p, size_t n) {
    while (n) {
        size_t used = n;
        bool complete = false;
        if (!c->busy) { count_error(0); reconnect(c); return; } /* bytes nobody asked for */
        if (c->framing == IN_HEAD) {
            if (!take_head(c, p, n, &used)) return;
        } else if (c->framing == BY_LENGTH) {
            used = n < c->body_left ? n : (size_t)c->body_left;
            on_payload(c, p, used);
            c->body_left -= used;
            complete = !c->body_left;
        } else if (c->framing == BY_CHUNKS) {
            used = chunked_feed(&c->chunks, p, n, on_payload, c);
            complete = c->chunks.state == CH_DONE;
            if (c->chunks.state == CH_BAD) { fail(c, 0); return; }
        } else on_payload(c, p, n);
        p += used;
        n -= used;
        if (complete) {
            if (n) { fail(c, 0); return; } /* nothing may follow: no request is pipelined */
            finish(c);
            return;
        }
    }
}

static void on_readable(struct conn *c) {
    ssize_t n = recv(c->fd, read_buf, sizeof read_buf, MSG_DONTWAIT);
    read_at = now_ns();
    if (n > 0) { feed(c, read_buf, (size_t)n); return; }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n == 0 && c->busy && c->framing == BY_CLOSE && c->first) { c->close_after = true; finish(c); return; }
    if (c->busy) fail(c, 0);
    else reconnect(c); /* an idle connection was closed: no error, but counted */
}

/* ---- the run ---- */

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_quantiles(const char *name, struct samples *s) {
    if (!s->n) { printf(",\"%s\":null", name); return; }
    qsort(s->v, s->n, sizeof *s->v, compare);
    printf(",\"%s\":{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"n\":%zu}", name,
           (unsigned long long)s->v[s->n / 2], (unsigned long long)s->v[s->n * 90 / 100],
           (unsigned long long)s->v[s->n * 99 / 100], s->n);
}

static void say(const char *word) { puts(word); fflush(stdout); }

static void build_request(const char *body_file, const char *key) {
    FILE *f = fopen(body_file, "rb");
    if (!f) die(body_file);
    fseek(f, 0, SEEK_END);
    size_t body_len = (size_t)ftell(f);
    rewind(f);
    request = malloc(body_len + 1024 + strlen(key));
    if (!request) die("malloc");
    size_t n = (size_t)sprintf(request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\nContent-Length: %zu\r\n\r\n",
        port, key, body_len);
    if (fread(request + n, 1, body_len, f) != body_len) die(body_file);
    fclose(f);
    request_len = n + body_len;
}

/* Milliseconds epoll may sleep: to the next connection's start or phase boundary, rounded up. */
static int timeout_until(uint64_t at, uint64_t now) {
    if (at <= now) return 0;
    uint64_t ms = (at - now) / 1000000 + 1;
    return ms > 100 ? 100 : (int)ms;
}

static void handle(struct epoll_event *e) {
    if (e->data.u32 == STDIN_TAG) {
        char byte;
        ssize_t n = read(0, &byte, 1);
        if (phase != CLOSED && n > 0) return;
        if (phase != CLOSED) exit(1); /* the driver has gone away */
        phase = DRAINING;
        epoll_ctl(epfd, EPOLL_CTL_DEL, 0, NULL); /* an end of file would stay readable for ever */
        return;
    }
    struct conn *c = &conns[e->data.u32];
    if (e->events & EPOLLOUT) push_out(c);
    if (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
}

static void run(void) {
    struct epoll_event ready[256], e = {.events = EPOLLIN, .data.u32 = STDIN_TAG};
    bool has_stdin = epoll_ctl(epfd, EPOLL_CTL_ADD, 0, &e) == 0;
    uint64_t begin = now_ns(), drain_until = 0;
    uint64_t open_at = begin + (uint64_t)(n_conns - 1) * stagger_ns + (uint64_t)(warm_s * 1e9);
    int started = 0;
    for (;;) {
        uint64_t now = now_ns(), next = open_at;
        while (started < n_conns && begin + (uint64_t)started * stagger_ns <= now) start_request(&conns[started++]);
        if (phase == WARMING && now >= open_at && started == n_conns) {
            phase = OPEN;
            opened_at = now_ns();
            say("open");
        }
        if (phase == WARMING && started < n_conns) next = begin + (uint64_t)started * stagger_ns;
        if (phase == OPEN) {
            next = opened_at + (uint64_t)(window_s * 1e9);
            if (now >= next || (max_requests && requests >= max_requests)) {
                phase = CLOSED;
                closed_at = now_ns();
                say("close");
                if (!has_stdin) phase = DRAINING;
            }
        }
        if (phase == CLOSED) next = now + 100000000;
        if (phase == DRAINING) {
            if (!drain_until) drain_until = now + DRAIN_NS;
            if (!running || now >= drain_until) return;
            next = drain_until;
        }
        int n = epoll_wait(epfd, ready, 256, timeout_until(next, now));
        for (int i = 0; i < n; i++) handle(&ready[i]);
    }
}

int main(int argc, char **argv) {
    const char *body = NULL, *key = "none";
    for (int o; (o = getopt(argc, argv, "p:c:b:k:s:w:g:n:e:")) != -1;) {
        if (o == 'p') port = atoi(optarg);
        else if (o == 'c') n_conns = atoi(optarg);
        else if (o == 'b') body = optarg;
        else if (o == 'k') key = optarg;
        else if (o == 's') window_s = atof(optarg);
        else if (o == 'w') warm_s = atof(optarg);
        else if (o == 'g') stagger_ns = strtoull(optarg, NULL, 10) * 1000ull;
        else if (o == 'n') max_requests = strtoull(optarg, NULL, 10);
        else if (o == 'e') expected_events = atoi(optarg);
        else return 2;
    }
    if (!port || !body || n_conns < 1) { fprintf(stderr, "load: -p and -b are needed\n"); return 2; }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    build_request(body, key);
    conns = calloc((size_t)n_conns, sizeof *conns);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n_conns; i++) connect_conn(&conns[i]);
    run();
    printf("{\"window\":%llu,\"requests\":%llu,\"errors\":%llu,\"warm_errors\":%llu,\"reconnects\":%llu,"
           "\"unfinished\":%d,\"bad_status\":%d,\"events\":%llu",
           (unsigned long long)(closed_at - opened_at), (unsigned long long)requests,
           (unsigned long long)errors, (unsigned long long)warm_errors, (unsigned long long)reconnects,
           running, last_bad_status, (unsigned long long)events);
    print_quantiles("latency", &latency);
    print_quantiles("ttft", &ttft);
    print_quantiles("event_delay", &event_delay);
    puts("}");
    return 0;
}
