/* A chat completions server that keeps an exact schedule and knows what it truly did: one thread, epoll, a heap.
 *
 * truth [--port P] [--ttft SECONDS] [--itl SECONDS] [--tokens N]
 *
 * It prints its port and ends when standard input does. Token i of an answer is due at arrival + ttft + i * itl, where
 * the arrival is the kernel's own time stamp of the request's last packet: that the server got to read it late is no
 * fault of the client. Head, role chunk and first token leave in one write, so that no client can take one of them for
 * another; the last token takes the rest with it. A body's max_tokens (or max_completion_tokens) sets N.
 *
 * GET /truth         what happened since the start or the last reset, as JSON, in seconds
 * POST /truth/reset  forget; of streams that are open only the gaps from now on count
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tally.h"

enum { EVENTS = 1024, LARGEST_REQUEST = 1 << 22, READ = 1 << 16 };

typedef struct {
    int fd, place;                 /* place in the heap, -1 outside */
    int stream, usage, chat, last; /* of the answer under way; last: close after it */
    unsigned tokens, sent, epoch;
    int64_t arrival, due, written;
    char *in, *out;
    size_t in_size, in_room, out_size, out_sent;
} Connection;

static int64_t default_ttft = 50000000, default_itl = 10000000;
static unsigned default_tokens = 100, epoch = 1;
static int poller;

static Connection **heap;
static int heap_size, heap_room;

static struct {
    uint64_t requests, completed, aborted, tokens, opened, unstamped, full_sockets, other;
    int64_t connections, connections_peak, streams, streams_peak;
    double first_request, last_request, last_done, stream_seconds;
    double cpu_at_reset;
} counts;
static Tally ttft, itl, lateness, read_delay;

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* ---- the heap of answers by due moment ---- */

static void put(int place, Connection *c) {
    heap[place] = c;
    c->place = place;
}

static void sift_up(int place, Connection *c) {
    while (place && heap[(place - 1) / 2]->due > c->due) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(place, c);
}

static void sift_down(int place, Connection *c) {
    for (int child; (child = 2 * place + 1) < heap_size; place = child) {
        if (child + 1 < heap_size && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= c->due) break;
        put(place, heap[child]);
    }
    put(place, c);
}

static void schedule(Connection *c) {
    if (heap_size == heap_room) {
        heap_room = heap_room ? 2 * heap_room : 1024;
        heap = realloc(heap, heap_room * sizeof *heap);
    }
    sift_up(heap_size++, c);
}

static void unschedule(Connection *c) {
    if (c->place < 0) return;
    Connection *moved = heap[--heap_size];
    int place = c->place;
    c->place = -1;
    if (moved == c) return;
    sift_down(place, moved);
    sift_up(moved->place, moved);
}

/* ---- writing ---- */

static void hang_up(Connection *c) {
    if (c->place >= 0) {
        counts.aborted++;
        counts.streams--;
        unschedule(c);
    }
    counts.connections--;
    close(c->fd);
    free(c->in);
    free(c->out);
    c->fd = -1; /* freed by the caller's loop: an event for it may still wait in this round */
}

static void watch(Connection *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void send_all(Connection *c, const char *data, size_t size) {
    ssize_t done = c->out_size ? 0 : send(c->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done == (ssize_t)size) return;
    if (done < 0 && errno != EAGAIN) return; /* the reading side will see the end */
    if (done < 0) done = 0;
    counts.full_sockets++;
    c->out = realloc(c->out, c->out_size + size - done);
    memcpy(c->out + c->out_size, data + done, size - done);
    c->out_size += size - done;
    watch(c, EPOLLIN | EPOLLOUT);
}

static void flush(Connection *c) {
    ssize_t done = send(c->fd, c->out + c->out_sent, c->out_size - c->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done > 0) c->out_sent += done;
    if (c->out_sent == c->out_size) {
        c->out_size = c->out_sent = 0;
        watch(c, EPOLLIN);
    }
}

static size_t chunk(char *to, const char *format, ...) {
    char data[2048];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(data, sizeof data, format, arguments);
    va_end(arguments);
    return sprintf(to, "%x\r\n%s\r\n", size, data);
}

#define EVENT(object, choice) \
    "data: {\"id\":\"chatcmpl-7f0c2b1e9d4a4c6f\",\"object\":\"" object "\",\"created\":1760000000," \
    "\"model\":\"sim\",\"choices\":[" choice "]%s}\n\n"
#define CHAT(delta, reason) \
    EVENT("chat.completion.chunk", "{\"index\":0,\"delta\":" delta ",\"logprobs\":null,\"finish_reason\":" reason "}")
#define TEXT(text, reason) \
    EVENT("text_completion", "{\"index\":0,\"text\":\"" text "\",\"logprobs\":null,\"finish_reason\":" reason "}")
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"

static char token_chunk[2][512];
static size_t token_size[2];

static void write_token(Connection *c) {
    char data[4096];
    size_t size = 0;
    if (c->sent == 0) {
        size += sprintf(data, HEAD "Transfer-Encoding: chunked\r\n\r\n", "text/event-stream; charset=utf-8");
        if (c->chat) size += chunk(data + size, CHAT("{\"role\":\"assistant\",\"content\":\"\"}", "null"), "");
    }
    memcpy(data + size, token_chunk[c->chat], token_size[c->chat]);
    size += token_size[c->chat];
    if (c->sent + 1 == c->tokens) {
        if (c->chat) size += chunk(data + size, CHAT("{}", "\"length\""), "");
        else size += chunk(data + size, TEXT("", "\"length\""), "");
        if (c->usage) {
            char usage[160];
            sprintf(usage, ",\"usage\":{\"prompt_tokens\":256,\"completion_tokens\":%u,\"total_tokens\":%u}", c->tokens,
                    256 + c->tokens);
            if (c->chat) size += chunk(data + size, EVENT("chat.completion.chunk", ""), usage);
            else size += chunk(data + size, EVENT("text_completion", ""), usage);
        }
        size += chunk(data + size, "data: [DONE]\n\n");
        size += sprintf(data + size, "0\r\n\r\n");
    }
    int64_t moment = now(CLOCK_MONOTONIC);
    send_all(c, data, size);
    if (c->epoch == epoch) {
        if (c->sent == 0) add(&ttft, moment - c->arrival);
        else add(&itl, moment - c->written);
        add(&lateness, moment - c->due);
        counts.tokens++;
    }
    c->epoch = epoch; /* a stream from before a reset counts from its next gap on */
    c->written = moment;
    c->sent++;
    c->due += default_itl;
}

static void write_whole(Connection *c) {
    char body[1024], data[2048];
    int size = snprintf(body, sizeof body,
        "{\"id\":\"chatcmpl-7f0c2b1e9d4a4c6f\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"sim\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\" word\"},\"text\":\" word\","
        "\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":256,\"completion_tokens\":%u,"
        "\"total_tokens\":%u}}", c->tokens, 256 + c->tokens);
    size = snprintf(data, sizeof data, HEAD "Content-Length: %d\r\n\r\n%s", "application/json", size, body);
    add(&lateness, now(CLOCK_MONOTONIC) - c->due);
    counts.tokens += c->tokens;
    send_all(c, data, size);
    c->sent = c->tokens;
}

static void write_due(int64_t moment) {
    while (heap_size && heap[0]->due <= moment) {
        Connection *c = heap[0];
        if (c->stream) write_token(c);
        else write_whole(c);
        if (c->sent < c->tokens) {
            sift_down(0, c);
            continue;
        }
        unschedule(c);
        counts.completed++;
        counts.streams--;
        counts.stream_seconds += (now(CLOCK_MONOTONIC) - c->arrival) * 1e-9;
        counts.last_done = now(CLOCK_REALTIME) * 1e-9;
        if (c->last) shutdown(c->fd, SHUT_WR); /* the client closes, then we do */
    }
}

/* ---- what is asked ---- */

static void answer(Connection *c, const char *status, const char *body) {
    char data[8192];
    int size = snprintf(data, sizeof data,
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    send_all(c, data, size);
    counts.other++;
}

static void tell_truth(Connection *c) {
    char body[6144];
    int size = sprintf(body,
        "{\"requests\":%lu,\"completed\":%lu,\"aborted\":%lu,\"tokens\":%lu,\"connections_opened\":%lu,"
        "\"connections\":%ld,\"connections_peak\":%ld,\"streams\":%ld,\"streams_peak\":%ld,\"stream_seconds\":%.6f,"
        "\"full_sockets\":%lu,\"unstamped\":%lu,\"first_request\":%.6f,\"last_request\":%.6f,\"last_done\":%.6f,\"cpu_seconds\":%.6f",
        counts.requests, counts.completed, counts.aborted, counts.tokens, counts.opened, counts.connections,
        counts.connections_peak, counts.streams, counts.streams_peak, counts.stream_seconds, counts.full_sockets, counts.unstamped,
        counts.first_request, counts.last_request, counts.last_done, cpu() - counts.cpu_at_reset);
    size += tell(body + size, "ttft", &ttft);
    size += tell(body + size, "itl", &itl);
    size += tell(body + size, "lateness", &lateness);
    size += tell(body + size, "read_delay", &read_delay);
    sprintf(body + size, "}");
    answer(c, "200 OK", body);
}

static void reset(void) {
    int64_t connections = counts.connections, streams = counts.streams;
    memset(&counts, 0, sizeof counts);
    counts.connections = counts.connections_peak = connections;
    counts.streams = counts.streams_peak = streams;
    counts.cpu_at_reset = cpu();
    clear(&ttft), clear(&itl), clear(&lateness), clear(&read_delay);
    epoch++;
}

static int holds(const char *text, size_t size, const char *part) {
    return memmem(text, size, part, strlen(part)) != NULL;
}

static long number_after(const char *text, size_t size, const char *key) {
    const char *found = memmem(text, size, key, strlen(key));
    if (!found) return 0;
    const char *at = found + strlen(key);
    while (at < text + size && (*at == ' ' || *at == ':')) at++;
    return strtol(at, NULL, 10);
}

static void complete(Connection *c, const char *head, size_t head_size, const char *body, size_t size, int64_t arrival) {
    long asked = number_after(body, size, "\"max_tokens\"");
    if (asked <= 0) asked = number_after(body, size, "\"max_completion_tokens\"");
    c->tokens = asked > 0 ? (unsigned)asked : default_tokens;
    c->stream = holds(body, size, "\"stream\":true") || holds(body, size, "\"stream\": true");
    c->usage = holds(body, size, "\"include_usage\":true") || holds(body, size, "\"include_usage\": true");
    c->chat = holds(head, head_size, "/chat/completions");
    c->sent = 0;
    c->epoch = epoch;
    c->arrival = arrival;
    c->due = arrival + default_ttft + (c->stream ? 0 : (c->tokens - 1) * default_itl);
    counts.requests++;
    if (++counts.streams > counts.streams_peak) counts.streams_peak = counts.streams;
    int64_t moment = now(CLOCK_MONOTONIC);
    add(&read_delay, moment - arrival);
    counts.last_request = (now(CLOCK_REALTIME) - (moment - arrival)) * 1e-9;
    if (counts.requests == 1) counts.first_request = counts.last_request;
    schedule(c);
}

static void route(Connection *c, const char *head, size_t head_size, const char *body, size_t size, int64_t arrival) {
    c->last = strcasestr(head, "\r\nconnection: close") != NULL;
    if (!strncmp(head, "POST /truth/reset", 17)) {
        reset();
        answer(c, "200 OK", "{}");
    } else if (!strncmp(head, "GET /truth", 10)) tell_truth(c);
    else if (!strncmp(head, "POST ", 5) && holds(head, head_size, "/completions"))
        complete(c, head, head_size, body, size, arrival);
    else if (!strncmp(head, "GET ", 4) && holds(head, head_size, "/models"))
        answer(c, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"sim\",\"object\":\"model\",\"created\":1760000000,"
                            "\"owned_by\":\"bench\",\"max_model_len\":8192}]}");
    else if (!strncmp(head, "GET /health", 11)) answer(c, "200 OK", "{}");
    else answer(c, "404 Not Found", "{\"error\":{\"message\":\"not served here\"}}");
}

/* ---- reading ---- */

static int64_t arrived(struct msghdr *message, int64_t moment) {
    for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec *t = (struct timespec *)CMSG_DATA(m);
            int64_t ago = now(CLOCK_REALTIME) - (t->tv_sec * 1000000000LL + t->tv_nsec);
            if (ago >= 0 && ago < 60000000000LL) return moment - ago;
        }
    counts.unstamped++;
    return moment;
}

static ssize_t receive(Connection *c, int64_t *arrival) {
    if (c->in_room - c->in_size < READ / 8) {
        c->in_room = c->in_room ? 2 * c->in_room : READ / 8;
        c->in = realloc(c->in, c->in_room + 1);
    }
    char control[128];
    struct iovec part = {.iov_base = c->in + c->in_size, .iov_len = c->in_room - c->in_size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(c->fd, &message, MSG_DONTWAIT);
    *arrival = size > 0 ? arrived(&message, now(CLOCK_MONOTONIC)) : 0;
    return size;
}

static void read_request(Connection *c) {
    int64_t arrival;
    ssize_t size = receive(c, &arrival);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || c->in_size + size > LARGEST_REQUEST) {
        hang_up(c);
        return;
    }
    c->in_size += size;
    c->in[c->in_size] = 0;
    char *end = memmem(c->in, c->in_size, "\r\n\r\n", 4);
    if (!end || c->place >= 0) return;
    size_t head_size = end + 4 - c->in;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (c->in_size < head_size + body) return;
    route(c, c->in, head_size, c->in + head_size, body, arrival);
    c->in_size -= head_size + body; /* nobody pipelines: what is left, if anything, begins the next request */
    memmove(c->in, c->in + head_size + body, c->in_size);
    if (!c->in_size) {
        free(c->in);
        c->in = NULL;
        c->in_room = 0;
    }
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        Connection *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->place = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        counts.opened++;
        if (++counts.connections > counts.connections_peak) counts.connections_peak = counts.connections;
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* from the first packet on: connections inherit it */
    socklen_t size = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096)) {
        perror("truth: cannot listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void serve(int listener) {
    static struct epoll_event events[EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, input = {.events = EPOLLIN, .data.ptr = &input};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
    for (;;) {
        struct timespec wait, *timeout = NULL;
        if (heap_size) {
            int64_t left = heap[0]->due - now(CLOCK_MONOTONIC);
            if (left < 0) left = 0;
            wait.tv_sec = left / 1000000000;
            wait.tv_nsec = left % 1000000000;
            timeout = &wait;
        }
        int ready = epoll_pwait2(poller, events, EVENTS, timeout, NULL);
        write_due(now(CLOCK_MONOTONIC));
        for (int i = 0; i < ready; i++) {
            Connection *c = events[i].data.ptr;
            char end;
            if (c == NULL) accept_all(listener);
            else if ((void *)c == &input) {
                if (read(0, &end, 1) <= 0) return;
            } else {
                if (events[i].events & EPOLLOUT) flush(c);
                if (events[i].events & ~EPOLLOUT) read_request(c);
                if (c->fd < 0) free(c);
            }
        }
    }
}

int main(int count, char **arguments) {
    int port = 0;
    for (int i = 1; i + 1 < count; i += 2) {
        double value = atof(arguments[i + 1]);
        if (!strcmp(arguments[i], "--port")) port = (int)value;
        else if (!strcmp(arguments[i], "--ttft")) default_ttft = (int64_t)(value * 1e9);
        else if (!strcmp(arguments[i], "--itl")) default_itl = (int64_t)(value * 1e9);
        else if (!strcmp(arguments[i], "--tokens")) default_tokens = (unsigned)value;
        else {
            fprintf(stderr, "truth: %s is not known: --port, --ttft, --itl or --tokens\n", arguments[i]);
            return 2;
        }
    }
    prctl(PR_SET_TIMERSLACK, 1);
    token_size[1] = chunk(token_chunk[1], CHAT("{\"content\":\" word\"}", "null"), "");
    token_size[0] = chunk(token_chunk[0], TEXT(" word", "null"), "");
    poller = epoll_create1(EPOLL_CLOEXEC);
    serve(listen_on(port));
    return 0;
}
