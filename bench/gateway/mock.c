/* Mock upstream: an OpenAI-shaped chat endpoint that costs next to nothing.
 *
 *   mock PORT CHUNKS DELAY_US
 *
 * CHUNKS   content events per stream
 * DELAY_US time between two events of a paced stream, in microseconds
 *
 * Any POST is answered as a chat completion once its body is complete. The body is not parsed: the
 * words `"stream":true` and `paced` are looked for in its first and last EDGE bytes only, so that a
 * body of 1 MB costs no more than its reads. GET /stats tells how many POSTs were answered (the
 * driver uses it to prove that answers were not made up or cached), any other GET lists one model.
 * Compiled with -DWORDS it says words instead of times.
 */
#define _GNU_SOURCE
#include "http1.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_FD 4096
#define EDGE 600
#define HEAD_MAX 16384
#define RING 65536 /* due times; one entry per running paced stream plus stale ones of closed streams */

enum reading { READ_HEAD, READ_LENGTH, READ_CHUNKED };

struct conn {
    bool open, want_out, streaming, paced;
    uint32_t generation; /* changes when the descriptor gets a new owner; guards the timers */
    enum reading reading;
    size_t head_len;
    char head[HEAD_MAX + 1];
    uint64_t body_left;
    struct chunked chunks;
    size_t first_len, last_len; /* what is kept of the body */
    char first[EDGE + 1], last[EDGE + 1];
    int events_left;
    char *out; /* bytes the socket did not take yet */
    size_t out_len, out_off, out_cap;
};

struct due { uint64_t at; int fd; uint32_t generation; };

static struct conn conns[MAX_FD];
static struct due ring[RING];
static unsigned ring_head, ring_tail; /* free-running; the difference is the fill */
static int epfd, timer_fd;
static int chunks_per_stream;
static uint64_t delay_ns, served;
static char read_buf[256 * 1024];

static char json_answer[2048];
static size_t json_len;
static char event_frame[1024]; /* one content event as an HTTP chunk, stamp to be filled in */
static size_t event_len, event_stamp;
static char stream_end[2048];
static size_t stream_end_len;
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

#define USAGE "{\"prompt_tokens\":211,\"completion_tokens\":100,\"total_tokens\":311," \
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0}," \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}"
#define CHUNK_START "data: {\"id\":\"chatcmpl-mock0123456789abcdef\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1700000000,\"model\":\"mock-model\",\"service_tier\":\"default\"," \
    "\"system_fingerprint\":\"fp_mock000001\",\"choices\":[{\"index\":0,\"delta\":{"

#ifdef WORDS
#define STAMP_MARK ""
#else
#define STAMP_MARK "T"
#endif

static void die(const char *what) { perror(what); exit(1); }

static void prepare_answers(void) {
    const char *body =
        "{\"id\":\"chatcmpl-mock0123456789abcdef\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"mock-model\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock000001\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A roundhouse keeps its "
        "engines around a turntable, so that any of them can be sent out on any track. This answer is made "
        "up, always the same, and about two hundred characters long, which is a short reply.\","
        "\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":" USAGE "}";
    json_len = (size_t)snprintf(json_answer, sizeof json_answer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);

    char event[800], stamp[STAMP_DIGITS + 1];
    memset(stamp, '0', STAMP_DIGITS);
    stamp[STAMP_DIGITS] = 0;
    int n = snprintf(event, sizeof event, CHUNK_START
        "\"content\":\"" STAMP_MARK "%s \"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n", stamp);
    event_len = (size_t)snprintf(event_frame, sizeof event_frame, "%x\r\n%s\r\n", n, event);
    event_stamp = (size_t)(strstr(event_frame, stamp) - event_frame);

    n = snprintf(event, sizeof event, CHUNK_START "},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
        USAGE "}\n\n");
    stream_end_len = (size_t)snprintf(stream_end, sizeof stream_end,
        "%x\r\n%s\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", n, event);
}

/* ---- writing ---- */

static void watch(int fd, bool out) {
    if (conns[fd].want_out == out) return;
    conns[fd].want_out = out;
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.fd = fd};
    epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &e);
}

static void close_conn(int fd) {
    struct conn *c = &conns[fd];
    free(c->out);
    c->out = NULL;
    c->out_cap = c->out_len = c->out_off = 0;
    c->open = c->streaming = false;
    c->generation++;
    close(fd);
}

static bool flush_out(int fd) {
    struct conn *c = &conns[fd];
    while (c->out_off < c->out_len) {
        ssize_t n = send(fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { watch(fd, true); return true; }
        if (n < 0) { close_conn(fd); return false; }
        c->out_off += (size_t)n;
    }
    c->out_len = c->out_off = 0;
    watch(fd, false);
    return true;
}

/* Sends at once what the socket takes and keeps the rest. False: the connection is gone. */
static bool put(int fd, const char *bytes, size_t n) {
    struct conn *c = &conns[fd];
    if (!c->out_len) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) { close_conn(fd); return false; }
        if (sent > 0) { bytes += sent; n -= (size_t)sent; }
        if (!n) return true;
    }
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) die("realloc");
    }
    memcpy(c->out + c->out_len, bytes, n);
    c->out_len += n;
    watch(fd, true);
    return true;
}

#ifdef WORDS
/* A word in place of the time, for whoever keeps and indexes what is said. */
static void fill_stamp(char *place, int left) {
    static const char *const words[] = {"a", "roundhouse", "keeps", "its", "engines", "around", "the", "turntable", "so",
        "that", "any", "of", "them", "can", "be", "sent", "out", "on", "every", "track", "and", "when", "night", "comes",
        "all", "stand", "there", "under", "one", "roof", "with", "fires", "low", "while", "men", "with", "lamps", "walk",
        "from", "wheel", "to", "wheel", "listening"};
    const char *word = words[left % (int)(sizeof words / sizeof *words)];
    memset(place, ' ', STAMP_DIGITS);
    memcpy(place, word, strlen(word));
}
#else
static void fill_stamp(char *place, int left) {
    (void)left;
    uint64_t t = now_ns();
    for (int i = STAMP_DIGITS - 1; i >= 0; i--, t /= 10) place[i] = (char)('0' + t % 10);
}
#endif

/* One content event stamped with the present time; `with_head` puts the response head before it. */
static bool put_event(int fd, bool with_head) {
    char buf[sizeof stream_head + sizeof event_frame];
    size_t n = 0;
    if (with_head) {
        n = sizeof stream_head - 1;
        memcpy(buf, stream_head, n);
    }
    memcpy(buf + n, event_frame, event_len);
    fill_stamp(buf + n + event_stamp, conns[fd].events_left);
    conns[fd].events_left--;
    return put(fd, buf, n + event_len);
}

static bool end_stream(int fd) {
    conns[fd].streaming = false;
    return put(fd, stream_end, stream_end_len);
}

/* Burst: one write per event for as long as the socket takes them. */
static bool pump(int fd) {
    struct conn *c = &conns[fd];
    while (c->events_left > 0 && !c->out_len)
        if (!put_event(fd, false)) return false;
    if (c->events_left > 0) return true; /* EPOLLOUT calls again */
    return end_stream(fd);
}

/* ---- paced streams: a queue of due times. All delays are equal, so it is always sorted. ---- */

static void arm_timer(void) {
    struct itimerspec when = {0};
    if (ring_head != ring_tail) {
        uint64_t at = ring[ring_head % RING].at;
        when.it_value.tv_sec = (time_t)(at / 1000000000ull);
        when.it_value.tv_nsec = (long)(at % 1000000000ull);
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void schedule(int fd, uint64_t at) {
    if (ring_tail - ring_head == RING) { fprintf(stderr, "mock: too many paced streams\n"); exit(1); }
    ring[ring_tail++ % RING] = (struct due){at, fd, conns[fd].generation};
}

static void run_due(void) {
    uint64_t expirations;
    if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("timer");
    while (ring_head != ring_tail && ring[ring_head % RING].at <= now_ns()) {
        struct due d = ring[ring_head++ % RING];
        struct conn *c = &conns[d.fd];
        if (!c->open || !c->streaming || c->generation != d.generation) continue;
        if (!put_event(d.fd, false)) continue;
        if (c->events_left > 0) schedule(d.fd, d.at + delay_ns); /* from the due time: no drift */
        else end_stream(d.fd);
    }
    arm_timer();
}

/* ---- requests ---- */

static bool in_edges(struct conn *c, const char *word) {
    return strstr(c->first, word) || strstr(c->last, word);
}

static bool answer(int fd) {
    struct conn *c = &conns[fd];
    c->first[c->first_len] = 0;
    c->last[c->last_len] = 0;
    c->reading = READ_HEAD;
    c->head_len = 0;
    if (strncmp(c->head, "POST ", 5) != 0) {
        char body[160], buf[320];
        int n = strncmp(c->head, "GET /stats", 10) == 0
            ? snprintf(body, sizeof body, "{\"served\":%llu}", (unsigned long long)served)
            : snprintf(body, sizeof body, "{\"object\":\"list\",\"data\":[{\"id\":\"mock-model\",\"object\":"
                       "\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}]}");
        int m = snprintf(buf, sizeof buf, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         "Content-Length: %d\r\n\r\n%s", n, body);
        return put(fd, buf, (size_t)m);
    }
    served++;
    if (!in_edges(c, "\"stream\":true") && !in_edges(c, "\"stream\": true")) return put(fd, json_answer, json_len);
    c->streaming = true;
    c->paced = in_edges(c, "paced");
    c->events_left = chunks_per_stream;
    if (!put_event(fd, true)) return false;
    if (!c->paced) return pump(fd);
    schedule(fd, now_ns() + delay_ns);
    if (ring_tail - ring_head == 1) arm_timer();
    return true;
}

static void keep_edges(void *ctx, const char *bytes, size_t n) {
    struct conn *c = ctx;
    if (c->first_len < EDGE) {
        size_t k = n < EDGE - c->first_len ? n : EDGE - c->first_len;
        memcpy(c->first + c->first_len, bytes, k);
        c->first_len += k;
    }
    if (n >= EDGE) {
        memcpy(c->last, bytes + n - EDGE, EDGE);
        c->last_len = EDGE;
        return;
    }
    size_t keep = c->last_len + n > EDGE ? EDGE - n : c->last_len;
    memmove(c->last, c->last + c->last_len - keep, keep);
    memcpy(c->last + keep, bytes, n);
    c->last_len = keep + n;
}

/* Head complete: finds out how the body is framed. */
static void start_body(struct conn *c) {
    c->first_len = c->last_len = 0;
    const char *length = header_value(c->head, "content-length");
    if (value_is(header_value(c->head, "transfer-encoding"), "chunked")) {
        c->reading = READ_CHUNKED;
        c->chunks = (struct chunked){0};
        return;
    }
    c->reading = READ_LENGTH;
    c->body_left = length ? strtoull(length, NULL, 10) : 0;
}

/* Uses up to n bytes for the request head; sets *complete when the blank line was seen. */
static size_t take_head(struct conn *c, const char *p, size_t n, bool *complete) {
    size_t room = HEAD_MAX - c->head_len, take = n < room ? n : room;
    size_t scan_from = c->head_len > 3 ? c->head_len - 3 : 0;
    memcpy(c->head + c->head_len, p, take);
    char *end = memmem(c->head + scan_from, c->head_len + take - scan_from, "\r\n\r\n", 4);
    if (!end) {
        c->head_len += take;
        return take;
    }
    size_t used = (size_t)(end + 4 - c->head) - c->head_len;
    c->head_len += used;
    c->head[c->head_len] = 0;
    *complete = true;
    return used;
}

static bool feed(int fd, const char *p, size_t n) {
    struct conn *c = &conns[fd];
    while (n) {
        size_t used = 0;
        bool complete = false;
        if (c->reading == READ_HEAD) {
            bool head_done = false;
            used = take_head(c, p, n, &head_done);
            if (head_done) {
                start_body(c);
                complete = c->reading == READ_LENGTH && !c->body_left;
                if (!complete && value_is(header_value(c->head, "expect"), "100-continue")
                    && !put(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25)) return false;
            } else if (c->head_len == HEAD_MAX) { close_conn(fd); return false; }
        } else if (c->reading == READ_LENGTH) {
            used = n < c->body_left ? n : (size_t)c->body_left;
            keep_edges(c, p, used);
            c->body_left -= used;
            complete = !c->body_left;
        } else {
            used = chunked_feed(&c->chunks, p, n, keep_edges, c);
            complete = c->chunks.state == CH_DONE;
            if (c->chunks.state == CH_BAD) { close_conn(fd); return false; }
        }
        p += used;
        n -= used;
        if (complete && !answer(fd)) return false;
    }
    return true;
}

static void on_readable(int fd) {
    for (;;) {
        ssize_t n = recv(fd, read_buf, sizeof read_buf, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) { close_conn(fd); return; }
        if (!feed(fd, read_buf, (size_t)n)) return;
        if ((size_t)n < sizeof read_buf) return;
    }
}

static void on_writable(int fd) {
    struct conn *c = &conns[fd];
    if (flush_out(fd) && c->streaming && !c->paced && !c->out_len) pump(fd);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0) return;
        if (fd >= MAX_FD) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = &conns[fd];
        c->open = true;
        c->want_out = c->streaming = false;
        c->reading = READ_HEAD;
        c->head_len = 0;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024)) die("mock: listen");
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: mock PORT CHUNKS DELAY_US\n"); return 2; }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* never outlive the driver */
    chunks_per_stream = atoi(argv[2]);
    delay_ns = strtoull(argv[3], NULL, 10) * 1000ull;
    prepare_answers();
    epfd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_on(atoi(argv[1]));
    int specials[] = {listener, timer_fd};
    for (int i = 0; i < 2; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = specials[i]};
        epoll_ctl(epfd, EPOLL_CTL_ADD, specials[i], &e);
    }
    struct epoll_event ready[256];
    for (;;) {
        int n = epoll_wait(epfd, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) accept_all(listener);
            else if (fd == timer_fd) run_due();
            else {
                if (!conns[fd].open) continue; /* closed earlier in this batch */
                if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(fd);
                if (conns[fd].open && (ready[i].events & EPOLLOUT)) on_writable(fd);
            }
        }
    }
}
